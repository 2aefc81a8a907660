"""In which order batches come and what one step is."""
