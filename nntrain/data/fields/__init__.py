"""Typed columns: fitted on training rows, invertible."""
