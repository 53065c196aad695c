"""Settings of the prior."""

import dataclasses
from collections.abc import Iterator

from gpt_nas_jax.config.names import BENCHMARKS
from gpt_nas_jax.config.setting import Section, setting

_HEADS = 4
"""Attention heads of the GPT."""


@dataclasses.dataclass(frozen=True)
class PriorConfig(Section):
    """The GPT and the FCN, and what they learn from."""

    dir: str = setting(
        "",
        "Where trained priors are stored and looked up; default <workdir>/prior.",
        result=False,
        path=True,
    )
    corpus: str = setting(
        "nasbench101",
        "The benchmark whose cells the GPT is pre-trained on (paper: nasbench101). To "
        "search one benchmark, pre-train on the other.",
        choices=BENCHMARKS,
    )
    nasbench101: str = setting(
        "",
        "NAS-Bench-101 file (compact .npz or nasbench_only108.tfrecord); default: all "
        "cells of at most 5 vertices.",
        path=True,
    )
    nasbench201: str = setting(
        "",
        "NAS-Bench-201 file (compact .npz). The GPT learns from the cells of the "
        "highest validation accuracy on CIFAR-10, the same fraction as the paper keeps "
        "of NAS-Bench-101; default: all cells.",
        path=True,
    )
    min_accuracy: float = setting(
        0.9,
        "Lowest validation accuracy of a cell from the NAS-Bench-101 file (paper: "
        "0.90); 0.0058 lower for files that have only test accuracy.",
        low=0,
        high=1,
    )
    holdout: float = setting(
        0.15,
        "Fraction of the architectures held out as the test set; with "
        "--prior_patience, the same fraction of the rest is the validation set (ours).",
        low=0,
        high=0.9,
    )
    context: int = setting(
        10,
        "Layers that the GPT reads before the one it predicts (paper: 10).",
        low=1,
        high=128,
    )
    width: int = setting(128, "Width of the GPT, a multiple of 4 (ours).", low=4)
    batch: int = setting(128, "Windows per step (paper: 128).", low=1)
    learning_rate: float = setting(
        1e-4, "Learning rate of Adam for the GPT (paper: 1e-4).", low=0
    )
    pretrain_epochs: int = setting(
        300,
        "Pre-training epochs. An epoch has as many steps as one pass over the distinct "
        "windows of --prior_corpus; windows are sampled by their frequency (paper: "
        "300).",
        low=0,
    )
    finetune_epochs: int = setting(
        300, "Fine-tuning epochs on the 36 human networks (paper: 300).", low=0
    )
    patience: int = setting(
        0,
        "Early stopping of both phases: stop after this many measurements without a "
        "lower validation loss, and restore the best weights; one measurement about "
        "every two epochs, but at least 50 steps apart, which are about ten epochs of "
        "the human networks; 0: off (ours).",
        low=0,
    )
    fcn_steps: int = setting(
        1000, "Training steps of the FCN, at learning rate 1e-3 (ours).", low=1
    )
    checkpoint_steps: int = setting(
        1000,
        "Steps between checkpoints of the GPT, rounded up to the next measurement; 0: "
        "none.",
        low=0,
        result=False,
    )

    def problems(self) -> Iterator[str]:
        """Yields a line for each contradiction among these settings."""
        if self.width % _HEADS:
            yield (
                f"--prior_width={self.width} must be a multiple of the GPT's {_HEADS} "
                "heads"
            )
        for name in BENCHMARKS:
            if getattr(self, name) and self.corpus != name:
                yield f"--prior_{name} needs --prior_corpus={name}"
        if self.min_accuracy != PriorConfig.min_accuracy and not self.nasbench101:
            yield (
                f"--prior_min_accuracy={self.min_accuracy:g} needs "
                "--prior_nasbench101, a file with accuracies"
            )
