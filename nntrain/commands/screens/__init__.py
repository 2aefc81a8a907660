"""What is shown, wherever it comes from: numbers, tables, lines of a terminal, pages."""
