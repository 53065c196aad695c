"""Trained networks in use: read from disk, and asked about images."""
