"""The report of a prior on the terminal: corpora, quality, time and proposals."""

from collections.abc import Iterator
from typing import Any

from gpt_nas_jax.reports.terminal import show_table

Report = dict[str, Any]
"""A prior's ``report.json``."""


def show(report: Report, benchmark: str) -> None:
    """Prints a report; ``benchmark`` names the corpus of the pre-training."""
    phases = ((benchmark, report["pretrain"]), ("human networks", report["finetune"]))
    show_table(
        "Next-layer perplexity on test architectures",
        (
            *("corpus", "networks", "train", "validation", "test"),
            *("windows", "GPT", "5-gram", "equal n-gram"),
        ),
        [
            (
                phase,
                part["networks"],
                part["architectures"],
                part["stopping"],
                part["held_out"],
                part["windows"],
                f"{part['gpt_perplexity']:.4f}",
                f"{part['ngram_perplexity']:.4f}",
                f"{part['equal_ngram_perplexity']:.4f}",
            )
            for phase, part in phases
        ],
    )
    for line in _lines(report, phases):
        print(line)
    _show_samples(report["samples"])


def _lines(report: Report, phases: tuple[tuple[str, Report], ...]) -> Iterator[str]:
    for phase, part in phases:
        first, last = part["curve"][0], part["curve"][-1]
        kept = next(p for p in part["curve"] if p["step"] == part["kept_step"])
        measured = "validation" if part["stopping"] else "test"
        yield (
            f"{phase}: {last['step']} steps, {part['passes']} passes; {measured} loss "
            f"{first['held_out_loss']:.4f} at first, {last['held_out_loss']:.4f} at "
            f"last; the parameters kept are those after step {kept['step']}, with "
            f"{kept['held_out_loss']:.4f}"
        )
    kinds = ", ".join(
        f"{kind} {folded} ({grouped})"
        for kind, (folded, grouped) in report["words_by_kind"].items()
    )
    yield (
        f"vocabulary: {report['vocabulary_size']} words "
        f"({report['words_with_groups']} with numbers of groups kept; the paper "
        f"counts 168): {kinds}"
    )
    yield (
        f"test accuracy of the FCN: {report['fcn_accuracy']:.4f} where genes begin, "
        f"{report['fcn_layer_accuracy']:.4f} at every layer"
    )
    spent = ", ".join(f"{name} {value}" for name, value in report["seconds"].items())
    yield f"seconds: {spent}; peak memory {report['peak_memory_gib']} GiB"


def _show_samples(samples: Report) -> None:
    print("proposals on test examples:")
    for proposal in samples["proposals"]:
        print("  following " + "\n            ".join(proposal["context"]))
        for layer, probability in proposal["layers"]:
            print(f"    {probability:.3f} {layer}")
        print(f"    as a gene: {proposal['gene']}")
        print(f"    actual: {proposal['actual_layer']} ({proposal['actual_gene']})")
    for rewriting in samples["rewritings"]:
        before = (
            f"[{gene}]" if gone else gene
            for gene, gone in zip(
                rewriting["before"], rewriting["eliminated"], strict=True
            )
        )
        print(f"a random network, genes [eliminated] at rate {rewriting['rate']}:")
        print("  before " + " ".join(before))
        print("  after  " + " ".join(rewriting["after"]))
