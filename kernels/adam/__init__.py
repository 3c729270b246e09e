"""Adam over one flat buffer: parameters and both moments updated in one pass, in place.

``step(p, g, m, v, lr, beta1, beta2, eps, t)`` with t = 1 for the first step:

    m = beta1 m + (1 - beta1) g          v = beta2 v + (1 - beta2) g²
    p = p - lr * (m / (1 - beta1ᵗ)) / (sqrt(v / (1 - beta2ᵗ)) + eps)

(Kingma & Ba 2015, Algorithm 1, with eps outside the root as written there.) A first moment below
1e-30 in size is flushed to zero: left alone it decays into denormal numbers, on which processors
compute tens of times slower. With weights anywhere near 1 this changes no result.
"""
from __future__ import annotations

from .._choice import Implementations

_choose = Implementations(__name__, numpy="reference", numba="numba_cpu")
implementations = _choose.available


def step(p, g, m, v, lr, beta1, beta2, eps, t, implementation=None):
    """Update p, m and v (1-D, contiguous, one dtype) in place."""
    _choose(p, implementation).step(p, g, m, v, lr, beta1, beta2, eps, t)
