"""Runs of several members: seeds, folds, bags."""
