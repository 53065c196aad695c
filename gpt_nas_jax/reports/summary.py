"""The result of a run: ``result.json`` and the summary on the terminal."""

from pathlib import Path
from typing import Any

from gpt_nas_jax import workdir
from gpt_nas_jax.config import BALANCED, Config
from gpt_nas_jax.reports import further_costs
from gpt_nas_jax.reports.terminal import short, show_table


def prior_part(path: Path) -> dict[str, Any] | None:
    """The part ``prior`` of ``result.json``, read from the report of the prior.

    None if there is no report, as after a search without the GPT.
    """
    if not path.exists():
        return None
    report = workdir.read_sealed(path, "run --stage=pretrain to rewrite it")
    pretrain, finetune = report["pretrain"], report["finetune"]
    return {
        "vocabulary_size": report["vocabulary_size"],
        "corpus_windows": pretrain["windows"] + finetune["windows"],
        "gpt_perplexity": finetune["gpt_perplexity"],
        "ngram_perplexity": finetune["ngram_perplexity"],
        "equal_ngram_perplexity": finetune["equal_ngram_perplexity"],
        "pretrain_gpt_perplexity": pretrain["gpt_perplexity"],
        "pretrain_ngram_perplexity": pretrain["ngram_perplexity"],
        "fcn_accuracy": report["fcn_accuracy"],
    }


def search_part(config: Config, records: list[dict[str, Any]]) -> dict[str, Any]:
    """The part ``search`` of ``result.json``; its seconds are of the evaluations.

    ``device_seconds`` are the same, divided by the evaluations that share a device.
    With rungs, ``share_of_epochs`` is relative to full training of all candidates. If
    images come from disk, ``input_wait`` is the share of the seconds spent waiting for
    them.
    """
    seconds = sum(record["seconds"] for record in records)
    waited = [record["waited"] for record in records if "waited" in record]
    part = {
        "strategy": config.search.strategy,
        "generations": 1 + records[-1]["generation"],
        "evaluations": len(records),
        "failed": sum(record["fitness"] is None for record in records),
        "seconds": round(seconds, 1),
        "device_seconds": round(seconds / config.search.workers, 1),
        **({"input_wait": round(sum(waited) / seconds, 4)} if waited else {}),
        "fitness": measure(config),
        "best_fitness": workdir.best(records)["fitness"],
    }
    if config.eval.has_rungs():
        part["share_of_epochs"] = round(_share_of_epochs(config), 4)
    return part


def _share_of_epochs(config: Config) -> float:
    """The epochs of all climbs, relative to training all to the last rung."""
    path = workdir.folder(config.workdir) / workdir.RUNGS
    climbs = [record["rung"] for record in workdir.Ledger(path).look()]
    epochs = config.eval.climbs()
    return sum(epochs[rung] for rung in climbs) / (sum(epochs) * climbs.count(0))


def finalists_part(config: Config, best: dict[str, Any]) -> dict[str, Any]:
    """The part ``finalists`` of ``result.json``; ``best`` is the one to retrain."""
    return {
        "networks": best["finalists"],
        "epochs": config.finalist_epochs(),
        "best_mean_fitness": best["finalist_fitness"],
        "its_search_fitness": best["fitness"],
    }


def front_part(config: Config, found: list[dict[str, Any]]) -> dict[str, Any]:
    """The part ``front`` of ``result.json``: the ends of the front."""
    part: dict[str, Any] = {
        "objectives": config.search.objectives,
        "networks": len(found),
    }
    for end, record in (("most_accurate", found[0]), ("least_accurate", found[-1])):
        for name in ("fitness", *config.search.costs()):
            part[f"{end}_{name}"] = record[name]
    return part


def write(config: Config, parts: dict[str, Any]) -> None:
    """Writes ``result.json`` and prints the summary."""
    path = workdir.folder(config.workdir)
    result = {"dataset": config.data.name, "seed": config.seed, **parts}
    workdir.write_sealed(path / "result.json", result)
    show(f"{config.data.name}, seed {config.seed}", result)
    if "trained" in parts:
        show_trained(parts["trained"])
    best = workdir.shown(path / "best")
    print(f"network, weights and the flags to train it again: {best}")


def show(title: str, result: dict[str, Any]) -> None:
    """Prints the parts of a result as one table."""
    rows = [
        (f"{part}.{name}", _short(value))
        for part, values in result.items()
        if isinstance(values, dict)
        for name, value in values.items()
        if name != "confusion"
    ]
    show_table(title, ("what", "value"), rows)


def show_trained(trained: list[dict[str, Any]]) -> None:
    """Prints the networks that one recipe trained, the most accurate first."""
    tested = [one for one in trained if "reason" not in one]
    further = further_costs.known(tested)
    rows = [
        (
            one["network"],
            short(one["test_accuracy"]),
            f"{one['params']:,}",
            f"{one['flops']:,}",
            *(further_costs.text(name, one) for name in further),
            f"{one['seconds']:.0f}",
        )
        for one in sorted(tested, key=lambda one: -one["test_accuracy"])
    ]
    labels = [further_costs.LABELS[name] for name in further]
    columns = ("network", "test accuracy", "parameters", "FLOPs", *labels, "seconds")
    show_table("Trained by the same recipe", columns, rows)
    for one in trained:
        if "reason" in one:
            print(f"{one['network']} was not trained: {one['reason']}")


def measure(config: Config) -> str:
    """Describes the fitness of a search, for people."""
    if config.eval.has_rungs():
        return f"{accuracy(config)} at the last rung of a candidate"
    if config.eval.method == "trained":
        return accuracy(config)
    if len(config.search_proxies()) == 1:
        return f"score by {config.eval.proxies}, no accuracy"
    return f"mean log rank by {config.eval.proxies}, no accuracy"


def accuracy(config: Config) -> str:
    """Describes the accuracy of trained candidates, for people."""
    balanced = config.eval.measure == BALANCED
    return "balanced validation accuracy" if balanced else "validation accuracy"


def _short(value: Any) -> str:
    if isinstance(value, float):
        return short(value)
    if isinstance(value, list):
        return " ".join(map(str, value))
    return str(value)
