"""The derivative of a layer's activation, computed from its result alone; see kernels/activation.

    backward(ȳ, y)    relu: ȳ [y > 0]    leaky_relu: ȳ if y > 0 else 0.2 ȳ    tanh: ȳ (1 − y²)

Written with operations, it can be differentiated again. On arrays the ordinary backward pass of a layer uses the
kernel, one pass over memory.
"""
from __future__ import annotations

import numpy as np

from ...kernels.activation import LEAK, check
from .elementwise import where

_DERIVATIVES = {
    "linear": np.ones_like, "relu": lambda y: 1.0 * (y > 0), "leaky_relu": lambda y: np.where(y > 0, 1, LEAK),
    "tanh": lambda y: 1 - y**2,
}


def backward(g, y, activation: str):
    """The gradient before the activation, from that after it."""
    if activation == "relu":
        return where(y > 0, g, 0)
    if activation == "leaky_relu":
        return where(y > 0, g, LEAK * g)
    if activation == "tanh":
        return g * (1 - y * y)
    check(activation)
    return g


def terms(*arrays, activation, **params) -> dict:
    """For formulas of layers: the derivative of the activation at its result."""
    return {"activation′": _DERIVATIVES[activation]}
