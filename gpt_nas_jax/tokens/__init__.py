"""Vocabulary and reading: networks as sequences of tokens."""
