"""Numbers as people read them."""


def amount(value: float) -> str:
    """Three digits and a prefix: ``30.9k``, ``1.2M``."""
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        # Rounded to three digits it may reach the next prefix.
        if abs(value) >= 0.9995 * factor:
            return f"{value / factor:.3g}{prefix}"
    return f"{value:.3g}"


def duration(seconds: float) -> str:
    """Seconds, minutes, hours or days, whichever fit."""
    for factor, unit in ((86400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * factor:
            return f"{seconds / factor:.1f} {unit}"
    return f"{seconds:.1f} s"


def counted(count: int, noun: str) -> str:
    """``1 candidate``, ``2 candidates``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
