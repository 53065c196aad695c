"""Settings that contradict each other."""

import math
from collections.abc import Sequence

from gpt_nas_jax import plugins
from gpt_nas_jax.config import (
    BENCHMARKS,
    PROXIES,
    STRATEGIES,
    TABLE_ROWS,
    TFDS,
    WHOLE,
    BaselineConfig,
    Config,
    DataConfig,
    ProxiesConfig,
    Recipe,
    SpaceConfig,
    TablesConfig,
)
from gpt_nas_jax.types import UsageError

_TABLE_FLAGS = {
    "source": BENCHMARKS,
    "strategies": BENCHMARKS,
    "scores": ("nasbench201",),
    "rows": ("3",),
    "seeds": ("3", "4", "5", "figure2"),
    "networks": ("4", "5", "figure2"),
    "rates": ("4", "figure2"),
    "epochs": ("5",),
}
"""Which tables read a flag."""


def check(config: Config) -> None:
    """Raises UsageError where settings contradict each other."""
    space, search, imports = config.space, config.search, config.imports
    importing, tabular = config.stage == "import_benchmark", config.on_benchmark()
    scoring, proxies = config.stage == "proxies", config.proxies.chosen()
    strategies = config.strategies()
    evaluations = config.evaluations()
    searching = config.stage in ("all", "search", "tables") and strategies
    batch, parts = config.retrain.recipe.batch, config.retrain.recipe.accumulate
    scored, asked = config.eval.method == "zero_cost", config.eval.proxies.split(",")
    problems = {
        **_space(space),
        f"--prior_width={config.prior.width} must be a multiple of the GPT's 4 "
        "heads": config.prior.width % 4,
        **_data(config.data),
        "--prior_nasbench101 is read by gpt_nas only: --search_strategy=gpt_nas, or "
        "among --tables_strategies": (
            not config.reads_cells() and config.prior.nasbench101
        ),
        "--prior_nasbench201 is read by gpt_nas only: --search_strategy=gpt_nas, or "
        "among --tables_strategies": (
            not config.reads_cells() and config.prior.nasbench201
        ),
        "--prior_nasbench101 is read by --prior_corpus=nasbench101 only": (
            config.prior.corpus == "nasbench201" and config.prior.nasbench101
        ),
        "--prior_nasbench201 is read by --prior_corpus=nasbench201 only": (
            config.prior.corpus == "nasbench101" and config.prior.nasbench201
        ),
        f"--stage=pretrain needs --search_strategy=gpt_nas; {search.strategy} learns "
        "no prior": config.stage == "pretrain" and not config.reads_cells(),
        f"--search_batch={search.batch} must divide the {evaluations} evaluations of a "
        "search": set(strategies) & ({*STRATEGIES} - WHOLE)
        and searching
        and evaluations % search.batch,
        f"--search_queries={search.queries} must be a multiple of --search_population="
        f"{search.population}": (
            tabular and set(strategies) & WHOLE and evaluations % search.population
        ),
        **_tables(config),
        "--stage=tables needs --tables_source, the benchmark's compact .npz file": (
            tabular and not config.tables.source
        ),
        f"--tables_strategies={config.tables.strategies}: give some of "
        f"{', '.join(STRATEGIES)}, each once": (not _each_once(strategies, STRATEGIES)),
        f"--prior_corpus={config.prior.corpus} holds what --tables_name searches; "
        "learn from the other benchmark": (
            tabular
            and "gpt_nas" in strategies
            and config.prior.corpus == config.tables.name
        ),
        "--proxies_source and the other --proxies_* need --stage=proxies": not scoring
        and config.proxies != ProxiesConfig(),
        "--stage=proxies needs --proxies_source, the compact .npz file of "
        "NAS-Bench-201": scoring and not config.proxies.source,
        f"--proxies_names={config.proxies.names}: give some of {', '.join(PROXIES)}, "
        "each once": (not _each_once(proxies, PROXIES)),
        f"--data_name={config.data.name} has no images of 32x32x3, which --stage="
        "proxies needs: give cifar10 or cifar100": (
            scoring and config.data.name not in ("cifar10", "cifar100")
        ),
        f"--eval_proxies={config.eval.proxies}: give some of {', '.join(PROXIES)}, "
        "each once": not _each_once(asked, PROXIES),
        "--eval_method=zero_cost and --search_filter score networks; --stage=tables "
        "looks them up, or trains them": config.search_proxies()
        and (config.stage == "tables" and config.tables.name != "3"),
        f"--search_filter={search.filter} has nothing to choose from: local_search "
        "asks the neighbours of one network in an order of its own; choose another "
        "--search_strategy": (
            search.filter > 1 and searching and "local_search" in strategies
        ),
        f"--eval_max_memory={config.eval.max_memory} must be auto or a number of GiB": (
            not _is_memory(config.eval.max_memory)
        ),
        "--eval_max_seconds stops a training; --eval_method=zero_cost trains nothing": (
            scored and config.eval.max_seconds
        ),
        "--train_warmup=all compiles programs of training; --eval_method=zero_cost "
        "trains no candidate": scored and config.train.warmup == "all",
        f"--baseline_name={config.baseline.name} needs --stage=baseline": (
            config.baseline != BaselineConfig() and config.stage != "baseline"
        ),
        "--zoo_json needs --stage=zoo": config.zoo.json and config.stage != "zoo",
        "--stage=import_benchmark needs --imports_source, what was released, and "
        "--imports_out, the file to write": (
            importing and not (imports.source and imports.out)
        ),
        "--imports_source and --imports_out need --stage=import_benchmark": (
            not importing and (imports.source or imports.out)
        ),
        f"--imports_out={imports.out} must end with .npz": (
            importing and not imports.out.endswith(".npz")
        ),
        **_recipe(config, "eval", config.eval.recipe),
        **_recipe(config, "retrain", config.retrain.recipe),
        f"--retrain_batch={batch} must be a multiple of --retrain_accumulate={parts}": (
            batch % parts
        ),
        "--retrain_genome needs --stage=retrain": (
            config.retrain.genome and config.stage != "retrain"
        ),
    }
    for problem, holds in problems.items():
        if holds:
            raise UsageError(problem)


def _space(space: SpaceConfig) -> dict[str, bool]:
    """Contradictions among the settings of the space."""
    return {
        f"--space_min_depth={space.min_depth} is more than "
        f"--space_max_depth={space.max_depth}": space.min_depth > space.max_depth,
        f"--space_min_depth={space.min_depth} leaves a stage empty; it must be at "
        f"least --space_num_stages={space.num_stages}": (
            space.min_depth < space.num_stages
        ),
        f"--space_width={space.width} must be a multiple of 16": space.width % 16,
        f"--space_blocks needs --space_name=blocks, not {space.name}": (
            space.blocks and space.name != "blocks"
        ),
    }


def _data(data: DataConfig) -> dict[str, bool]:
    """Contradictions among the settings of the images."""
    prepared = data.name.startswith(TFDS)
    own = plugins.is_path(data.name) and not prepared
    return {
        f"--data_name={data.name} needs --data_dir, where the data set lies": (
            not (own or data.name == "digits" or data.dir)
        ),
        f"--data_side needs --data_name=folder, imagenet2012, {TFDS}NAME or "
        "module:Name": bool(data.side)
        and not (own or prepared or data.name in ("folder", "imagenet2012")),
        "--data_fraction=0 leaves the search no image": not data.fraction,
        f"--data_valid_fraction={data.valid_fraction} must lie between 0 and 1": (
            not 0 < data.valid_fraction < 1
        ),
    }


def _recipe(config: Config, name: str, recipe: Recipe) -> dict[str, bool]:
    """What contradicts how candidates, or the best, are trained."""
    streamed = config.data.name == "imagenet2012"
    return {
        f"--{name}_warmup_epochs={recipe.warmup_epochs} is more than "
        f"--{name}_epochs={recipe.epochs}": recipe.warmup_epochs > recipe.epochs,
        # The default stands for what the data set does.
        f"--{name}_pad={recipe.pad} shifts no image of imagenet2012, of which random "
        "parts are taken instead; leave the flag out": (
            streamed and recipe.pad not in (0, Recipe.pad)
        ),
    }


def _tables(config: Config) -> dict[str, bool]:
    """What contradicts the table that is asked for."""
    tables, stage = config.tables, config.stage == "tables"
    problems = {
        f"--tables_{field} needs --stage=tables and --tables_name="
        f"{' or '.join(names)}": (
            getattr(tables, field) != getattr(TablesConfig, field)
            and not (stage and tables.name in names)
        )
        for field, names in _TABLE_FLAGS.items()
    }
    if not stage or not tables.of_paper():
        return problems
    rows, epochs = tables.chosen_rows(), tables.measured_epochs()
    whole = config.eval.trained_blocks == "all"
    return problems | {
        f"--tables_rows={tables.rows}: give some of {', '.join(TABLE_ROWS)}, each "
        "once": not _each_once(rows, TABLE_ROWS),
        f"--tables_rates={tables.rates} must begin with 0, which Table IV compares "
        "with": tables.elimination_rates()[0] != 0 and tables.name == "4",
        f"--tables_name={tables.name} trains networks whole: give "
        "--eval_trained_blocks=all": tables.name in ("4", "5") and not whole,
        f"--eval_epochs={config.eval.recipe.epochs} must be the last of "
        f"--tables_epochs={tables.epochs}": (
            tables.name == "5" and config.eval.recipe.epochs != epochs[-1]
        ),
        f"--eval_schedule={config.eval.recipe.schedule} depends on where a training "
        "ends, and Table V measures on the way: give constant": (
            tables.name == "5" and config.eval.recipe.schedule != "constant"
        ),
    }


def _is_memory(text: str) -> bool:
    """Whether a limit of memory is ``auto`` or a positive number."""
    try:
        return text == "auto" or 0 < float(text) < math.inf
    except ValueError:
        return False


def _each_once(given: Sequence[str], allowed: Sequence[str]) -> bool:
    named = {name for name in given if not plugins.is_path(name)}
    return named <= set(allowed) and len(set(given)) == len(given)
