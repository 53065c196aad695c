"""Train one network fast."""
