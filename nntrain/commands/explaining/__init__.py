"""`explain`: which columns matter, and why rows got their answers."""
