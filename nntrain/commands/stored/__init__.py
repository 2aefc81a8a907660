"""What a run folder holds, read and written."""
