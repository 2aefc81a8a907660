"""Recipes that expand to layers or named nodes, and their compilation to one program. Torch-free."""
