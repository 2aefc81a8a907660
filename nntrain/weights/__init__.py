"""Trained weights that others have saved: read without running what they hold. The way in is `nntrain.weights.reading.read_weights`."""
