"""Adam over one flat buffer: parameters and both moments updated in one pass, in place.

``step(p, g, m, v, t, lr, beta1, beta2, eps)``, with t the number of steps, this one included:

    t = t + 1
    m = beta1 m + (1 - beta1) g          v = beta2 v + (1 - beta2) g²
    p = p - lr * (m / (1 - beta1ᵗ)) / (sqrt(v / (1 - beta2ᵗ)) + eps)

(Kingma & Ba 2015, Algorithm 1, with eps outside the root.) A first moment below 1e-30 in absolute value
is set to zero: it would decay into denormal numbers, with which processors compute tens of times more
slowly. With weights near 1 this changes no result.
"""
from __future__ import annotations

from ..runtime.dispatch import Implementations
from ..runtime.tracing import traceable

_choose = Implementations(__name__, numpy="reference", numba="numba_cpu")
implementations = _choose.available


@traceable(writes=("p", "m", "v", "t"))
def step(p, g, m, v, t, lr, beta1, beta2, eps, implementation=None):
    """Update p, m and v (1-D, contiguous, one dtype) and t (0-d, integer) in place; lr is a number or a 0-d array.

    >>> import numpy as np
    >>> from sdpadv_np.kernels import adam
    >>> p, g, m, v = np.float32([[1], [5], [0], [0]])
    >>> t = np.zeros((), np.int64)
    >>> adam.step(p, g, m, v, t, 0.1, 0.9, 0.999, 1e-8)
    >>> round(float(p[0]), 4), int(t)
    (0.9, 1)
    """
    for other in (g, m, v):
        if other.shape != p.shape or other.dtype != p.dtype or p.ndim != 1:
            raise ValueError(
                f"p is {p.dtype}{list(p.shape)}, another array {other.dtype}{list(other.shape)}; "
                "p, g, m and v must be 1-D, of one length and dtype"
            )
    _choose(p, implementation).step(p, g, m, v, t, lr, beta1, beta2, eps)
