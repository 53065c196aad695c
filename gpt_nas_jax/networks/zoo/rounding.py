"""Rounding of widths."""


def nearest_multiple(value: float, step: int) -> int:
    """The nearest multiple of ``step`` that is at least 0.9 times the value."""
    nearest = max(step, int(value + step / 2) // step * step)
    return nearest if nearest >= 0.9 * value else nearest + step
