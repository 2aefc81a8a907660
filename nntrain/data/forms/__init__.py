"""How what is predicted of a target is written: in cells of a table, as arrays, in files of its own, drawn over images."""
