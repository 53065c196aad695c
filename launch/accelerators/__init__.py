"""Compiling for accelerators that are not present."""
