"""Tables that are larger than memory: read, learned from and trained on a block of rows at a time."""
