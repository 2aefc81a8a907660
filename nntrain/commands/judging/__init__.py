"""How good runs are: `eval`, `compare`."""
