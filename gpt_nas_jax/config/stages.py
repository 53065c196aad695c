"""Settings that belong to one stage each."""

import dataclasses

from gpt_nas_jax.config.names import BENCHMARKS, NETWORKS, PROXIES
from gpt_nas_jax.config.run import proxy_batch
from gpt_nas_jax.config.setting import setting


@dataclasses.dataclass(frozen=True)
class TablesConfig:
    """Many whole searches on a benchmark, and the tables of them."""

    name: str = setting("nasbench201", "The benchmark.", choices=BENCHMARKS)
    source: str = setting("", "Its compact .npz file.")
    scores: str = setting(
        "",
        "Zero-cost scores of all its cells, the scores.npz of --stage=proxies, as "
        "trends of surrogate and gpt_nas_online (nasbench201).",
    )
    strategies: str = setting(
        "", "Strategies to compare, with commas; without it all.", result=False
    )


@dataclasses.dataclass(frozen=True)
class ProxiesConfig:
    """Scores of NAS-Bench-201's networks before any training, and tables of them."""

    source: str = setting("", "NAS-Bench-201's compact .npz file.")
    names: str = setting("", "Proxies to score by, with commas; without it all.")
    networks: int = setting(
        1000, "Cells to score, drawn by the seed; 0 for all 15,625.", low=0, high=15_625
    )
    batch: int = proxy_batch()
    seeds: int = setting(1, "Initialisations that scores are means over.", low=1)

    def chosen(self) -> tuple[str, ...]:
        """The proxies by name."""
        return tuple(self.names.split(",")) if self.names else PROXIES


@dataclasses.dataclass(frozen=True)
class ZooConfig:
    """The table of the 36 human networks."""

    json: str = setting("", "Write the table to this file, too.", result=False)


@dataclasses.dataclass(frozen=True)
class BaselineConfig:
    """A human network, trained as a retraining trains."""

    name: str = setting(
        "ResNet-18",
        "The network, --stage=baseline; on images of at most 64 pixels the first two "
        "halvings of the resolution are taken out.",
        choices=NETWORKS,
    )


@dataclasses.dataclass(frozen=True)
class ImportConfig:
    """A released benchmark, to be converted to our compact file."""

    name: str = setting(
        "nasbench201", "The benchmark.", choices=BENCHMARKS, result=False
    )
    source: str = setting(
        "",
        "What was released: nasbench_only108.tfrecord; for nasbench201 the unpacked "
        "folder NATS-tss-v1_0-3ffb9-simple, or a .json or .csv of its cells.",
        result=False,
    )
    out: str = setting("", "The .npz file to write.", result=False)
