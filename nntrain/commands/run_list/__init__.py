"""`runs`: the runs of a folder, and what is done with them."""
