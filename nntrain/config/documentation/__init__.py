"""What may stand in a config, told from the classes that read it: JSON Schema, `nntrain help`, the Markdown reference. Torch-free."""
