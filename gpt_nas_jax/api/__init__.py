"""The Python interface; `gpt_nas_jax` has its names."""
