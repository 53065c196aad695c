"""What a run writes for other programs to show."""

import dataclasses

from gpt_nas_jax.config.setting import Section, setting


@dataclasses.dataclass(frozen=True)
class LogConfig(Section):
    """Logs for other programs."""

    tensorboard: bool = setting(
        False,
        "Also write tensorboard/ in the workdir, for TensorBoard; needs the package "
        "tensorboardX. It is written anew at each start (ours).",
        result=False,
    )
