"""What comes before a run: `init`, `check`, `show`."""
