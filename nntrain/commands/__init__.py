"""The verbs, each a plain typed function that is also the Python API. Packages import downward only, in the order of pyproject.toml."""
