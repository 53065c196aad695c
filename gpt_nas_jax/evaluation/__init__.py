"""From a candidate to its fitness."""
