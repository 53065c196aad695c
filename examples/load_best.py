"""Predicts the test images with the network of launch/digits.flags."""

import sys

import gpt_nas_jax as gnj

network = gnj.load(sys.argv[1] if sys.argv[1:] else "runs/digits")
test = gnj.datasets.load("digits").test
names, probabilities = network.predict(test.images)
print(names[0], probabilities[0].max(), (names == test.labels.astype(str)).mean())
