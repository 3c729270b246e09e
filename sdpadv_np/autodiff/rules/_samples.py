"""Sample inputs for the table: small float64 arrays, off the kinks of the operation at hand."""
from __future__ import annotations

import numpy as np


def normal(*shapes, **params):
    """One case: standard normal arrays of ``shapes``."""
    return lambda rng: [([rng.standard_normal(s) for s in shapes], params)]


def positive(*shapes, **params):
    """One case: arrays with values in [0.5, 2]."""
    return lambda rng: [([rng.uniform(0.5, 2, s) for s in shapes], params)]


def apart(*shapes, **params):
    """One case: values at least 0.05 from zero and from each other, in random order (no ties, no kinks)."""

    def make(rng):
        arrays = []
        for offset, s in enumerate(shapes):
            n = int(np.prod(s, dtype=int))
            steps = (np.arange(n) - n // 2) * 0.1 + 0.05 + 0.02 * offset
            arrays.append(rng.permutation(steps).reshape(s))
        return [(arrays, params)]

    return make


def cases(*makers):
    """All the cases of several makers."""
    return lambda rng: [case for make in makers for case in make(rng)]
