"""Readers of benchmark files."""
