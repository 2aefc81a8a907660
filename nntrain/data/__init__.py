"""From raw records to named tensors."""
