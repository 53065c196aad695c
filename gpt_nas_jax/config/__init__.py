"""All settings of a run, with default, unit and source."""

import dataclasses

from gpt_nas_jax import plugins
from gpt_nas_jax.config.hosts import HostsConfig
from gpt_nas_jax.config.log import LogConfig
from gpt_nas_jax.config.names import (
    ACCURACY,
    BALANCED,
    BENCHMARKS,
    CONTROLS,
    COSTS,
    EXECUTORS,
    HUMAN_ROWS,
    LATENCY,
    LEARNED,
    NETWORKS,
    OWN_DATA,
    PAPER_ROWS,
    PROXIES,
    SPACES,
    STRATEGIES,
    TABLE_ROWS,
    TFDS,
    WHOLE,
)
from gpt_nas_jax.config.prior import PriorConfig
from gpt_nas_jax.config.ray import RayConfig
from gpt_nas_jax.config.recipe import EvalRecipe, Recipe, RetrainRecipe
from gpt_nas_jax.config.run import DataConfig, SearchConfig, SpaceConfig
from gpt_nas_jax.config.setting import Section, Setting, setting
from gpt_nas_jax.config.stage import STAGES, Stage
from gpt_nas_jax.config.stages import (
    BaselineConfig,
    ImportConfig,
    ProxiesConfig,
    ReportConfig,
    TablesConfig,
    ZooConfig,
)
from gpt_nas_jax.config.training import EvalConfig, RetrainConfig, TrainConfig
from gpt_nas_jax.config.using import ExportConfig, PredictConfig

__all__ = [
    "ACCURACY",
    "BALANCED",
    "BENCHMARKS",
    "CONTROLS",
    "COSTS",
    "EXECUTORS",
    "HUMAN_ROWS",
    "LATENCY",
    "LEARNED",
    "NETWORKS",
    "OWN_DATA",
    "PAPER_ROWS",
    "PROXIES",
    "SPACES",
    "STAGES",
    "STRATEGIES",
    "TABLE_ROWS",
    "TFDS",
    "WHOLE",
    "BaselineConfig",
    "Config",
    "DataConfig",
    "EvalConfig",
    "EvalRecipe",
    "ExportConfig",
    "HostsConfig",
    "ImportConfig",
    "LogConfig",
    "PredictConfig",
    "PriorConfig",
    "ProxiesConfig",
    "RayConfig",
    "Recipe",
    "ReportConfig",
    "RetrainConfig",
    "RetrainRecipe",
    "SearchConfig",
    "Section",
    "Setting",
    "SpaceConfig",
    "Stage",
    "TablesConfig",
    "TrainConfig",
    "ZooConfig",
]


@dataclasses.dataclass(frozen=True)
class Config:
    """One run."""

    stage: str = setting(
        "all", "The part of the program to run.", choices=tuple(STAGES), result=False
    )
    workdir: str = setting(
        "runs/default",
        "Directory of the run: a folder, or one on a store, gs://BUCKET/FOLDER or "
        "s3://BUCKET/FOLDER (docs/many-machines.md).",
        result=False,
        path=True,
        stores=("gs", "s3"),
    )
    executor: str = setting(
        "local",
        "Where evaluations run. local: on the devices of this process; hosts: on "
        "those of all processes started by this command, which also share the "
        "retraining; ray: on the workers of a Ray cluster (docs/many-machines.md).",
        choices=EXECUTORS,
        plugin=True,
        result=False,
    )
    # JAX drops the higher bits of a larger seed.
    seed: int = setting(0, "Seed of all randomness.", low=0, high=2**32 - 1)
    hosts: HostsConfig = HostsConfig()
    ray: RayConfig = RayConfig()
    data: DataConfig = DataConfig()
    space: SpaceConfig = SpaceConfig()
    prior: PriorConfig = PriorConfig()
    search: SearchConfig = SearchConfig()
    eval: EvalConfig = EvalConfig()
    retrain: RetrainConfig = RetrainConfig()
    train: TrainConfig = TrainConfig()
    log: LogConfig = LogConfig()
    tables: TablesConfig = TablesConfig()
    proxies: ProxiesConfig = ProxiesConfig()
    zoo: ZooConfig = ZooConfig()
    baseline: BaselineConfig = BaselineConfig()
    imports: ImportConfig = ImportConfig()
    report: ReportConfig = ReportConfig()
    predict: PredictConfig = PredictConfig()
    export: ExportConfig = ExportConfig()

    def evaluations(self) -> int:
        """How many candidates a search evaluates."""
        if self.on_benchmark():
            return self.search.queries
        return self.search.population * self.search.generations

    def finalist_epochs(self) -> int:
        """Epochs that a finalist is trained for."""
        return self.search.finalist_epochs or 3 * self.eval.recipe.epochs

    def search_proxies(self) -> tuple[str, ...]:
        """The zero-cost proxies that the search uses; empty if it uses none."""
        used = self.eval.method == "zero_cost" or self.search.filter > 1
        return tuple(self.eval.proxies.split(",")) if used else ()

    def strategies(self) -> tuple[str, ...]:
        """The strategies that the stage runs: one, or all that it compares."""
        if self.on_benchmark():
            named = self.tables.strategies
            return tuple(named.split(",")) if named else STRATEGIES
        if self.stage == "tables":
            rows = self.tables.chosen_rows() if self.tables.name == "3" else ()
            return tuple(name for name in rows if name in STRATEGIES)
        return (self.search.strategy,)

    def on_benchmark(self) -> bool:
        """Whether the stage searches a benchmark's table."""
        return self.stage == "tables" and not self.tables.of_paper()

    def reads_cells(self) -> bool:
        """Whether these settings include a prior."""
        eliminates = self.stage == "tables" and self.tables.name in ("4", "figure2")
        return eliminates or any(map(_asks_prior, self.strategies()))

    def needs_prior(self) -> bool:
        """Whether the stage uses the prior, which it trains on cells."""
        return self.reads_cells() and self.stage != "retrain"


def _asks_prior(strategy: str) -> bool:
    """Whether a strategy, which may be the user's class, uses the paper's prior."""
    if not plugins.is_path(strategy):
        return strategy in LEARNED
    return "prior" in plugins.fields_of("--search_strategy", strategy)
