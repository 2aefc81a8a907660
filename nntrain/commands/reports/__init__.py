"""`report`: a run as a page."""
