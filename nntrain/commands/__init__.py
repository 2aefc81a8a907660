"""One file a verb, each a plain typed function that is also the Python API."""
