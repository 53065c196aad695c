"""Human-designed networks: the 36 of the paper's fine-tuning corpus, and two more.

`ZOO` maps the names of the 36 to their `ZooEntry`, all built from the blocks of Table
II; `human` finds any network by its name, also ResNet-20 and MobileNetV2.
"""

import dataclasses
from collections.abc import Callable

from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.networks.zoo import narrow, small
from gpt_nas_jax.networks.zoo.efficientnet import IMAGE_SIZES, efficientnet
from gpt_nas_jax.networks.zoo.googlenet import googlenet
from gpt_nas_jax.networks.zoo.mobilenet import mobilenet_v2
from gpt_nas_jax.networks.zoo.regnet import REGNETS, regnet
from gpt_nas_jax.networks.zoo.resnet import RESNETS, resnet, resnet20
from gpt_nas_jax.networks.zoo.shufflenet import SHUFFLENETS, shufflenet


@dataclasses.dataclass(frozen=True)
class ZooEntry:
    """A network of the zoo.

    Attributes:
      family: the paper's name for its family.
      image: the image size it was designed for.
      design: builds the network for a number of classes.
      most: maximum FLOPs, to which the network is narrowed (`narrow`), or None.
    """

    family: str
    image: Size
    design: Callable[[int], Chain]
    most: float | None = None

    def build(self, num_classes: int, image: Size | None = None) -> Chain:
        """Builds the network; adapts one for large images to small ones, see `small`.

        Raises:
          UsageError: it cannot be narrowed to ``most`` FLOPs.
        """
        chain, size = self.design(num_classes), image or self.image
        if small.is_small(size) and not small.is_small(self.image):
            chain = small.adapted(chain)
        return chain if self.most is None else narrow.fitted(chain, size, self.most)


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
_MORE = {
    "ResNet-20": ZooEntry("ResNet", (32, 32, 3), resnet20),
    "MobileNetV2": ZooEntry("MobileNet", (224, 224, 3), mobilenet_v2),
}


def human(name: str) -> ZooEntry:
    """Finds a network by name: one of `ZOO`, ResNet-20 or MobileNetV2.

    ``NAME@FLOPS`` is the network narrowed to at most this many FLOPs for one image.
    """
    plain, _, most = name.partition("@")
    entry = (ZOO | _MORE)[plain]
    return dataclasses.replace(entry, most=float(most)) if most else entry
