"""Activations with bias, in place: activation(y + bias), and their gradients.

    linear y        relu max(y, 0)        leaky_relu y if y > 0 else 0.2 y        tanh tanh(y)

``y`` (N, K) with bias (K,), or (N, C, H, W) with bias (C,). The derivative of each is a function of its
result y, so that nothing else is saved for the backward pass: 1 where y > 0 and 0 (or 0.2) elsewhere,
or 1 - y². At 0 it is the derivative from the left.
"""
from __future__ import annotations

from ..runtime.dispatch import Implementations
from ..runtime.tracing import traceable

ACTIVATIONS = ("linear", "relu", "leaky_relu", "tanh")
LEAK = 0.2  # the derivative of leaky_relu below 0

_choose = Implementations(__name__, numpy="reference", numba="numba_cpu")
implementations = _choose.available


def check(activation):
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation is {activation!r}; choose one of {', '.join(ACTIVATIONS)}")


@traceable(writes=("y",))
def forward(y, bias, activation, implementation=None):
    """y = activation(y + bias), in place; bias may be None.

    >>> import numpy as np
    >>> from sdpadv_np.kernels import activation
    >>> y = np.array([[-1, 2]], np.float32)
    >>> activation.forward(y, np.array([0.5, 1], np.float32), "relu")
    >>> y.tolist()
    [[0.0, 3.0]]
    """
    check(activation)
    if bias is not None and (y.ndim < 2 or bias.size != y.shape[1]):
        raise ValueError(f"bias has {bias.size} numbers, y is {list(y.shape)}; it must have one per channel (axis 1)")
    _choose(y, implementation).forward(y, bias, activation)


@traceable
def backward(g, y, activation, implementation=None, out=None):
    """The gradient before the activation, from that after it, g, and the result y; with y's memory layout."""
    check(activation)
    for other in (g, out):
        if other is not None and other.shape != y.shape:
            raise ValueError(f"y is {list(y.shape)}, another array {list(other.shape)}; g, y and out must agree")
    return _choose(y, implementation).backward(g, y, activation, out)
