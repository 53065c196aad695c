"""The 36 human-designed networks of the paper's fine-tuning corpus.

`ZOO` maps a name to its `ZooEntry`. All are built from the blocks of Table II.
"""

import dataclasses
from collections.abc import Callable

from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.networks.zoo import small
from gpt_nas_jax.networks.zoo.efficientnet import IMAGE_SIZES, efficientnet
from gpt_nas_jax.networks.zoo.googlenet import googlenet
from gpt_nas_jax.networks.zoo.regnet import REGNETS, regnet
from gpt_nas_jax.networks.zoo.resnet import RESNETS, resnet
from gpt_nas_jax.networks.zoo.shufflenet import SHUFFLENETS, shufflenet


@dataclasses.dataclass(frozen=True)
class ZooEntry:
    """A network of the zoo.

    Attributes:
      family: the paper's name for its kind.
      image: the image size it was designed for.
      design: from a number of classes to the network.
    """

    family: str
    image: Size
    design: Callable[[int], Chain]

    def build(self, num_classes: int, image: Size | None = None) -> Chain:
        """The network, changed where images of this size are small (`small`)."""
        chain = self.design(num_classes)
        return small.adapted(chain) if image and small.is_small(image) else chain


def _entries() -> dict[str, ZooEntry]:
    """All networks; the factories bind their names, not the loop's variable."""
    entries = {}

    def add(
        name: str, family: str, side: int, factory: Callable[[str, int], Chain]
    ) -> None:
        entries[name] = ZooEntry(
            family, (side, side, 3), lambda classes: factory(name, classes)
        )

    for name, side in IMAGE_SIZES.items():
        add(name, "EfficientNet", side, efficientnet)
    add("GoogLeNet", "GoogLeNet", 224, googlenet)
    for name in REGNETS:
        add(name, "RegNet", 224, regnet)
    for name in RESNETS:
        family = name.split("-")[0] if name.startswith("Res") else "Wide-ResNet"
        add(name, family, 224, resnet)
    for name in SHUFFLENETS:
        add(name, "ShuffleNet", 224, shufflenet)
    return entries


ZOO: dict[str, ZooEntry] = _entries()
