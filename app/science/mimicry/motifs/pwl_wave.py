"""Piecewise-linear waves: random Fourier features whose cosine is a polygon, hence exactly ReLU.

All units share one polygon over the bounded range that the box allows.

Source: Rahimi and Recht 2007, "Random features for large-scale kernel machines". Differs from the
paper: 8 pieces a period, and the head is solved on the polygon, so that nothing is approximated.
"""

from dataclasses import dataclass

import numpy as np

from app.science.mimicry.motif import BOX, Motif, MotifBlock, MotifContext, affine_node, pwl_node

PIECES_PER_PERIOD = 8
MAX_PERIODS = 64


@dataclass(frozen=True, slots=True)
class PwlWave:
    """One affine layer and a shared polygon."""

    def draw(
        self, context: MotifContext, n_motifs: int, name: str, rng: np.random.Generator
    ) -> MotifBlock:
        """Draw ``n_motifs`` waves with the frequencies of the teacher's Gaussian kernel."""
        q = len(context.radius)
        directions = rng.standard_normal((n_motifs, q)) / np.sqrt(context.squared_bandwidth)
        if context.kernel == "laplace":  # Cauchy frequencies: a Gaussian over one common chi
            directions /= np.abs(rng.standard_normal((n_motifs, 1))).clip(0.1)
        offsets = rng.uniform(0.0, 2.0 * np.pi, n_motifs)
        weight, bias = context.fold(directions, offsets)
        reach = np.abs(weight).sum(axis=1)  # (m,), since |u| <= 1
        half = np.pi * MAX_PERIODS
        tame = np.minimum(1.0, half / np.maximum(reach, 1e-12))
        linear, tensors = affine_node(f"{name}.linear", BOX, weight * tame[:, None], bias)
        low, high = (bias - reach * tame).min(), (bias + reach * tame).max()
        step = 2.0 * np.pi / PIECES_PER_PERIOD
        knots = step * np.arange(np.floor(low / step), np.ceil(high / step) + 1.0)
        wave, more = pwl_node(f"{name}.wave", linear.name, knots, np.cos(knots))
        return MotifBlock((linear, wave), {**tensors, **more}, wave.name, n_motifs)


PLUGIN: type[Motif] = PwlWave
