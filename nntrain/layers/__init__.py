"""Layers: options, shape rules, and the modules that they build."""
