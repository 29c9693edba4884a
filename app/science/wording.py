"""Numbers as people write them.

Source: none.
"""


def number(value: float, digits: int = 3) -> str:
    """Significant digits, without an exponent where it can be avoided.

    >>> [number(v) for v in (0.38123, 51946.3, 12.0)]
    ['0.381', '51,946', '12']
    >>> [number(v, 2) for v in (0.38123, 99.7, 312.4)]
    ['0.38', '100', '312']
    """
    rounded = f"{value:.{digits}g}"
    return f"{value:,.0f}" if abs(float(rounded)) >= min(1000, 10**digits) else rounded
