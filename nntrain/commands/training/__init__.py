"""One run through its loop, from its first step to its summary."""
