"""Compiling for accelerators that are not there."""
