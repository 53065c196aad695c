"""What a network is: layers, blocks, candidates, the zoo and their cost."""
