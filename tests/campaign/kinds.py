"""The runs that faults are injected into; each takes a few seconds."""

import dataclasses
from pathlib import Path

_SMALL = (
    "--data_train_limit=200",
    "--space_min_depth=1",
    "--space_max_depth=2",
    "--space_num_stages=1",
    "--prior_width=16",
    "--prior_pretrain_epochs=1",
    "--prior_finetune_epochs=2",
    "--prior_fcn_steps=50",
    "--search_population=2",
    "--search_generations=2",
    "--search_batch=2",
    "--eval_epochs=1",
    "--eval_batch=50",
    "--eval_pad=1",
    "--retrain_epochs=2",
    "--retrain_batch=256",
    "--retrain_checkpoint_steps=3",
)
_BENCHMARK = Path(__file__).parents[3] / "shared" / "data" / "nasbench201.npz"


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of run.

    Attributes:
      name: its name.
      flags: its flags besides `_SMALL` and the folders.
      trains: whether candidates are trained, which may fail.
      own_prior: whether its prior is learned in its own workdir.
    """

    name: str
    flags: tuple[str, ...]
    trains: bool = True
    own_prior: bool = False

    def command(self, workdir: Path, home: Path) -> list[str]:
        """The arguments of the program; all runs share ``home``."""
        prior = workdir / "prior" if self.own_prior else home / "prior"
        return [
            *_SMALL,
            f"--workdir={workdir}",
            f"--prior_dir={prior}",
            f"--train_cache_dir={home / 'compiled'}",
            *self.flags,
        ]


def kinds() -> list[Kind]:
    """All kinds whose data are available."""
    strategies = (
        *("random", "genetic", "gpt_nas", "regularised_evolution"),
        *("local_search", "surrogate", "gpt_nas_online"),
    )
    found = [Kind(name, (f"--search_strategy={name}",)) for name in strategies]
    found += [
        Kind(
            "two workers, averages",
            (
                "--search_strategy=random",
                "--search_workers=2",
                "--retrain_ema=0.99",
                "--retrain_label_smoothing=0.1",
            ),
        ),
        Kind(
            "zero cost",
            ("--stage=search", "--search_strategy=genetic", "--eval_method=zero_cost"),
            trains=False,
        ),
        Kind(
            "finalists",
            (
                "--search_strategy=random",
                "--search_finalists=2",
                "--search_finalist_epochs=1",
            ),
        ),
        Kind(
            "filter",
            (
                "--stage=search",
                "--search_strategy=genetic",
                "--search_filter=2",
                "--eval_proxies=synflow",
            ),
        ),
        Kind(
            "prior",
            ("--stage=pretrain", "--prior_checkpoint_steps=1"),
            trains=False,
            own_prior=True,
        ),
        Kind(
            "one network",
            (
                "--stage=retrain",
                "--search_strategy=random",
                "--retrain_genome=7,12",
                "--retrain_checkpoint_steps=3",
            ),
            trains=False,
        ),
        Kind(
            "table V",
            (
                "--stage=tables",
                "--tables_name=5",
                "--tables_networks=3",
                "--tables_epochs=1,2",
                "--eval_epochs=2",
                "--eval_trained_blocks=all",
                "--eval_schedule=constant",
            ),
        ),
    ]
    if _BENCHMARK.exists():
        found.append(
            Kind(
                "NAS-Bench-201",
                (
                    "--stage=tables",
                    f"--tables_source={_BENCHMARK}",
                    "--tables_strategies=random,genetic,local_search",
                    "--search_seeds=50",
                    "--search_queries=20",
                ),
                trains=False,
            )
        )
    return found
