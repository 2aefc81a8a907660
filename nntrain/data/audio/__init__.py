"""Sounds: what is read of a file, and the numbers of each step that are made of it."""
