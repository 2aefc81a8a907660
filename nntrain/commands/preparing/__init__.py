"""From a config to a job: rows, settings, memory, signals, all before the first step."""
