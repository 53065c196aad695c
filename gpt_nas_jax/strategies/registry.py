"""The strategies by name."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from gpt_nas_jax import plugins
from gpt_nas_jax.config import SearchConfig
from gpt_nas_jax.prior import conditional
from gpt_nas_jax.strategies import contract, settings
from gpt_nas_jax.strategies.genetic import Genetic
from gpt_nas_jax.strategies.gpt_nas import GptNas
from gpt_nas_jax.strategies.gpt_nas_online import GptNasOnline
from gpt_nas_jax.strategies.local_search import LocalSearch
from gpt_nas_jax.strategies.proposers import Proposers
from gpt_nas_jax.strategies.random_search import RandomSearch
from gpt_nas_jax.strategies.regularised import RegularisedEvolution
from gpt_nas_jax.strategies.surrogate import Surrogate
from gpt_nas_jax.types import Key, Space, Strategy, UsageError

# Regularised evolution samples 1/5 of the population, as usual on NAS-Bench-201.
_SAMPLE_SHARE = 5

_BATCHED = ("space", "batch", "queries")
_MODELLED = (*_BATCHED, "costs")
_GENETIC = (
    *("space", "population", "queries", "crossover_rate", "mutation_rate"),
    "costs",
)
_ELIMINATION = ("elimination_rate", "generations", "prior")
FILLED = tuple(sorted({*_BATCHED, *_GENETIC, *_ELIMINATION, "key"}))
"""The fields that a search fills in, in built-in and user-defined strategies."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """A registered strategy.

    Attributes:
      kind: its dataclass.
      filled: the fields that a search fills in; the rest are `--search_settings`.
      whole: whether it proposes a whole population at a time, else a batch.
      build: creates it from the filled fields and the settings.
      optional: settings that `build` derives if they are not given.
      learned: whether it uses a prior learned before the search.
      several: whether it supports several objectives.
    """

    kind: type
    filled: tuple[str, ...]
    whole: bool
    build: Callable[["Setup", Mapping[str, Any]], Strategy]
    optional: tuple[str, ...] = ()
    learned: bool = False
    several: bool = False

    def settings(self, name: str, given: str | Mapping[str, Any]) -> dict[str, Any]:
        """The settings of the strategy with this name, from text or Python.

        Raises:
          UsageError: they do not match its fields.
        """
        return settings.values(name, self.kind, self.filled, given, self.optional)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Setup:
    """The values that strategies are built from.

    Attributes:
      config: their settings.
      space: the search space.
      queries: evaluations in the whole search.
      batch: candidates per `ask` of strategies that do not propose a population.
      ageing: the population of regularised evolution, unless set otherwise.
      key: of the initial weights of a GPT.
      proposers: the prior and its controls.
      repeats: whether regularised evolution may evaluate a network again.
      given: settings from Python, in place of those of the config.
    """

    config: SearchConfig
    space: Space
    queries: int
    batch: int
    ageing: int
    key: Key
    proposers: Proposers
    repeats: bool = False
    given: Mapping[str, Any] | None = None

    def build(self, name: str) -> Strategy:
        """Builds the strategy with this name, a pytree.

        Raises:
          UsageError: see `check`.
        """
        entry = find(name)
        given = self.config.settings if self.given is None else self.given
        return entry.build(self, entry.settings(name, given))

    def asked(self, name: str) -> int:
        """Candidates per `ask` of a strategy."""
        return self.config.population if find(name).whole else self.batch

    def fields(self, names: tuple[str, ...]) -> dict[str, Any]:
        """The values of fields that a search fills in."""
        config = self.config
        known: dict[str, Callable[[], Any]] = {
            "space": lambda: self.space,
            "batch": lambda: self.batch,
            "queries": lambda: self.queries,
            "population": lambda: config.population,
            "generations": lambda: (
                config.elimination_generations or self.queries // config.population
            ),
            "crossover_rate": lambda: config.crossover_rate,
            "mutation_rate": lambda: config.mutation_rate,
            "elimination_rate": lambda: config.elimination_rate,
            "prior": lambda: self.proposers.prior,
            "key": lambda: self.key,
            "costs": config.costs,
        }
        return {name: known[name]() for name in names}


def _plain(kind: type, filled: tuple[str, ...], whole: bool = False) -> Entry:
    """A strategy whose fields are filled in by name."""
    return Entry(
        kind,
        filled,
        whole,
        lambda setup, chosen: kind(**setup.fields(filled), **chosen),
        learned="prior" in filled,
        several="costs" in filled,
    )


def _regularised(setup: Setup, chosen: Mapping[str, Any]) -> RegularisedEvolution:
    population = chosen.get("population", setup.ageing)
    sample = chosen.get("sample", -(-population // _SAMPLE_SHARE))
    filled = setup.fields(_BATCHED)
    return RegularisedEvolution(
        **filled, population=population, sample=sample, repeats=setup.repeats
    )


def _refilled(name: str, learned: bool = True) -> Entry:
    """``gpt_nas`` or one of its controls."""

    def build(setup: Setup, chosen: Mapping[str, Any]) -> GptNas:
        rates = setup.fields(("elimination_rate", "generations"))
        genetic = Genetic(**setup.fields(_GENETIC))
        prior = setup.proposers.of(name)
        return GptNas(genetic, **rates, prior=prior, **chosen)

    filled = ("genetic", *_GENETIC, *_ELIMINATION)
    return Entry(GptNas, filled, True, build, learned=learned, several=True)


def _online(setup: Setup, chosen: Mapping[str, Any]) -> GptNasOnline:
    params = conditional.pretrained(setup.space, setup.key)
    return GptNasOnline(**setup.fields(_MODELLED), params=params, **chosen)


STRATEGIES: Mapping[str, Entry] = {
    # Random search ignores the objectives, so it supports any number of them.
    "random": dataclasses.replace(_plain(RandomSearch, _BATCHED), several=True),
    "regularised_evolution": Entry(
        RegularisedEvolution,
        (*_BATCHED, "repeats"),
        False,
        _regularised,
        ("population", "sample"),
    ),
    "local_search": _plain(LocalSearch, _BATCHED),
    "genetic": _plain(Genetic, _GENETIC, whole=True),
    "gpt_nas": _refilled("gpt_nas"),
    "uniform_refill": _refilled("uniform_refill", learned=False),
    "unigram_refill": _refilled("unigram_refill"),
    "ngram_refill": _refilled("ngram_refill"),
    "surrogate": _plain(Surrogate, _MODELLED),
    "gpt_nas_online": Entry(
        GptNasOnline, (*_MODELLED, "params"), False, _online, several=True
    ),
}


def find(name: str) -> Entry:
    """Finds a strategy by name or import path, ``module:Name``.

    A user-defined class is a dataclass that is a pytree, such as one decorated with
    ``flax.struct.dataclass``, with the methods of `Strategy`. The search fills in the
    fields named in `FILLED`. Each `ask` returns ``batch`` candidates if there is such a
    field, else ``population``.

    Raises:
      UsageError: it cannot be imported, or lacks a method or field.
    """
    if name in STRATEGIES:
        return STRATEGIES[name]
    if not plugins.is_path(name):
        raise UsageError(
            f"unknown strategy {name!r}; give {', '.join(STRATEGIES)} or module:Name"
        )
    where = f"--search_strategy={name}"
    kind = plugins.load("--search_strategy", name)
    plugins.require(where, kind, Strategy)
    if not isinstance(kind, type) or not dataclasses.is_dataclass(kind):
        raise UsageError(
            f"{where} is not a dataclass; decorate it with @flax.struct.dataclass"
        )
    contract.require_static(where, kind)
    fields = {field.name for field in dataclasses.fields(kind) if field.init}
    if not fields & {"batch", "population"}:
        raise UsageError(f"{where} lacks the field batch, or population")
    filled = tuple(field for field in FILLED if field in fields)
    return _plain(kind, filled, whole="batch" not in fields)


def check(
    name: str,
    config: SearchConfig,
    evaluations: int,
    given: Mapping[str, Any] | None = None,
) -> None:
    """Raises UsageError if a strategy cannot be built from these settings.

    Args:
      name: of the strategy.
      config: of the search.
      evaluations: number in the whole search.
      given: settings from Python, in place of those of the config.
    """
    entry = find(name)
    entry.settings(name, config.settings if given is None else given)
    if config.costs() and not entry.several:
        known = ", ".join(name for name, one in STRATEGIES.items() if one.several)
        raise UsageError(
            f"--search_objectives={config.objectives}: {name} takes one objective; "
            f"choose one of {known}, or a class with the field costs"
        )
    size = config.asked(name)
    if plugins.is_path(name) and evaluations % size:
        flag = "population" if entry.whole else "batch"
        raise UsageError(
            f"--search_{flag}={size} must divide the {evaluations} evaluations of a "
            "search"
        )


def settable(name: str) -> set[str]:
    """The fields of a strategy that settings can set."""
    entry = find(name)
    return {*settings.settable(entry.kind, entry.filled)}


def asks_prior(name: str) -> bool:
    """Whether a strategy uses the learned prior."""
    return find(name).learned


def version(name: str) -> int:
    """The version of a strategy; versions may propose different candidates."""
    return getattr(find(name).kind, "VERSION", 1)
