"""Sequences that a network goes on with by itself."""
