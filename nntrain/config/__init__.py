"""Reading, checking and rendering of configs. Torch-free."""
