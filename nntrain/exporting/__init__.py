"""Trained networks in forms that leave the run behind."""

from typing import Final

STATE_FILE: Final = "model.json"
"""File of an exported network that has all but its weights; a run folder with it is an export."""
