"""What is reported of a prediction, over a whole split and in raw units."""
