"""Logs that a run writes for other programs to show."""

import dataclasses

from gpt_nas_jax.config.setting import Section, setting


@dataclasses.dataclass(frozen=True)
class LogConfig(Section):
    """Logs for other programs."""

    tensorboard: str = setting(
        "no",
        "yes: also write tensorboard/ in the workdir, for TensorBoard; needs the "
        "package tensorboardX. It is rewritten at each start (ours).",
        choices=("yes", "no"),
        result=False,
    )
