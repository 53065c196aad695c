"""Networks: layers, blocks, chains, the zoo and their cost."""
