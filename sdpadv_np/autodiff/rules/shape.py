"""Derivatives of the operations that only move elements: each is linear, its rule is the transpose."""
# ruff: noqa: E501  (a table: one line per derivative)
from __future__ import annotations

import numpy as np

from ...kernels.runtime.tracing import traceable
from ...xp import array_module
from ..registry import define
from ._samples import cases, normal


def _sum_to(x, shape):
    shape = shape if isinstance(shape, tuple) else (shape,)
    lead = x.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(lead + i for i, n in enumerate(shape) if n == 1 and x.shape[lead + i] != 1)
    return x.sum(axis=axes, keepdims=True).reshape(shape) if axes else x.reshape(shape)


def _place(g, index, shape):
    out = array_module(g).zeros(shape, g.dtype)
    if all(map(_names_once, index if isinstance(index, tuple) else (index,))):
        out[index] = g
    else:
        _add_at(out, index, g)
    return out


def _names_once(part) -> bool:
    """Whether a part of an index cannot name an element twice, by its type."""
    plain = part is None or part is Ellipsis or isinstance(part, (int, np.integer, slice))
    return plain or getattr(part, "dtype", None) == bool


@traceable(writes=("out",))
def _add_at(out, index, g):
    array_module(out).add.at(out, index, g)  # np.add.at does not dispatch tuples to CuPy


def _split(index, g, y, *arrays, axis):
    start = sum(a.shape[axis] for a in arrays[:index])
    slices = [slice(None)] * g.ndim
    slices[axis] = slice(start, start + arrays[index].shape[axis])
    return getitem(g, index=tuple(slices))


def _mirror(x, axis, width):
    """x with ``width`` more on both sides of an axis, mirrored at its first and last element."""
    x, n = x.swapaxes(0, axis), x.shape[axis]
    if not 0 <= width < n:
        raise ValueError(f"cannot mirror {width} of {n} along axis {axis}")
    return np.concatenate([x[1 : width + 1][::-1], x, x[n - 1 - width : n - 1][::-1]]).swapaxes(0, axis)


def _fold(g, axis, width):
    """The transpose of _mirror: mirrored elements are added to their originals."""
    g, n = g.swapaxes(0, axis), g.shape[axis] - 2 * width
    one, rest = (array_module(g).zeros((k, *g.shape[1:]), g.dtype) for k in (1, n - 1 - width))
    first = np.concatenate([one, g[:width][::-1], rest])
    last = np.concatenate([rest, g[width + n :][::-1], one])
    return (g[width : width + n] + first + last).swapaxes(0, axis)


reshape = define(
    "reshape", lambda x, shape: x.reshape(shape),
    lambda g, y, x, shape: reshape(g, shape=x.shape),
    formula="x̄ = reshape(ȳ, shape(x))", samples=cases(normal((3, 4), shape=(2, 6)), normal((2, 3), shape=(-1,))),
    hint="the number of elements must stay the same",
)
transpose = define(
    "transpose", lambda x, axes=None: x.transpose(axes),
    lambda g, y, x, axes: transpose(g, axes=None if axes is None else tuple(np.argsort([a % x.ndim for a in (axes if isinstance(axes, tuple) else (axes,))]).tolist())),
    formula="x̄ = transpose(ȳ, axes⁻¹)", samples=cases(normal((3, 4)), normal((2, 3, 4), axes=(1, 2, 0)), normal((2, 3, 4), axes=(-1, 0, 1))),
    hint="axes must name each axis once",
)
swapaxes = define(
    "swapaxes", lambda x, a=-1, b=-2: x.swapaxes(a, b),
    lambda g, y, x, a, b: swapaxes(g, a=a, b=b),
    formula="x̄ = swapaxes(ȳ, a, b)", samples=normal((2, 3, 4)),
)
broadcast_to = define(
    "broadcast_to", lambda x, shape: np.broadcast_to(x, shape),
    lambda g, y, x, shape: sum_to(g, shape=x.shape),
    formula="x̄ = sum_to(ȳ, shape(x))", samples=cases(normal((3, 1), shape=(2, 3, 4)), normal((), shape=(3,))),
)
sum_to = define(
    "sum_to", _sum_to,
    lambda g, y, x, shape: broadcast_to(g, shape=x.shape),
    formula="x̄ = broadcast_to(ȳ, shape(x))", samples=cases(normal((2, 3, 4), shape=(3, 1)), normal((3,), shape=())),
    doc="Sum over the axes along which an array of ``shape`` would be repeated to x's shape.",
)
getitem = define(
    "getitem", lambda x, index: x[index],
    lambda g, y, x, index: place(g, index=index, shape=x.shape),
    formula="x̄ = place(ȳ, index, shape(x))",
    samples=cases(
        normal((4, 5), index=(slice(1, 3), slice(None, None, 2))),
        normal((3, 4), index=(np.array([0, 0, 2]), np.array([1, 1, 3]))),
    ),
    doc="x[index] as in NumPy: integers, slices, integer and boolean arrays, lists.",
)
place = define(
    "place", _place,
    lambda h, y, g, index, shape: getitem(h, index=index),
    formula="ḡ = getitem(ȳ, index)",
    samples=cases(normal((2, 3), index=(slice(1, 3), slice(None, None, 2)), shape=(4, 5)),
                  normal((3,), index=(np.array([0, 0, 2]), np.array([1, 1, 3])), shape=(3, 4))),
    doc="Zeros of ``shape`` with g added at ``index``: the transpose of getitem.",
)
concatenate = define(
    "concatenate", lambda *arrays, axis=0: np.concatenate(arrays, axis=axis),
    _split,
    formula="x̄ᵢ = split(ȳ, i)", variadic=True,
    terms=lambda *arrays, axis: {"split": lambda g, i: _split(i, g, None, *arrays, axis=axis)},
    samples=cases(normal((2, 3), (4, 3)), normal((2, 3), (2, 1), (2, 2), axis=1)),
    hint="all need the same number of axes, and the same shape except along ``axis`` (an empty one is np.empty((0, ...)), not np.empty(0))",
)
reflect_pad = define(
    "reflect_pad", lambda x, width=1: _mirror(_mirror(x, -1, width), -2, width),
    lambda g, y, x, width: reflect_fold(g, width=width),
    formula="x̄ = reflect_fold(ȳ, width)",
    samples=cases(normal((2, 3, 4)), normal((1, 2, 3, 4), width=2), normal((2, 2), width=1)),
    doc="x with ``width`` more on both sides of its last two axes, mirrored without repeating the edge: a b c -> b a b c b.",
    hint="width must be below the sizes of the last two axes",
)
reflect_fold = define(
    "reflect_fold", lambda g, width=1: _fold(_fold(g, -1, width), -2, width),
    lambda h, y, g, width: reflect_pad(h, width=width),
    formula="ḡ = reflect_pad(ȳ, width)", samples=cases(normal((2, 5, 6)), normal((1, 2, 7, 8), width=2)),
    doc="The transpose of reflect_pad.",
)
