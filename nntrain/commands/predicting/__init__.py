"""A trained network at work: `predict`, `generate`, `export`."""
