"""Readers: images and benchmark files."""
