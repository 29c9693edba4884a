"""Numbers as people write them.

Source: none.
"""


def number(value: float, digits: int = 3) -> str:
    """Significant digits, without an exponent where it can be avoided.

    >>> [number(v) for v in (0.38123, 51946.3, 12.0)]
    ['0.381', '51,946', '12']
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"
