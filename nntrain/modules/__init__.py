"""Our own torch modules."""
