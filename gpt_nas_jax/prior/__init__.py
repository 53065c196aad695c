"""The generative prior: vocabulary, corpus, GPT, FCN and reconstruction."""
