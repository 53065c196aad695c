"""The paper's space: chains of blocks."""
