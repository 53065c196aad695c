"""Trained networks: loading from disk, and predictions on images."""
