"""Sample inputs for the table: small float64 arrays, off the kinks of the operation at hand."""
from __future__ import annotations

import functools
import math

import numpy as np


def case(make):
    """``make(rng, *shapes, **params)`` -> arrays, as a function of shapes and params -> (rng -> the one case)."""

    @functools.wraps(make)
    def maker(*shapes, **params):
        return lambda rng: [(make(rng, *shapes, **params), params)]

    return maker


@case
def normal(rng, *shapes, **params):
    """Standard normal arrays of ``shapes``."""
    return [rng.standard_normal(s) for s in shapes]


@case
def positive(rng, *shapes, **params):
    """Arrays with values in [0.5, 2]."""
    return [rng.uniform(0.5, 2, s) for s in shapes]


@case
def apart(rng, *shapes, **params):
    """Values at least 0.05 from zero and from each other, in random order (no ties, no kinks)."""
    sizes = map(math.prod, shapes)
    steps = [(np.arange(n) - n // 2) * 0.1 + 0.05 + 0.02 * offset for offset, n in enumerate(sizes)]
    return [rng.permutation(values).reshape(s) for values, s in zip(steps, shapes)]


def cases(*makers):
    """All the cases of several makers."""
    return lambda rng: [one for maker in makers for one in maker(rng)]
