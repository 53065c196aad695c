"""A network as one readable file of PyTorch, ``network_torch.py``."""

import re

from gpt_nas_jax.exports import source
from gpt_nas_jax.exports.plan import CLASSIFIER, Step
from gpt_nas_jax.exports.source import Facts
from gpt_nas_jax.networks import blocks

FILE = "network_torch.py"

_HEAD = '''"""{title}

Needs torch and safetensors. The weights are in {weights}.

    from network_torch import predict
    names, probabilities = predict(images)  # uint8[N, {height}, {width}, {channels}]
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

{constants}

'''

_NETWORK = '''class Network(nn.Module):
    """Normalised images [N, C, H, W] to logits [N, {classes}]."""

    def __init__(self) -> None:
        super().__init__()
{modules}
        self.{classifier} = nn.Linear({features}, {classes})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
{calls}
        return self.{classifier}(x.mean((2, 3)))


def load(path: str | Path = WEIGHTS) -> Network:
    """The network with its weights, for inference.

    Kernels lie as in Flax, [height, width, input, output].
    """
    names = {{
        "kernel": "weight",
        "scale": "weight",
        "bias": "bias",
        "mean": "running_mean",
        "var": "running_var",
    }}
    state = {{}}
    for name, array in load_file(path).items():
        module, _, leaf = name.rpartition(".")
        value = array.movedim((-1, -2), (0, 1)) if leaf == "kernel" else array
        state[f"{{module}}.{{names[leaf]}}"] = value.contiguous()
    network = Network()
    network.load_state_dict(state)
    return network.eval()


@torch.inference_mode()
def logits(network: Network, images: torch.Tensor) -> torch.Tensor:
    """Pixels uint8[N, H, W, C] to logits [N, {classes}]."""
    device = images.device
    mean, std = torch.tensor(MEAN, device=device), torch.tensor(STD, device=device)
    x = (images.float() / 255 - mean) / std
    return network(x.permute(0, 3, 1, 2))


def predict(
    images: torch.Tensor, network: Network | None = None
) -> tuple[list[str], torch.Tensor]:
    """Names and probabilities of images, uint8[N, H, W, C] from 0 to 255."""
    images = torch.as_tensor(images)
    if images.dtype != torch.uint8 or tuple(images.shape[1:]) != IMAGE:
        given = f"{{images.dtype}}{{list(images.shape)}}"
        raise ValueError(f"images are {{given}}, not uint8[N, *{{IMAGE}}]")
    network = network or load().to(images.device)
    images = images.to(next(network.parameters()).device)
    probabilities = logits(network, images).softmax(-1)
    return [CLASSES[label] for label in probabilities.argmax(-1)], probabilities
'''


def write(steps: tuple[Step, ...], facts: Facts, weights: str, features: int) -> str:
    """The source of ``network_torch.py``.

    Args:
      steps: the blocks.
      facts: of the network and its images.
      weights: name of the weights file next to it.
      features: channels before the classifier.
    """
    head = facts.filled(_HEAD, weights)
    made = [line for line in map(_made, steps) if line]
    network = _NETWORK.format(
        modules="\n".join(made),
        calls="\n".join(map(_call, steps)),
        features=features,
        classes=len(facts.classes),
        classifier=CLASSIFIER,
    )
    parts = source.copied("torch", [source.part_of(step.module) for step in steps])
    # Some networks use none of its functions.
    used = re.search(r"\bF\b", f"{parts}{network}")
    head = head if used else head.replace(_FUNCTIONAL, "")
    return f"{head}{parts}{network}"


_FUNCTIONAL = "import torch.nn.functional as F\n"


def _made(step: Step) -> str | None:
    """The constructor's line; None for a block without weights."""
    module = step.module
    if isinstance(module, blocks.BatchNorm):
        channels = str(step.channels)
        return source.call(f"self.{step.name} = nn.BatchNorm2d", [channels, "1e-5"])
    if isinstance(module, blocks.AvgPool | blocks.MaxPool | blocks.ReLU):
        return None
    given = [str(step.channels), *source.arguments(module)]
    return source.call(f"self.{step.name} = {source.part_of(module)}", given)


def _call(step: Step) -> str:
    module = step.module
    if isinstance(module, blocks.ReLU):
        return source.call("x = F.relu", ["x"])
    if isinstance(module, blocks.AvgPool | blocks.MaxPool):
        given = ["x", *source.arguments(module)]
        return source.call(f"x = {source.part_of(module)}", given)
    return source.call(f"x = self.{step.name}", ["x"])
