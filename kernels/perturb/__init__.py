"""The perturbation step: x_A = clip(x + clip(eta, -eps, eps), 0, 1), and its two gradients, in one pass.

The gradient of x is h = ḡ where 0 <= x + clip(eta) <= 1, and 0 elsewhere; that of eta is h where
-eps <= eta <= eps, and 0 elsewhere. (The paper, section 3.4.)
"""
from __future__ import annotations

from ..runtime.dispatch import Implementations
from ..runtime.tracing import traceable

_choose = Implementations(__name__, numpy="reference", numba="numba_cpu")
implementations = _choose.available


def _checked(x, *others):
    for other in others:
        if other.shape != x.shape or other.dtype != x.dtype:
            raise ValueError(
                f"x is {x.dtype}{list(x.shape)}, another array {other.dtype}{list(other.shape)}; they must agree"
            )


@traceable
def forward(x, eta, eps, implementation=None, out=None):
    """x_A, of x's shape; eps is a number.

    >>> import numpy as np
    >>> from sdpadv_np.kernels import perturb
    >>> perturb.forward(np.float32([0.5, 0.875, 0]), np.float32([0.125, 9, -9]), 0.25).tolist()
    [0.625, 1.0, 0.0]
    """
    _checked(x, eta)
    return _choose(x, implementation).forward(x, eta, eps, out)


@traceable
def backward(g, x, eta, eps, needs=(True, True), implementation=None, out=None):
    """The gradients (of x, of eta) from that of x_A, g, all of one shape; None for one that ``needs`` leaves out."""
    _checked(x, eta, g)
    return _choose(x, implementation).backward(g, x, eta, eps, tuple(needs), out or (None, None))
