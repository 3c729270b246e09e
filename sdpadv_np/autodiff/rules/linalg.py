"""Derivatives of the matrix products."""
# ruff: noqa: E501  (a table: one line per derivative)
from __future__ import annotations

import numpy as np

from ...kernels import activation as kernel
from ...kernels import dense as layer
from ..registry import define
from ._samples import cases, normal
from .activation import backward, terms
from .reduction import sum
from .shape import swapaxes


def _matmul(a, b):
    if a.ndim < 2 or b.ndim < 2:
        raise ValueError("both operands need two axes or more; reshape a vector to a row or a column")
    return np.dot(a, b) if a.ndim == b.ndim == 2 else np.matmul(a, b)


def _dense_fused(g, y, x, W, b, needs, saved, out, activation):
    h = g if activation == "linear" else kernel.backward(g, y, activation)
    return (
        layer.input_gradient(h, W, out=out[0]) if needs[0] else None,
        layer.weight_gradient(h, x, out=out[1]) if needs[1] else None,
        np.dot(np.ones_like(h[:, 0]), h, out=out[2]) if needs[2] else None,  # three times faster than a sum down the columns
    )


matmul = define(
    "matmul", _matmul,
    lambda g, y, a, b: matmul(g, swapaxes(b)),
    lambda g, y, a, b: matmul(swapaxes(a), g),
    formula="Ā = Ȳ Bᵀ,  B̄ = Aᵀ Ȳ", reads=(0, 1), broadcasts=True,
    samples=cases(normal((3, 4), (4, 2)), normal((5, 3, 4), (5, 4, 2)), normal((5, 3, 4), (4, 2))),
    hint="the last axis of the first operand must equal the last but one of the second",
)
dense = define(
    "dense", lambda x, W, b, activation="linear": layer.forward(x, W, b, activation),
    lambda g, y, x, W, b, activation: matmul(backward(g, y, activation), swapaxes(W)),
    lambda g, y, x, W, b, activation: matmul(swapaxes(x), backward(g, y, activation)),
    lambda g, y, x, W, b, activation: sum(backward(g, y, activation), axis=0),
    formula="X̄ = Z̄ Wᵀ,  W̄ = Xᵀ Z̄,  b̄ = Σₙ Z̄  with Z̄ = ȳ · activation′(y)", terms=terms, reads=(0, 1, "y"), fused=_dense_fused,
    samples=cases(*(normal((5, 4), (4, 3), (3,), activation=name) for name in kernel.ACTIVATIONS)),
    kinks="where an output is 0 the derivative of relu is 0, of leaky relu 0.2",
    doc="activation(x W + b): x (N, inputs), W (inputs, outputs), b (outputs,); activations see kernels/activation.",
    hint="x must be (N, inputs), W (inputs, outputs), b (outputs,)",
)
