"""Steps that are taken to find something out before a run: `check --run`, `fit --tune`."""
