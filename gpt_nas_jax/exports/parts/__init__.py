"""The blocks as plain Flax and plain PyTorch.

These modules are read as text: `exports.source` copies the parts that a network needs
into one file, which imports nothing from this package. Modules inside a part have the
same names in both, which are the names of the weights.
"""
