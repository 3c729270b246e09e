"""The slope of a layer's activation, told by its result alone; see kernels/activation.

    slope(ȳ, y)    relu: ȳ [y > 0]    leaky_relu: ȳ if y > 0 else 0.2 ȳ    tanh: ȳ (1 − y²)

Written with operations, it can be differentiated again; on arrays in the ordinary backward pass
layers use the kernel, one pass over memory.
"""
from __future__ import annotations

from ...kernels.activation import LEAK, check
from .elementwise import where


def slope(g, y, activation: str):
    """The gradient before the activation, from that after it."""
    if activation == "relu":
        return where(y > 0, g, 0)
    if activation == "leaky_relu":
        return where(y > 0, g, LEAK * g)
    if activation == "tanh":
        return g * (1 - y * y)
    check(activation)
    return g
