"""Proofs that a config or a run is what it should be: the whole way on a few batches, killed and resumed, byte for byte."""
