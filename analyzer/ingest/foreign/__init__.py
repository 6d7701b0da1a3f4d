"""What other programs print: one module a format, each gives the Parsed of a file."""
