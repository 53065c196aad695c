"""Settings of the stages that use a network that was trained."""

import dataclasses
import os
from collections.abc import Iterator

from gpt_nas_jax.config.names import EXPORT_FORMATS, EXPORT_PLATFORMS, each_once
from gpt_nas_jax.config.setting import Section, setting


@dataclasses.dataclass(frozen=True)
class PredictConfig(Section):
    """Pictures that the network in --workdir is asked about."""

    files: str = setting(
        "",
        "Comma-separated pictures and folders of pictures; they are prepared as in "
        "training.",
        result=False,
    )
    out: str = setting(
        "",
        "The .csv file to write, a row for each picture: its five most probable "
        "classes, or why it cannot be read; default: print a table.",
        result=False,
        path=True,
    )

    def paths(self) -> tuple[str, ...]:
        """The files one by one; one that is named with its commas is a single file."""
        if os.path.exists(self.files):
            return (self.files,)
        return tuple(filter(None, self.files.split(",")))

    def problems(self) -> Iterator[str]:
        """Yields a line for each contradiction among these settings."""
        if not self.paths():
            yield "--stage=predict needs --predict_files, pictures or folders of them"
        if self.out and not self.out.endswith(".csv"):
            yield f"--predict_out={self.out} must end with .csv"


@dataclasses.dataclass(frozen=True)
class ExportConfig(Section):
    """Files that other programs read, made of the network in --workdir."""

    formats: str = setting(
        "flax,stablehlo",
        f"Comma-separated formats, of {', '.join(EXPORT_FORMATS)}.",
        result=False,
    )
    platforms: str = setting(
        "cpu",
        "Comma-separated platforms that the StableHLO file runs on, of "
        f"{', '.join(EXPORT_PLATFORMS)}; the one that exports must be among them.",
        result=False,
    )
    input: str = setting(
        "pixels",
        "Input of stablehlo, onnx and litert. pixels: uint8, prepared inside; "
        "normalised: float32, less the mean and by the deviation.",
        choices=("pixels", "normalised"),
        result=False,
    )
    data_dir: str = setting(
        "",
        "Where the run's data set is now, whose test images each file is checked on; "
        "default: where --data_dir of the run said.",
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
            if not each_once(chosen, allowed) or not {*chosen} <= {*allowed}:
                yield (
                    f"--export_{name}={','.join(chosen)}: give some of "
                    f"{', '.join(allowed)}, each once"
                )
