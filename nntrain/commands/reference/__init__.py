"""What there is: help, lists, the schema, the installation."""
