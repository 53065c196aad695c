"""The Python interface, exported by `gpt_nas_jax`."""
