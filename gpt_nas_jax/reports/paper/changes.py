"""How the accuracies of the same networks differ between two conditions."""

import dataclasses

import numpy as np

from gpt_nas_jax.reports.curves import p_values

_DIGITS = 4


@dataclasses.dataclass(frozen=True)
class Change:
    """One condition compared with another over the same networks.

    Attributes:
      better: networks with a higher accuracy.
      equal: to four digits.
      worse: the others.
      difference: of the mean accuracies, in [-1, 1].
      t_test: two-sided p of the paired t-test over networks.
      wilcoxon: likewise of the signed-rank test.
    """

    better: int
    equal: int
    worse: int
    difference: float
    t_test: float
    wilcoxon: float

    @property
    def counts(self) -> str:
        """The numbers of networks, better/equal/worse."""
        return f"{self.better}/{self.equal}/{self.worse}"


def compare(ours: np.ndarray, theirs: np.ndarray) -> Change:
    """Compares accuracies ``float64[N]`` of the same networks, ours minus theirs."""
    # Rounded, so that equal values compare equal.
    signs = np.sign((ours.round(_DIGITS) - theirs.round(_DIGITS)).round(9))
    better, equal, worse = (int((signs == sign).sum()) for sign in (1, 0, -1))
    difference = float((ours - theirs).mean())
    return Change(better, equal, worse, difference, *p_values(ours, theirs))
