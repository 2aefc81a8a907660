"""How texts are cut into tokens, and tokens become numbers."""
