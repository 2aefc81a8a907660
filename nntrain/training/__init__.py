"""The loop, its state, checkpoints and devices. Never sees YAML."""
