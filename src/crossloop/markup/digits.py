"""How numbers are written: three significant digits, a comma at thousands, never a locale's."""

import math

from crossloop.journal import Estimate, ParameterSet

MISSING = "–"
"""Stands where there is no figure; the page says why."""

KIB = 1024


def _decimals(value: float, significant: int) -> int:
    """Decimal places that give *value* so many significant digits; negative left of the point."""
    return significant - 1 - int(f"{value:.{significant - 1}e}".partition("e")[2])


def _fixed(value: float, places: int) -> str:
    if value == 0:
        return "0"
    if places < 0:
        value, places = round(value, places), 0
    text = f"{value:,.{places}f}"
    return text.removeprefix("-") if text.startswith("-0") and not float(text) else text


def number(value: float | None, significant: int = 3) -> str:
    """*value* with so many significant digits; powers of ten for what no measurement here can be."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    if not 1e-5 <= abs(value) < 1e13:
        return f"{value:.{significant - 1}e}"
    return _fixed(value, _decimals(value, significant))


def estimate(figure: Estimate, scale: float = 1.0) -> str:
    """`5.91 (5.80–6.02)`: value and 95 % interval × *scale*.

    Three significant digits, or the four that it takes to tell the ends of a narrow interval apart.
    """
    value, low, high = (part * scale for part in (figure.value, figure.low, figure.high))
    if not all(map(math.isfinite, (value, low, high))) or not 1e-5 <= abs(value) < 1e13:
        return number(value)
    places = _decimals(value, 3)
    if high > low:
        places = min(max(places, _decimals(high - low, 1)), _decimals(value, 4))
    if low == high == value:
        return _fixed(value, places)
    return f"{_fixed(value, places)} ({_bound(low, places)}–{_bound(high, places)})"


def _bound(value: float, places: int) -> str:
    return _fixed(value, places) if abs(value) < 1e13 else number(value)


def ratio(figure: Estimate) -> str:
    """A ratio with its interval, two decimals below ten; `1.00` alone for the row that is the reference."""
    value, low, high = figure.value, figure.low, figure.high
    if not all(map(math.isfinite, (value, low, high))) or max(abs(value), abs(low), abs(high)) >= 100:
        return estimate(figure)
    if low == high == value:
        return f"{value:.2f}"
    places = 2 if abs(value) < 10 else 1
    return f"{_fixed(value, places)} ({_fixed(low, places)}–{_fixed(high, places)})"


def plain_ratio(value: float) -> str:
    """A ratio without its interval: two decimals below ten, three digits from there on."""
    return f"{value:.2f}" if 0 <= value < 10 else number(value)


def fine_ratio(figure: Estimate) -> str:
    """A ratio near 1 with its interval, three decimals: `1.002 (0.996–1.008)`."""
    parts = (figure.value, figure.low, figure.high)
    if not all(math.isfinite(part) and abs(part) < 100 for part in parts):
        return estimate(figure)
    value, low, high = (_fixed(part, 3) for part in parts)
    return f"{value} ({low}–{high})"


def difference(figure: Estimate, scale: float = 1.0) -> str:
    """`0.92 (0.80 to 1.04)`: a difference, which may be negative, and its 95 % interval × *scale*."""
    value, low, high = (part * scale for part in (figure.value, figure.low, figure.high))
    if not all(map(math.isfinite, (value, low, high))) or max(map(abs, (value, low, high))) >= 1e6:
        return number(value)
    places = 2 if abs(value) < 10 else 1
    return f"{_fixed(value, places)} ({_fixed(low, places)} to {_fixed(high, places)})"


def share(value: float | None) -> str:
    """A share of one CPU: `0.97`."""
    return MISSING if value is None or not math.isfinite(value) else _fixed(value, 2)


def percent(value: float) -> str:
    """A part of the whole, 0 to 1, as `3.4 %`."""
    return f"{number(100 * value, 2)} %"


def megabytes(size: float | None) -> str:
    """Bytes as MB (10⁶ bytes)."""
    return MISSING if size is None else number(size / 1e6)


def tally(value: float | None) -> str:
    """A sum that is mostly a count: whole numbers in full, others with three significant digits."""
    if value is not None and math.isfinite(value) and value == int(value) and abs(value) < 1e13:
        return integer(int(value))
    return number(value)


def setting(value: float) -> str:
    """A number that a person chose: `100`, `2.5`, no digits added."""
    return f"{value:,.10g}" if math.isfinite(value) else MISSING


def integer(value: int) -> str:
    """A count: `12,345`."""
    return f"{value:,}"


def counted(count: int, noun: str) -> str:
    """`1 pair`, `12 pairs`."""
    return f"{integer(count)} {noun}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """`48 s`, `8 min 12 s`, `2 h 05 min`."""
    if not 0 <= seconds < 1e9:
        return MISSING
    if seconds < 10:
        return f"{number(seconds, 2)} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60:02d} min"


def binary_size(size: int) -> str:
    """A message size as people say it: `1 KiB`, `100 KiB`, `1,500 B`."""
    for unit, factor in (("MiB", KIB * KIB), ("KiB", KIB)):
        if size >= factor and size % factor == 0:
            return f"{size // factor:,} {unit}"
    return f"{size:,} B"


def parameters_text(parameters: ParameterSet) -> str:
    """`size 1 KiB, connections 50`: each parameter in the order in which the journal has it."""
    return (
        ", ".join(f"{name.replace('_', ' ')} {_parameter(name, value)}" for name, value in parameters.items())
        or "no parameters"
    )


def _parameter(name: str, value: int | float | bool | str) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return binary_size(value) if name == "size" and value >= 0 else integer(value)
        case float():
            return number(value, 4)
        case str():
            return value
