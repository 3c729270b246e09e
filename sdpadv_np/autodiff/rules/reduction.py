"""Derivatives of sums, means and maxima over axes (None, one, or a tuple)."""
# ruff: noqa: E501  (a table: one line per derivative)
from __future__ import annotations

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..registry import define
from ..tensor import raw
from ._samples import apart, cases, normal
from .elementwise import where
from .shape import broadcast_to, reshape


def kept_shape(shape, axis):
    """``shape`` with the reduced axes as 1, as keepdims=True gives; () stays (), though NumPy takes its axes 0 and -1."""
    if axis is None or not shape:
        return (1,) * len(shape)
    reduced = normalize_axis_tuple(axis, len(shape))
    return tuple(1 if i in reduced else n for i, n in enumerate(shape))


def _spread(r, x, axis):
    """``r``, a reduction of ``x``, repeated to x's shape."""
    return broadcast_to(reshape(r, shape=kept_shape(x.shape, axis)), shape=x.shape)


def _share(g, y, x, axis):
    """g where x is the maximum, shared between ties, and 0 elsewhere."""
    hit = raw(x) == raw(y).reshape(kept_shape(x.shape, axis))
    ties = hit.sum(axis=axis, keepdims=True).astype(x.dtype)
    return where(hit, _spread(g, x, axis) / np.maximum(ties, 1), 0)


def _norm(x):
    flat = x.reshape(len(x), math.prod(x.shape[1:]))
    return np.sqrt(np.einsum("ni,ni->n", flat, flat) + x.dtype.type(1e-12))


_CASES = ({}, {"axis": 1}, {"axis": -1, "keepdims": True}, {"axis": (0, 2)})

sum = define(
    "sum", lambda x, axis=None, keepdims=False: x.sum(axis=axis, keepdims=keepdims),
    lambda g, y, x, axis, keepdims: _spread(g, x, axis),
    formula="x̄ = ȳ repeated", samples=cases(*(normal((2, 3, 4), **c) for c in _CASES)),
)
mean = define(
    "mean", lambda x, axis=None, keepdims=False: x.mean(axis=axis if x.ndim or axis not in (0, -1) else None, keepdims=keepdims),  # 0-d arrays as in sum
    lambda g, y, x, axis, keepdims: _spread(g / (x.size // y.size if x.size else 1), x, axis),
    formula="x̄ = ȳ repeated / count", samples=cases(*(normal((2, 3, 4), **c) for c in _CASES)),
)
norm = define(
    "norm", _norm,
    lambda g, y, x: _spread(g / y, x, tuple(range(1, x.ndim))) * x,
    formula="x̄ = ȳ x / y", reads=(0, "y"), samples=cases(normal((3, 4)), normal((2, 3, 2, 2))),
    kinks="at x = 0 the derivative is 0, by the 1e-12 under the root; where squares overflow (1.8e19 in float32) the norm is infinite, the derivative 0", hint="x must be (N, ...)",
    doc="Euclidean norm of each x[n] of x (N, ...): sqrt(sum of squares + 1e-12).",
)
max = define(
    "max", lambda x, axis=None, keepdims=False: x.max(axis=axis, keepdims=keepdims),
    lambda g, y, x, axis, keepdims: _share(g, y, x, axis),
    formula="x̄ = ȳ repeated · [x = y repeated]", reads=(0, "y"), kinks="ties share the gradient equally; it is 0 where the maximum is NaN",
    samples=cases(*(apart((2, 3, 4), **c) for c in _CASES)),
)
