"""How the families round their widths."""


def nearest_multiple(value: float, step: int) -> int:
    """The nearest multiple of ``step`` that loses at most a tenth of the value."""
    nearest = max(step, int(value + step / 2) // step * step)
    return nearest if nearest >= 0.9 * value else nearest + step
