"""Creates a strategy by name, outside a run."""

from collections.abc import Sequence
from typing import Any

from gpt_nas_jax.config import ACCURACY, COSTS, Config, SearchConfig, fields
from gpt_nas_jax.keys import stage_key
from gpt_nas_jax.prior.prior import Prior
from gpt_nas_jax.spaces import costs
from gpt_nas_jax.strategies import contract, registry
from gpt_nas_jax.strategies.proposers import Proposers
from gpt_nas_jax.strategies.registry import Setup
from gpt_nas_jax.types import Space, Strategy, UsageError

_POPULATION, _BATCH, _GENERATIONS = 30, 5, 3


def create(
    strategy: str,
    space: Space,
    evaluations: int,
    *,
    seed: int = 0,
    batch: int | None = None,
    population: int | None = None,
    crossover_rate: float | None = None,
    mutation_rate: float | None = None,
    elimination_rate: float | None = None,
    elimination_generations: int | None = None,
    prior: Prior | None = None,
    objectives: Sequence[str] = (ACCURACY,),
    **settings: Any,
) -> Strategy:
    """Creates a strategy, for `search` or for your own ask-tell loop.

    Example:
      >>> import gpt_nas_jax as gnj
      >>> space = gnj.spaces.NasBench201Space()
      >>> created = gnj.strategies.create("surrogate", space, 100, batch=1, pool=512)
      >>> created.batch, created.pool
      (1, 512)

    Args:
      strategy: a name or an import path, ``module:Name``.
      space: the search space.
      evaluations: number in the whole search; `tell` must not be told of more.
      seed: of the initial weights of a GPT.
      batch: candidates per `ask`; None for the largest divisor of the evaluations up
        to 5.
      population: of evolutionary strategies; None for one of up to 30 that leaves three
        generations where possible. A strategy that proposes whole populations needs a
        divisor of the evaluations.
      crossover_rate: of ``genetic``, ``gpt_nas`` and its controls, as
        ``--search_crossover_rate``; None for the default of that flag.
      mutation_rate: likewise, as ``--search_mutation_rate``.
      elimination_rate: of ``gpt_nas`` and its controls, as
        ``--search_elimination_rate``.
      elimination_generations: likewise, as ``--search_elimination_generations``.
      objectives: ``accuracy``, which is the fitness, and costs to minimise, of
        ``params``, ``flops``, ``memory`` and ``latency``; the space must have a method
        for each.
      prior: for ``gpt_nas`` and its controls, from `learn_prior`.
      **settings: further fields of the strategy's class, of any type.

    Raises:
      UsageError: the strategy is unknown, has no such setting or a field ``seed``, or
        cannot divide the evaluations into batches or populations, or a number is out of
        range.
    """
    contract.require_count(evaluations)
    if not isinstance(strategy, str):
        raise UsageError(
            f"{strategy!r} is not a name; give one, or the import path of your class, "
            "'module:Name'"
        )
    if "seed" in registry.settable(strategy):
        raise UsageError(
            f"{strategy} has a field seed, the name of an argument of create; rename it"
        )
    if registry.asks_prior(strategy) and prior is None:
        raise UsageError(f"{strategy} needs a prior; give prior=learn_prior(space)")
    rates = _rates(
        strategy,
        crossover_rate=crossover_rate,
        mutation_rate=mutation_rate,
        elimination_rate=elimination_rate,
        elimination_generations=elimination_generations,
    )
    config = SearchConfig(
        strategy=strategy,
        batch=_divisor(evaluations, _BATCH) if batch is None else batch,
        population=(
            _population(strategy, evaluations) if population is None else population
        ),
        objectives=",".join(objectives),
        **rates,
    )
    if isinstance(objectives, str) or {*objectives} - {ACCURACY} - {*COSTS}:
        raise UsageError(
            f"objectives={objectives!r}: give a tuple of {ACCURACY} and some of "
            f"{', '.join(COSTS)}"
        )
    fields.check(Config(seed=seed, search=config))
    for problem in config.problems():
        raise UsageError(problem)
    costs.require(f"objectives={config.objectives}", space, config.costs())
    registry.check(strategy, config, evaluations, settings)
    contract.require_divisor(strategy, config.asked(strategy), evaluations)
    key = stage_key(seed, "online")
    setup = Setup(
        config=config,
        space=space,
        queries=evaluations,
        batch=config.batch,
        ageing=config.population,
        key=key,
        proposers=Proposers(space, prior),
        given=settings,
    )
    return setup.build(strategy)


def _rates(strategy: str, **given: float | None) -> dict[str, Any]:
    """The rates that are given.

    Raises:
      UsageError: the strategy has no such rate.
    """
    rates = {name: value for name, value in given.items() if value is not None}
    known = {"generations" if n == "elimination_generations" else n: n for n in rates}
    for field in {*known} - {*registry.find(strategy).filled}:
        raise UsageError(f"{strategy} has no {known[field]}; leave it out")
    return rates


def _population(strategy: str, evaluations: int) -> int:
    """The default population of a search.

    Raises:
      UsageError: it must divide the evaluations, and nothing but 1 does.
    """
    most = max(2, min(_POPULATION, evaluations // _GENERATIONS))
    if not registry.find(strategy).whole:
        return most
    found = _divisor(evaluations, most)
    if found == 1:
        raise UsageError(
            f"{strategy} needs a population that divides the {evaluations} "
            "evaluations; give another number of evaluations, or population=N"
        )
    return found


def _divisor(number: int, most: int) -> int:
    """The largest divisor of a number up to a bound."""
    return max(d for d in range(1, min(number, most) + 1) if number % d == 0)
