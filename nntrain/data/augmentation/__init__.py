"""Random changes of training inputs, each a function of (seed, epoch, row)."""
