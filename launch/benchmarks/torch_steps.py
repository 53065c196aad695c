"""One training step of a candidate in PyTorch eager, as its users write it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch_twin import TorchTwin

from gpt_nas_jax.config import Recipe
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.layers import Size

VERSION = torch.__version__


def step(
    chain: Chain,
    in_size: Size,
    variables: Mapping[str, Any],
    recipe: Recipe,
    x: np.ndarray,
    labels: np.ndarray,
    channels_last: bool,
) -> Callable[[], None]:
    """A function that trains on one batch and waits for the end.

    On a GPU it computes in bfloat16 by autocast.

    Args:
      chain: the candidate.
      in_size: height, width and channels of its images.
      variables: Linen's collections to start from.
      recipe: rates of SGD with Nesterov momentum.
      x: ``float32[B, H, W, C]``.
      labels: ``int[B]``.
      channels_last: whether images lie in memory as ``x`` does.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    layout = torch.channels_last if channels_last else torch.contiguous_format
    twin = TorchTwin(chain, in_size, variables).to(device, memory_format=layout).train()
    images = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
    images = images.to(device).contiguous(memory_format=layout)
    targets = torch.from_numpy(labels.astype(np.int64)).to(device)
    optimizer = torch.optim.SGD(
        twin.parameters(),
        recipe.learning_rate,
        recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=True,
    )

    def train() -> None:
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            loss = torch.nn.functional.cross_entropy(twin(images), targets)
        loss.backward()
        optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()

    return train
