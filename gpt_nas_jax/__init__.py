"""GPT-NAS in JAX: a generative prior over layers inside an evolutionary search."""

__version__ = "0.1.0"
