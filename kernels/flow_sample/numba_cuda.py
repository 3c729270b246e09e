"""Sampling along a flow with one thread per output pixel; to be read before flow_sample.cu."""
from __future__ import annotations

import numpy as np
from numba import cuda

from ..runtime.tracing import copy_to
from ..sampling.numba_cuda import blocks_for, image_gradient, interpolate, launch, target, xp


@cuda.jit(device=True)
def _axis(at, shift, i, j, n):
    """(pixel, distance from it, is it moved by the flow?) of the position at + shift[i, j] on an axis of n pixels."""
    real = shift.dtype.type
    p = real(at) + shift[i, j]
    moves = n > 1 and 0 <= p <= n - 1
    p = p if p > 0 else real(0)  # false for NaN
    p = p if p < n - 1 else real(n - 1)
    low = min(int(p), max(n - 2, 0))
    return low, p - real(low), moves


@cuda.jit
def _forward(x, flow, y, derivatives, want_derivatives):
    h, w = x.shape[2], x.shape[3]
    n, k = divmod(cuda.grid(1), h * w)
    if n >= x.shape[0]:
        return
    i, j = divmod(k, w)
    top, t, moves_down = _axis(i, flow[n, 0], i, j, h)
    left, s, moves_right = _axis(j, flow[n, 1], i, j, w)
    for c in range(x.shape[1]):
        y[n, c, i, j], right, down = interpolate(x[n, c], top, left, s, t)
        if want_derivatives:
            derivatives[n, 0, c, i, j] = down if moves_down else 0
            derivatives[n, 1, c, i, j] = right if moves_right else 0


@cuda.jit
def _backward_x(g, flow, per_unit, sums):
    h, w = g.shape[2], g.shape[3]
    n, k = divmod(cuda.grid(1), h * w)
    if n >= g.shape[0]:
        return
    i, j = divmod(k, w)
    top, t, _ = _axis(i, flow[n, 0], i, j, h)
    left, s, _ = _axis(j, flow[n, 1], i, j, w)
    for corner in range(4):
        there, row, column, weight = target(corner, top, left, s, t, h, w)
        if there:
            for c in range(g.shape[1]):
                cuda.atomic.add(sums, (n, c, row, column), np.int64(g[n, c, i, j] * per_unit[n] * weight))


def forward(x, flow, derivatives=False, out=None):
    y = xp.empty(x.shape, x.dtype)
    saved = xp.empty((len(x), 2, *x.shape[1:]) if derivatives else (0, 0, 0, 0, 0), x.dtype)
    if len(x):
        launch(_forward, blocks_for(len(x) * x.shape[2] * x.shape[3]), x, flow, y, saved, derivatives)
    return copy_to(out, (y, saved) if derivatives else y)


def backward(g, x, flow, needs, derivatives=None, out=None):
    grad_x = image_gradient(_backward_x, x, g, flow) if needs[0] else None
    if not needs[1]:
        return copy_to(out, (grad_x, None))
    derivatives = forward(x, flow, derivatives=True)[1] if derivatives is None else derivatives
    return copy_to(out, (grad_x, (g[:, None] * derivatives).sum(axis=2)))
