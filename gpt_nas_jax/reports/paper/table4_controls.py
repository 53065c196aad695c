"""Table IV's controls: the same gaps, filled with less knowledge than the prior's."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from gpt_nas_jax.reports.contrasts import holm
from gpt_nas_jax.reports.formats import Entry, Table, number, p_value, spread
from gpt_nas_jax.reports.paper.changes import Change, compare
from gpt_nas_jax.reports.paper.measured import Measured


@dataclasses.dataclass(frozen=True)
class ControlRow:
    """The prior compared with a control at one elimination rate.

    Only networks that trained at all rates, by the prior and by the control, count.

    Attributes:
      rate: of elimination.
      control: its name.
      prior: accuracy in [0, 1] of each seed's networks, filled by the prior.
      means: the same, filled by the control.
      change: the prior's accuracies minus the control's.
      holm: p of its t-test, corrected for all rows.
    """

    rate: float
    control: str
    prior: tuple[float, ...]
    means: tuple[float, ...]
    change: Change
    holm: float


def rows(measured: Measured, controls: Mapping[str, Measured]) -> list[ControlRow]:
    """One row per rate and control.

    Args:
      measured: at rate 0 and the rates of the controls.
      controls: name -> the same networks, filled by a control.
    """
    found = []
    for name, control in controls.items():
        theirs = control.accuracies[..., 0, -1]
        ours = measured.accuracies[:, :, 1:, 0, -1]
        whole = np.isfinite(ours).all(2) & np.isfinite(theirs).all(2)
        for index, rate in enumerate(control.plan.rates):
            pair = ours[whole, index], theirs[whole, index]
            prior, means = (
                tuple(
                    float(values[seed, kept, index].mean())
                    for seed, kept in enumerate(whole)
                )
                for values in (ours, theirs)
            )
            change = compare(*pair)
            found.append(ControlRow(rate, name, prior, means, change, change.t_test))
    corrected = holm([row.change.t_test for row in found])
    return [
        dataclasses.replace(row, holm=p)
        for row, p in zip(found, corrected, strict=True)
    ]


def table(measured: Measured, found: Sequence[ControlRow]) -> Table:
    """The rows, for people."""
    caption = (
        "The prior and its controls, which fill the same gaps of the same networks. "
        "Mean accuracy (+- standard deviation of the seeds' means, where there are "
        "several); networks for which the prior is better/equal/worse, to four digits; "
        "the prior's mean minus the control's with two-sided p over the networks; the "
        "last column is the t-test's, corrected by Holm's method for all rows."
    )
    lines = [
        [
            f"{row.rate:g}",
            row.control,
            spread(row.prior, ".4f"),
            spread(row.means, ".4f"),
            row.change.counts,
            number(row.change.difference, "+.4f"),
            *map(p_value, (row.change.t_test, row.change.wilcoxon, row.holm)),
        ]
        for row in found
    ]
    columns = ["rate", "control", f"prior, {measured.dataset}", "control's", "+/=/-"]
    columns += ["difference", "p, t-test", "p, Wilcoxon", "p, Holm"]
    return Table(caption, columns, [list(map(Entry, line)) for line in lines], names=2)


def lines(measured: Measured, found: Sequence[ControlRow]) -> list[list[object]]:
    """Lines of Table IV's CSV: a control's mean by seed, and the prior against it."""
    epochs, made = measured.plan.epochs[-1], []
    for row in found:
        head = [measured.dataset, row.rate]
        for seed, mean in enumerate(row.means):
            made.append([*head, row.control, None, seed, epochs, mean, *[None] * 7])
        change = dataclasses.astuple(row.change)
        mean = float(np.mean(row.prior))
        made.append([*head, "gpt_nas", row.control, "all", epochs, mean, *change, None])
    return made
