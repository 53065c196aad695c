"""Contradictions among the settings that a stage reads."""

import dataclasses
import os
from collections.abc import Callable, Iterator

from gpt_nas_jax.config import (
    ACCURACY,
    BENCHMARKS,
    COSTS,
    LATENCY,
    LEARNED,
    STAGES,
    STRATEGIES,
    WHOLE,
    Config,
    EvalConfig,
    HostsConfig,
    RayConfig,
    Recipe,
    RetrainConfig,
    SearchConfig,
    Section,
    fields,
    stage,
)
from gpt_nas_jax.types import UsageError

_ONLY = {
    "retrain_genome": ("retrain",),
    "search_queries": ("tables",),
    "search_seeds": ("tables",),
}
"""Stages that read a setting, where more stages read the rest of its section."""

_LEFT = ("tables_name", "imports_name")
"""Settings that other stages may ignore: alone they request nothing."""


def check(config: Config) -> None:
    """Raises UsageError if a setting is out of range or settings contradict each other.

    The command line refuses values out of range by itself; a config may also be made in
    Python.
    """
    for problem in _problems(config):
        raise UsageError(problem)


def _problems(config: Config) -> Iterator[str]:
    """The problems of single settings, then those within and those between sections."""
    yield from fields.problems(config)
    read = stage.checked(config.stage)
    for name in read:
        section = getattr(config, name)
        if isinstance(section, Section):
            yield from section.problems()
    for sections, between in _BETWEEN:
        if set(sections) <= set(read):
            yield from between(config)
    yield from _of_other_stages(config)


def _on_store(config: Config) -> bool:
    return "://" in os.fspath(config.workdir)


def _of_other_stages(config: Config) -> Iterator[str]:
    """Settings that request something only another stage does."""
    for field, default in fields.beside_defaults(config):
        readers = _ONLY.get(
            field.name, [n for n, one in STAGES.items() if field.path[0] in one.reads]
        )
        changed = field.default != default and field.name not in _LEFT
        # Flagfiles set what several stages read, each a part of it.
        if changed and len(readers) == 1 and config.stage not in readers:
            yield f"--{field.name}={field.default} needs --stage={readers[0]}"


def _prior_of_strategy(config: Config) -> Iterator[str]:
    if config.reads_cells():
        return
    fixes = {"3": "add gpt_nas to --tables_rows", "5": "leave it out for Table V"}
    table = config.tables.name if config.stage == "tables" else ""
    fix = fixes.get(table, "set --search_strategy=gpt_nas or --tables_strategies")
    for name in BENCHMARKS:
        if getattr(config.prior, name):
            yield f"--prior_{name} is for gpt_nas and its controls only: {fix}"
    if config.stage == "pretrain":
        yield (
            "--stage=pretrain needs --search_strategy=gpt_nas; "
            f"{config.search.strategy} has no prior"
        )


def _batches(config: Config) -> Iterator[str]:
    """Batches and populations that do not divide a search or cannot be filtered."""
    search, evaluations = config.search, config.evaluations()
    strategies = set(config.strategies())
    searching = config.stage in ("all", "search", "tables")
    batched = strategies & ({*STRATEGIES} - WHOLE)
    if searching and batched and evaluations % search.batch:
        yield (
            f"--search_batch={search.batch} must divide the {evaluations} evaluations "
            "of a search"
        )
    if config.on_benchmark() and strategies & WHOLE and evaluations % search.population:
        yield (
            f"--search_queries={search.queries} must be a multiple of "
            f"--search_population={search.population}"
        )
    if search.filter > 1 and searching and "local_search" in strategies:
        yield (
            f"--search_filter={search.filter} has no effect on local_search, which "
            "visits the neighbours of one network in its own order; choose another "
            "--search_strategy"
        )


def _shifts(section: str) -> Callable[[Config], Iterator[str]]:
    """The check of a recipe, ``eval`` or ``retrain``, against the images."""

    def check(config: Config) -> Iterator[str]:
        recipe: Recipe = getattr(config, section).recipe
        # The default means whatever the data set does.
        if config.data.name == "imagenet2012" and recipe.pad not in (0, Recipe.pad):
            yield (
                f"--{section}_pad={recipe.pad} does not apply to imagenet2012, which "
                "has random resized crops; leave the flag out"
            )

    return check


def _unread_proxies(config: Config) -> Iterator[str]:
    """Proxies that a search was given but would not use."""
    searching = config.stage in ("all", "search")
    chosen = config.eval.proxies != EvalConfig.proxies
    if searching and chosen and not config.search_proxies():
        yield (
            f"--eval_proxies={config.eval.proxies} has no effect here; add "
            "--eval_method=zero_cost to search by its scores, or --search_filter=3 to "
            "train the best candidate of three by its scores"
        )


def _steered(config: Config) -> Iterator[str]:
    """Settings that a search ignores, and conflicts of ``--search_lag``."""
    search, strategies = config.search, config.strategies()
    # Tables IV and V and Figure 2 run no strategy.
    if strategies:
        yield from search.unread_rates(strategies)
    if config.on_benchmark():
        for name in ("lag", "max_hours", "seeds_from", "finalists"):
            value = getattr(search, name)
            if value != getattr(SearchConfig, name):
                yield (
                    f"--search_{name}={value} has no effect on searches of a "
                    "benchmark; leave it out"
                )
    if search.lag and (config.executor != "local" or _on_store(config)):
        yield (
            f"--search_lag={search.lag} needs --executor=local and a --workdir on a "
            "disk"
        )
    if search.lag and search.filter > 1:
        yield (
            f"--search_lag={search.lag}: --search_filter={search.filter} scores "
            "networks behind the candidates that run; leave one of them out"
        )
    if search.lag and search.strategy == "local_search":
        yield (
            f"--search_lag={search.lag}: local_search derives its next candidates "
            "from the last ones; choose another --search_strategy"
        )


def _rungs(config: Config) -> Iterator[str]:
    """Rungs that stop no candidate, or that the stage does not use."""
    settings, recipe = config.eval, config.eval.recipe
    given = f"--eval_rungs={recipe.rungs}"
    if settings.keep != EvalConfig.keep and not recipe.rungs:
        yield f"--eval_keep={settings.keep} needs --eval_rungs, such as 2,6,18"
    if not recipe.rungs:
        return
    if recipe.schedule not in ("linear", "cosine"):
        yield f"{given} needs --eval_schedule=linear or cosine, which decay at each"
    if config.stage == "tables" and config.tables.name != "3":
        yield f"{given} is for searches; leave it out of --tables_name"
    size, flag = config.search.asked(config.search.strategy), "batch"
    if config.search.proposes_whole(config.search.strategy):
        flag = "population"
    if size < settings.keep:
        yield (
            f"{given}: of {size} candidates at a time none stops before the last rung; "
            f"--search_{flag} must be at least --eval_keep={settings.keep}"
        )


def _finalists(config: Config) -> Iterator[str]:
    epochs, warmup = config.search.finalist_epochs, config.eval.recipe.warmup_epochs
    if epochs and config.search.finalists == 1:
        yield f"--search_finalist_epochs={epochs} needs --search_finalists=2 or more"
    if epochs and epochs < warmup:
        yield (
            f"--search_finalist_epochs={epochs} is less than "
            f"--eval_warmup_epochs={warmup}"
        )


def _beside(config: Config) -> Iterator[str]:
    """Requests for more networks, in a stage that trains one network or none."""
    alone = config.stage in ("baseline", "tables")
    for name in ("pick", "baselines"):
        value = getattr(config.retrain, name)
        if alone and value != getattr(RetrainConfig, name):
            yield f"--retrain_{name}={value} needs --stage=all or --stage=retrain"


def _objectives(config: Config) -> Iterator[str]:
    objectives, pick = config.search.objectives, config.retrain.pick
    if pick != RetrainConfig.pick and not config.search.costs():
        yield (
            f"--retrain_pick={pick} needs a front: several --search_objectives, such "
            "as accuracy,flops"
        )
    if pick != RetrainConfig.pick and config.retrain.genome:
        yield f"--retrain_pick={pick} has no effect: --retrain_genome names the network"
    if config.stage == "tables" and config.search.costs():
        yield (
            f"--search_objectives={objectives}: --stage=tables compares searches by "
            "accuracy alone; leave it out"
        )
    if config.search.costs() and config.search.filter > 1:
        yield (
            f"--search_filter={config.search.filter} keeps candidates by one score; "
            "leave it out with several --search_objectives"
        )
    if config.search.costs() and config.eval.method == "zero_cost":
        yield (
            f"--search_objectives={objectives}: --eval_method=zero_cost measures no "
            "accuracy; leave one of them out"
        )


def _latency(config: Config) -> Iterator[str]:
    batch, table = config.eval.latency_batch, config.eval.latency_table
    if LATENCY not in config.search.noted():
        ends = "add --search_objectives=accuracy,latency or --search_max_latency"
        if batch != EvalConfig.latency_batch:
            yield f"--eval_latency_batch={batch} has no effect here; {ends}"
        if table:
            yield f"--eval_latency_table={table} has no effect here; {ends}"
    elif config.space.name in BENCHMARKS or config.stage == "tables":
        where = (
            "--stage=tables"
            if config.stage == "tables"
            else f"--space_name={config.space.name}"
        )
        yield (
            f"{where}: latency is known only for chains of blocks; leave it out of "
            "--search_objectives, and leave out --search_max_latency"
        )


def _warmup(config: Config) -> Iterator[str]:
    if config.eval.method == "zero_cost" and config.train.warmup == "all":
        yield (
            "--train_warmup=all compiles programs of training; --eval_method=zero_cost "
            "trains no candidate"
        )


def _needs(section: Section, executor: str) -> str:
    """The line for settings of an executor that is not chosen."""
    given = [
        f"--{executor}_{field.name}={getattr(section, field.name)}"
        for field in dataclasses.fields(section)
        if getattr(section, field.name) != field.default
    ]
    verb = "needs" if len(given) == 1 else "need"
    return f"{', '.join(given)} {verb} --executor={executor}"


def _hosts(config: Config) -> Iterator[str]:
    several = config.executor == "hosts"
    if config.hosts != HostsConfig() and not several:
        yield _needs(config.hosts, "hosts")
    if several and config.train.parallel == "pmap":
        yield (
            "--train_parallel=pmap shares a batch among the devices of one process; "
            "leave it out with --executor=hosts"
        )


def _ray(config: Config) -> Iterator[str]:
    if config.ray != RayConfig() and config.executor != "ray":
        yield _needs(config.ray, "ray")
    if config.ray.device == "tpu" and config.search.workers > 1:
        yield (
            f"--search_workers={config.search.workers}: a TPU chip belongs to one "
            "worker of --executor=ray; leave it out"
        )
    trains = config.stage in ("all", "retrain", "baseline")
    if config.executor == "ray" and trains and _on_store(config):
        yield (
            f"--workdir={config.workdir}: --executor=ray trains the best network on a "
            "node, which needs a folder that all nodes share; search by "
            "--stage=search, and retrain by --stage=retrain --executor=local"
        )


def _proxies(config: Config) -> Iterator[str]:
    if config.data.name not in ("cifar10", "cifar100"):
        yield (
            f"--data_name={config.data.name} has no images of 32x32x3, which "
            "--stage=proxies needs: give cifar10 or cifar100"
        )


def _tables(config: Config) -> Iterator[str]:
    tables, corpus = config.tables, config.prior.corpus
    if config.search_proxies() and tables.name != "3":
        yield (
            "--eval_method=zero_cost and --search_filter score networks; "
            "--stage=tables looks them up or trains them"
        )
    if LEARNED & {*config.strategies()} and tables.name == corpus:
        yield (
            f"--prior_corpus={corpus} holds what --tables_name searches; learn from "
            "the other benchmark"
        )
    if config.eval.measure != ACCURACY:
        yield (
            f"--eval_measure={config.eval.measure}: --stage=tables reports accuracy; "
            "leave it out"
        )
    if tables.priors > 1 and tables.of_paper():
        yield (
            f"--tables_priors={tables.priors} is for searches on a benchmark; "
            "--tables_seeds repeats a table of the paper"
        )
    if tables.priors > 1 and not config.needs_prior():
        yield (
            f"--tables_priors={tables.priors} is read by gpt_nas and its controls "
            "only: name one of them in --tables_strategies"
        )
    limits = [
        f"--search_{end}_{cost}={bound:g}"
        for cost in COSTS
        for end, bound in zip(("min", "max"), config.search.bounds(cost), strict=True)
        if bound
    ]
    if limits and tables.of_paper() and tables.name != "3":
        yield (
            f"{limits[0]} limits searches; the networks of --tables_name={tables.name} "
            "are drawn from the whole space: leave it out"
        )
    if tables.name in ("4", "5") and config.eval.trained_blocks != "all":
        yield (
            f"--tables_name={tables.name} trains networks whole: give "
            "--eval_trained_blocks=all"
        )
    if tables.name == "5":
        yield from _table_v(config)


def _table_v(config: Config) -> Iterator[str]:
    recipe, tables = config.eval.recipe, config.tables
    if recipe.epochs != tables.measured_epochs()[-1]:
        yield (
            f"--eval_epochs={recipe.epochs} must be the last of "
            f"--tables_epochs={tables.epochs}"
        )
    if recipe.schedule != "constant":
        yield (
            f"--eval_schedule={recipe.schedule} depends on the last epoch, and Table V "
            "measures on the way: give constant"
        )


_BETWEEN: tuple[tuple[tuple[str, ...], Callable[[Config], Iterator[str]]], ...] = (
    (("prior", "search"), _prior_of_strategy),
    (("search",), _batches),
    (("data", "eval"), _shifts("eval")),
    (("data", "retrain"), _shifts("retrain")),
    (("retrain",), _beside),
    (("search", "eval"), _unread_proxies),
    (("search",), _steered),
    (("search", "eval"), _rungs),
    (("search", "eval"), _finalists),
    (("search", "eval", "retrain"), _objectives),
    (("space", "search", "eval"), _latency),
    (("eval", "train"), _warmup),
    (("hosts", "train"), _hosts),
    (("ray",), _ray),
    (("data", "proxies"), _proxies),
    (("prior", "search", "eval", "tables"), _tables),
)
"""Checks between sections; each runs if the stage reads all of its sections."""
