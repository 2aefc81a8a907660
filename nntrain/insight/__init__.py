"""What a run is like, for people: diagnosis, explanations, reports. Knows nothing of configs and commands."""
