"""A dense layer: y = activation(x W + b), and its gradients.

    x (N, K)    W (K, O)    b (O,)    y (N, O)        X̄ = Ȳ Wᵀ        W̄ = xᵀ Ȳ

Ȳ is the gradient before the activation; the derivative of the activation is kernels/activation's.

On processors with AMX tiles float32 products are sums of bfloat16 products (``amx``), as exact as others; but a row or
column with infinity, NaN or a number beyond 3.39e38 becomes NaN. README.md derives and draws all of it.
"""
from __future__ import annotations

from .. import activation as _activation
from ..runtime.dispatch import Implementations
from ..runtime.tracing import traceable

_choose = Implementations(__name__, numpy="reference", numba="numba_cpu", amx="amx")
implementations, why_not = _choose.available, _choose.why_not


@traceable
def forward(x, W, b, activation="linear", implementation=None, out=None):
    """activation(x W + b) (N, O).

    >>> import numpy as np
    >>> from sdpadv_np.kernels import dense
    >>> x, W = np.ones((1, 2), np.float32), np.array([[1, 2], [3, -5]], np.float32)
    >>> dense.forward(x, W, np.zeros(2, np.float32), "relu").tolist()
    [[4.0, 0.0]]
    """
    _activation.check(activation)
    if x.ndim != 2 or W.ndim != 2 or x.shape[1] != W.shape[0]:
        raise ValueError(f"x {list(x.shape)} must be (N, K) and W {list(W.shape)} (K, O), with the same K")
    if b.shape != W.shape[1:]:
        raise ValueError(
            f"b has the shape {list(b.shape)}; W makes {W.shape[1]} outputs, so b must have {W.shape[1]} elements")
    _check(out, (len(x), W.shape[1]))
    return _choose(x, implementation).forward(x, W, b, activation, out)


@traceable
def input_gradient(g, W, implementation=None, out=None):
    """g Wᵀ (N, K), from the gradient g (N, O) of x W + b."""
    if g.ndim != 2 or W.ndim != 2 or g.shape[1] != W.shape[1]:
        raise ValueError(f"g {list(g.shape)} must be (N, O) and W {list(W.shape)} (K, O), with the same O")
    _check(out, (len(g), len(W)))
    return _choose(g, implementation).input_gradient(g, W, out)


@traceable
def weight_gradient(g, x, implementation=None, out=None):
    """xᵀ g (K, O)."""
    if g.ndim != 2 or x.ndim != 2 or len(g) != len(x):
        raise ValueError(f"g {list(g.shape)} must be (N, O) and x {list(x.shape)} (N, K), with the same N")
    _check(out, (x.shape[1], g.shape[1]))
    return _choose(g, implementation).weight_gradient(g, x, out)


def _check(out, shape):
    if out is not None and out.shape != shape:
        raise ValueError(f"out has the shape {list(out.shape)}, the result {list(shape)}")
