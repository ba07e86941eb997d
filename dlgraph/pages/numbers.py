"""Numbers in words, and where an axis has its marks."""
from __future__ import annotations

from math import ceil, floor, isfinite, log10

_PREFIXES = {-12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G"}


def count(n: float) -> str:
    """``"18,651"``."""
    return f"{n:,.0f}"


def percent(share: float) -> str:
    """``"68%"``; below 10% with a digit more."""
    return f"{100 * share:.1f}%" if 0 < share < 0.0995 else f"{100 * share:.0f}%"


def quantity(value: float, unit: str) -> str:
    """Three digits and a prefix: ``"2.79 mJ"``."""
    if value == 0 or not isfinite(value):
        return f"{value:g} {unit}"
    exponent = min(max(3 * floor(log10(abs(value)) / 3), -12), 9)
    shown = f"{value / 10**exponent:.3g}"
    if abs(float(shown)) >= 1000 and exponent < 9:               # 999.9 m is 1
        exponent += 3
        shown = f"{value / 10**exponent:.3g}"
    return f"{float(shown):g} {_PREFIXES[exponent]}{unit}"


def size(n_bytes: float) -> str:
    """``"52.1 KiB"``."""
    for unit, worth in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if n_bytes >= worth:
            return f"{n_bytes / worth:.1f} {unit}"
    return f"{n_bytes:.0f} bytes"


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers from at most ``low`` to at least ``high``, at most ``most`` + 2 of them, evenly spaced."""
    if not high > low:
        low, high = (low - abs(low) / 2, high + abs(high) / 2) if low else (0.0, 1.0)
    power = 10.0 ** floor(log10((high - low) / most))
    step = power * next(factor for factor in (1, 2, 2.5, 5, 10, 20) if power * factor * most >= (high - low) * (1 - 1e-9))
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]
