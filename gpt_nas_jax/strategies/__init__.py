"""Search strategies as pure init, ask and tell."""
