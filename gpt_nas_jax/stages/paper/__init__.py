"""The tables and the figure of the paper (arXiv 2305.05351v4), run again."""
