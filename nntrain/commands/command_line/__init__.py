"""What words and options of a command line mean."""
