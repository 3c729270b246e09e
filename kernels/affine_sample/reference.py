"""The definition in NumPy: positions, the four pixels around each, sums.

``sample`` and ``scatter`` take any positions. They also compute the derivatives of the interpolation by
the position: bilinear interpolation is a product of two hat functions,

    S(p, q) = sum over pixels (i, j) of x[i, j] hat(p - j) hat(q - i)

so d/dp replaces a hat by its derivative (-1 at floor(p), +1 at floor(p) + 1), and the second derivative
along one axis is 0. ``dx`` and ``dy`` are the orders of differentiation along the axes.
"""
from __future__ import annotations

import numpy as np

from ..runtime.dispatch import array_module
from ..runtime.tables import cached_table
from ..runtime.tracing import copy_to, traceable

FAR = 1e6  # pixels; beyond it floor(p) may not fit an index


def grid(size, output, convention, dtype):
    """(base, basis, scale): positions are base + scale * ((theta - identity) @ basis).

    base (2, P): the identity's positions in pixels, x first. basis (3, P): u, v, 1 of each output
    pixel. scale (2, 1): pixels per unit of u and v. All read-only.
    """

    def axis(n, m):  # an input axis of n pixels, an output axis of m
        j = np.arange(m, dtype=np.float64)
        if convention == "half_pixel":
            return (2 * j + 1) / m - 1, n * (2 * j + 1) / (2 * m) - 0.5, n / 2
        u, step = (2 * j / (m - 1) - 1, j / (m - 1)) if m > 1 else (np.zeros(1), np.full(1, 0.5))
        if convention == "align_corners":
            return u, j * (n - 1) / (m - 1) if m > 1 else step * (n - 1), (n - 1) / 2
        return u, step * n, n / 2

    v, row, row_scale = axis(size[0], output[0])
    u, column, column_scale = axis(size[1], output[1])
    u, v = (a.ravel() for a in np.meshgrid(u, v))
    column, row = (a.ravel() for a in np.meshgrid(column, row))
    arrays = np.stack([column, row]), np.stack([u, v, np.ones_like(u)]), np.array([[column_scale], [row_scale]])
    for array in (arrays := [a.astype(dtype) for a in arrays]):
        array.flags.writeable = False
    return tuple(arrays)


def grid_for(theta, size, output, convention):
    """(base, basis, scale, identity) in theta's dtype and array library."""
    return _tables(tuple(size), tuple(output), convention, theta.dtype, array_module(theta))


@cached_table
def _tables(size, output, convention, dtype, module):
    """Cached: copying them to a GPU in each call would make the GPU wait."""
    return tuple(module.asarray(table) for table in (*grid(size, output, convention, dtype), np.eye(2, 3, dtype=dtype)))


def border(convention):
    """At the edge: "zeros" if each pixel outside counts as 0, "cut" if a position outside gives 0 at once."""
    return "cut" if convention == "tf_reference" else "zeros"


def positions(theta, size, output, convention):
    """(N, 2, *output): the position in the input, in pixels, of each output pixel; x first."""
    base, basis, scale, identity = grid_for(theta, size, output, convention)
    return (base + scale * ((theta - identity) @ basis)).reshape(len(theta), 2, *output)


def _axis(p, n, order, edge):
    """Along one axis of n pixels: the two (index, weight, whether it counts) for positions p."""
    if edge == "clamp":
        counts = (p >= 0) & (p <= n - 1) if order else np.ones_like(p, bool)  # beyond the edge the value is constant
        p = np.minimum(np.where(p > 0, p, p.dtype.type(0)), p.dtype.type(n - 1))
        low = np.minimum(np.floor(p), max(n - 2, 0))
    else:
        p = np.where(np.abs(p) < FAR, p, p.dtype.type(-2))
        low = np.floor(p)
        counts = (p >= 0) & (p < n - 1)
    t = p - low
    low = low.astype(np.intp)
    weights = ((1 - t, t), (-np.ones_like(t), np.ones_like(t)))[order] if order < 2 else (0 * t, 0 * t)
    for step, weight in enumerate(weights):
        index = low + step
        yield np.clip(index, 0, n - 1), weight, (index >= 0) & (index < n) if edge == "zeros" else counts


def _corners(positions, size, dy, dx, edge):
    """The four (flat pixel index, weight, whether it counts), each (N, P)."""
    flat = positions.reshape(len(positions), 2, positions.shape[2] * positions.shape[3])
    columns = list(_axis(flat[:, 0], size[1], dx, edge))
    for i, wi, row in _axis(flat[:, 1], size[0], dy, edge):
        for j, wj, column in columns:
            yield i * size[1] + j, wi * wj, row & column


def _masked(counts, values):
    """The values that count, 0 for the others; selected, not multiplied, since infinity times 0 is NaN."""
    return np.where(counts[:, None], values, values.dtype.type(0))


@traceable
def sample(x, positions, dy=0, dx=0, edge="zeros", out=None):
    """x (N,C,H,W) at positions (N,2,Ho,Wo) -> (N,C,Ho,Wo)."""
    n, c, h, w = x.shape
    flat = x.reshape(n, c, h * w)
    y = sum(
        weight[:, None] * _masked(counts, np.take_along_axis(flat, index[:, None], axis=2))
        for index, weight, counts in _corners(positions, (h, w), dy, dx, edge)
    )
    return copy_to(out, y.reshape(n, c, *positions.shape[2:]))


@traceable
def scatter(g, positions, size, dy=0, dx=0, edge="zeros", out=None):
    """The transpose of :func:`sample`: each g (N,C,Ho,Wo) added to its four pixels of (N,C,*size)."""
    n, c = g.shape[:2]
    pixels = size[0] * size[1]
    flat = g.reshape(n, c, g.shape[2] * g.shape[3])
    module = array_module(g)
    image = module.arange(n * c).reshape(n, c, 1) * pixels
    total = module.zeros(n * c * pixels)
    for index, weight, counts in _corners(positions, size, dy, dx, edge):
        values = weight[:, None] * _masked(counts, flat)
        total += module.bincount((image + index[:, None]).ravel(), values.ravel(), minlength=total.size)
    return copy_to(out, total.astype(g.dtype).reshape(n, c, *size))


def derivatives_at(x, positions, edge):
    """(N,2,C,Ho,Wo): the derivatives of the value by the position, in pixels, along x and along y."""
    return np.stack([sample(x, positions, 0, 1, edge), sample(x, positions, 1, 0, edge)], axis=1)


def forward(x, theta, convention, size, derivatives=False, out=None):
    where, edge = positions(theta, x.shape[2:], size, convention), border(convention)
    y = sample(x, where, edge=edge)
    return copy_to(out, (y, derivatives_at(x, where, edge)) if derivatives else y)


def backward(g, x, theta, convention, needs, derivatives=None, out=None):
    size, output, edge = x.shape[2:], g.shape[2:], border(convention)
    where = positions(theta, size, output, convention)
    grad_x = scatter(g, where, size, edge=edge) if needs[0] else None
    if not needs[1]:
        return copy_to(out, (grad_x, None))
    _, basis, scale, _ = grid_for(theta, size, output, convention)
    derivatives = derivatives_at(x, where, edge) if derivatives is None else derivatives
    by_position = (g[:, None] * derivatives).sum(axis=2).reshape(len(g), 2, output[0] * output[1])
    grad_theta = (scale * by_position) @ basis.T
    return copy_to(out, (grad_x, grad_theta))
