"""Networks that start from trained weights."""
