"""Derivatives of the matrix products."""
from __future__ import annotations

import numpy as np

from ..registry import define
from ._samples import cases, normal
from .reduction import sum
from .shape import swapaxes


def _matmul(a, b):
    if a.ndim < 2 or b.ndim < 2:
        raise ValueError("both operands need two axes or more; reshape a vector to a row or a column")
    return np.dot(a, b) if a.ndim == b.ndim == 2 else np.matmul(a, b)


def _dense(x, W, b):
    y = np.dot(x, W)
    y += b
    return y


matmul = define(
    "matmul", _matmul,
    lambda g, y, a, b: matmul(g, swapaxes(b)),
    lambda g, y, a, b: matmul(swapaxes(a), g),
    formula="Ā = Ȳ Bᵀ,  B̄ = Aᵀ Ȳ", reads=(0, 1), broadcasts=True,
    samples=cases(normal((3, 4), (4, 2)), normal((5, 3, 4), (5, 4, 2)), normal((5, 3, 4), (4, 2))),
    hint="the last axis of the first operand must equal the last but one of the second",
)
dense = define(
    "dense", _dense,
    lambda g, y, x, W, b: matmul(g, swapaxes(W)),
    lambda g, y, x, W, b: matmul(swapaxes(x), g),
    lambda g, y, x, W, b: sum(g, axis=0),
    formula="X̄ = Ȳ Wᵀ,  W̄ = Xᵀ Ȳ,  b̄ = Σₙ Ȳ", reads=(0, 1), samples=normal((5, 4), (4, 3), (3,)),
    doc="x W + b: x (N, inputs), W (inputs, outputs), b (outputs,).",
    hint="x must be (N, inputs), W (inputs, outputs), b (outputs,)",
)
