"""How gradients move the weights."""
