"""Derivatives of sums, means and maxima over axes (None, one, or a tuple)."""
from __future__ import annotations

import numpy as np

from ..registry import define
from ..tensor import raw
from ._samples import apart, cases, normal
from .shape import broadcast_to, reshape


def _kept(shape, axis):
    """``shape`` with the reduced axes as 1, as keepdims=True would leave it."""
    axes = range(len(shape)) if axis is None else [axis] if isinstance(axis, int) else axis
    reduced = {a % len(shape) for a in axes}
    return tuple(1 if i in reduced else n for i, n in enumerate(shape))


def _spread(r, x, axis):
    """``r``, a reduction of ``x``, repeated to x's shape."""
    return broadcast_to(reshape(r, shape=_kept(x.shape, axis)), shape=x.shape)


def _share(x, y, axis):
    """1 where x is the maximum, shared between ties; a constant."""
    x = raw(x)
    hit = (x == raw(y).reshape(_kept(x.shape, axis))).astype(x.dtype)
    return hit / hit.sum(axis=axis, keepdims=True)


def _norm(x):
    flat = x.reshape(x.shape[0], -1)
    return np.sqrt(np.einsum("ni,ni->n", flat, flat) + x.dtype.type(1e-12))


_CASES = (dict(), dict(axis=1), dict(axis=-1, keepdims=True), dict(axis=(0, 2)))

sum = define(
    "sum", lambda x, axis=None, keepdims=False: x.sum(axis=axis, keepdims=keepdims),
    lambda g, y, x, axis, keepdims: _spread(g, x, axis),
    formula="x̄ = ȳ repeated", samples=cases(*(normal((2, 3, 4), **c) for c in _CASES)),
)
mean = define(
    "mean", lambda x, axis=None, keepdims=False: x.mean(axis=axis, keepdims=keepdims),
    lambda g, y, x, axis, keepdims: _spread(g / (x.size / y.size), x, axis),
    formula="x̄ = ȳ repeated / count", samples=cases(*(normal((2, 3, 4), **c) for c in _CASES)),
)
norm = define(
    "norm", _norm,
    lambda g, y, x: _spread(g / y, x, tuple(range(1, x.ndim))) * x,
    formula="x̄ = ȳ x / y", reads=(0, "y"), samples=cases(normal((3, 4)), normal((2, 3, 2, 2))),
    kinks="at x = 0 the derivative is 0, by the 1e-12 under the root",
    doc="Euclidean norm of each x[n] of x (N, ...): sqrt(sum of squares + 1e-12).",
)
max = define(
    "max", lambda x, axis=None, keepdims=False: x.max(axis=axis, keepdims=keepdims),
    lambda g, y, x, axis, keepdims: _spread(g, x, axis) * _share(x, y, axis),
    formula="x̄ = ȳ where x is the maximum", reads=(0, "y"), kinks="ties share the gradient equally",
    samples=cases(*(apart((2, 3, 4), **c) for c in _CASES)),
)
