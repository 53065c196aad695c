"""A candidate in, a fitness out."""
