"""The verbs as functions of Python."""
