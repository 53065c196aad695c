"""The seven human-designed networks of the paper's Table III, from the zoo.

The paper gives families and parameters in millions, which do not always identify one of
its own 36 networks. With 1000 classes:

| paper | parameters there | here | parameters |
|---|---|---|---|
| EfficientNet-B0 | 5.3 | EfficientNet-B0 | 5.29 |
| GoogLeNet | 6.6 | GoogLeNet | 6.62 |
| RegNet | 31.3 | RegNetY-8GF, the nearest of the 14 | 39.38 |
| ResNet-101 | 44.5 | ResNet-101 | 44.55 |
| ResNeXt-101 | 18.1 | ResNeXt-101-32x8d, by its name | 88.79 |
| ShuffleNet | 3.5 | ShuffleNetV2-x1.5 | 3.50 |
| Wide-ResNet | 36.5, ImageNet 68.9 | Wide-ResNet-50-2 | 68.88 |

No ResNeXt of 101 layers has 18.1 million. On CIFAR the paper's Wide-ResNet has
parameters and accuracies of WRN-28-10 (arXiv 1605.07146), which is not among the 36.
"""

SEVEN: dict[str, str] = {
    "EfficientNet-B0": "EfficientNet-B0",
    "GoogLeNet": "GoogLeNet",
    "RegNet": "RegNetY-8GF",
    "ResNet-101": "ResNet-101",
    "ResNeXt-101": "ResNeXt-101-32x8d",
    "ShuffleNet": "ShuffleNetV2-x1.5",
    "Wide-ResNet": "Wide-ResNet-50-2",
}
"""The paper's name to the name in `ZOO`."""
