"""A package without __main__."""
