"""Closed formulas from the data's numbers to the sizes of a network.

Source: Nakada and Imaizumi 2020, JMLR 21(174), theorems 5, 7 and 8: about n^(d / (2 b + d)) weights
reach the risk n^(-2 b / (2 b + d)) for intrinsic dimension d and smoothness b, at a depth that does
not grow with n. Differs from the paper: its constants are far above any usable size, so only the
exponents are used and a pilot's effective degrees of freedom set the level.
"""

import math

MOTIFS_PER_DOF = 4.0
MIN_MOTIFS = 64
MAX_MOTIFS = 3000
ROWS_PER_MOTIF = 3
AFFINE_LAYERS = 4
CALL_US, NUMBERS_PER_US = 20.0, 2000.0
POLYGON_NUMBERS = 2048
"""The shared polygon of the kernel's profile, of 1024 pieces, two numbers each."""


def growth_exponent(dimension: float, smoothness: float) -> float:
    """Return d / (2 b + d): how the number of motifs grows with rows."""
    return dimension / (2.0 * smoothness + dimension)


def rate_exponent(dimension: float, smoothness: float) -> float:
    """2 b / (2 b + d): how the excess squared error falls with rows."""
    return 2.0 * smoothness / (2.0 * smoothness + dimension)


def wanted_motifs(
    dof: float, row_ratio: float, dimension: float, smoothness: float, group_order: float = 1.0
) -> int:
    """ceil(c df (n / n_pilot)^(d / (2 b + d)) g^(-2 b / (2 b + d))), before any cap.

    A pilot that does not know a group of order g resolves g copies of each cell.
    """
    growth: float = max(row_ratio, 1.0) ** growth_exponent(dimension, smoothness)
    saved = group_error_factor(group_order, dimension, smoothness)
    return math.ceil(MOTIFS_PER_DOF * dof * growth * saved)


def group_error_factor(group_order: float, dimension: float, smoothness: float) -> float:
    """g^(-2 b / (2 b + d)): what an invariance under g transformations does to the excess error.

    Source: Sannai, Imaizumi and Kawano 2021, UAI, lemma 2 (cells of the quotient).
    """
    factor: float = group_order ** -rate_exponent(dimension, smoothness)
    return factor


def latency_us(n_parameters: int) -> float:
    """Rough microseconds of one row on one thread: a fixed call, then memory bandwidth."""
    return CALL_US + n_parameters / NUMBERS_PER_US


def network_parameters(n_motifs: int, input_dim: int, rank: int, n_outputs: int) -> int:
    """Numbers stored by a radial network: metric, squared norm, distances, polygons and head."""
    metric = rank * (input_dim + 1)
    distances = n_motifs * (rank + 2)
    head = n_outputs * (n_motifs + input_dim + 1)
    return metric + (rank + 1) + distances + POLYGON_NUMBERS + head


def motifs_within(max_parameters: int, input_dim: int, rank: int, n_outputs: int) -> int:
    """Most motifs whose network stays within the budget, possibly 0."""
    fixed = network_parameters(0, input_dim, rank, n_outputs)
    return max(0, (max_parameters - fixed) // (rank + 2 + n_outputs))


def mlp_parameters(input_dim: int, n_outputs: int, width: int = 256, hidden: int = 3) -> int:
    """Numbers stored by the fixed multilayer perceptron that everything is compared with."""
    first, last = width * (input_dim + 1), n_outputs * (width + 1)
    return first + (hidden - 1) * width * (width + 1) + last


def relative_excess_error(n_motifs: int, wanted: int, dimension: float, smoothness: float) -> float:
    """Predicted excess squared error relative to the wanted size.

    Approximation error falls as m^(-2 b / d); at the wanted size it equals the estimation error,
    which a tuned penalty keeps where it is however many motifs there are.
    """
    ratio = n_motifs / wanted
    approximation: float = ratio ** (-2.0 * smoothness / max(dimension, 1e-9))
    return 0.5 * approximation + 0.5


def rows_for_error_ratio(ratio: float, dimension: float, smoothness: float) -> float:
    """Factor on the rows that multiplies the excess squared error by ``ratio``."""
    return float(ratio ** (-1.0 / rate_exponent(dimension, smoothness)))
