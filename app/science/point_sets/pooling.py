"""From the motifs of a set's points to numbers of the set: mean, maximum, mean deviation.

None of them knows an order. All are ReLU: the maximum is a tournament of max(a, b) = b +
relu(a - b), the deviation a mean of absolute values. The deviation stands for the standard
deviation, which is not; on held-out digits the mean square did no better.

Source: Zaheer et al. 2017, arXiv:1703.06114 (Deep Sets).
"""

from app.science.point_sets.ops import Ops, T

N_POOLS = 3


def pooled(ops: Ops[T], motifs: T, present: T) -> T:
    """(n, 1, 3 m) from motifs (n, k, m), which are not negative, and present (n, k, 1)."""
    count = ops.total(present, 1)
    motifs = motifs * present
    mean = ops.total(motifs, 1) / count
    deviation = ops.total(ops.absolute(motifs - mean) * present, 1) / count
    return ops.joined([mean, ops.largest(motifs, 1), deviation])
