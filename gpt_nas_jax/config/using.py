"""Settings of the stages that use a trained network."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

from gpt_nas_jax.config.names import EXPORT_FORMATS, EXPORT_PLATFORMS, each_once
from gpt_nas_jax.config.setting import Section, setting


@dataclasses.dataclass(frozen=True)
class PredictConfig(Section):
    """Pictures that the network in --workdir classifies."""

    files: str = setting(
        "",
        "Comma-separated pictures and folders of pictures; they are prepared as in "
        "training.",
        result=False,
    )
    out: str = setting(
        "",
        "The .csv file to write, with a row per picture: its five most probable "
        "classes, or why it cannot be read; default: print a table.",
        result=False,
        path=True,
    )

    def paths(self) -> tuple[str, ...]:
        """The files one by one; an existing path that contains commas is one file."""
        if os.path.exists(self.files):
            return (self.files,)
        return tuple(filter(None, self.files.split(",")))

    def problems(self) -> Iterator[str]:
        """Yields a line for each contradiction among these settings."""
        if not self.paths():
            yield "--stage=predict needs --predict_files, pictures or folders of them"
        if self.out and Path(self.out).suffix != ".csv":
            yield f"--predict_out={self.out} must end with .csv"


@dataclasses.dataclass(frozen=True)
class ExportConfig(Section):
    """Exports of the network in --workdir to other programs."""

    formats: str = setting(
        "flax,stablehlo",
        f"Comma-separated formats, of {', '.join(EXPORT_FORMATS)}.",
        result=False,
    )
    platforms: str = setting(
        "cpu",
        "Comma-separated platforms that the StableHLO file runs on, of "
        f"{', '.join(EXPORT_PLATFORMS)}; they must include the one that exports.",
        result=False,
    )
    input: str = setting(
        "pixels",
        "Input of stablehlo, onnx and litert. pixels: uint8, prepared inside; "
        "normalised: float32, minus the mean and divided by the standard deviation.",
        choices=("pixels", "normalised"),
        result=False,
    )
    data_dir: str = setting(
        "",
        "Where the run's data set is now; each file is checked on its test images; "
        "default: --data_dir of the run.",
        result=False,
        path=True,
    )

    def chosen_formats(self) -> tuple[str, ...]:
        """The formats one by one."""
        return tuple(self.formats.split(","))

    def chosen_platforms(self) -> tuple[str, ...]:
        """The platforms one by one."""
        return tuple(self.platforms.split(","))

    def problems(self) -> Iterator[str]:
        """Yields a line for each contradiction among these settings."""
        for name, chosen, allowed in (
            ("formats", self.chosen_formats(), EXPORT_FORMATS),
            ("platforms", self.chosen_platforms(), EXPORT_PLATFORMS),
        ):
            if not each_once(chosen, allowed):
                yield (
                    f"--export_{name}={','.join(chosen)}: give some of "
                    f"{', '.join(allowed)}, each once"
                )
