"""The derivative of clip(x, low, high): 1 where low <= x <= high, and 0 elsewhere."""
from __future__ import annotations

from ..runtime.dispatch import Implementations
from ..runtime.tracing import traceable

_choose = Implementations(__name__, numpy="reference", numba="numba_cpu")
implementations = _choose.available


@traceable
def backward(g, x, low, high, implementation=None, out=None):
    """g where x lies within [low, high] (numbers, or arrays that broadcast to x's shape), 0 elsewhere.

    >>> import numpy as np
    >>> from sdpadv_np.kernels import clip
    >>> clip.backward(np.float32([5, 6, 7]), np.float32([-1, 0.5, 1]), 0, 1).tolist()
    [0.0, 6.0, 7.0]
    """
    return _choose(x, implementation).backward(g, x, low, high, out)
