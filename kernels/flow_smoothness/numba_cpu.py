"""Each pair of diagonal neighbours once, row by row; then the edge, whose pairs count once instead of twice.

The short loops over slices are written so that LLVM vectorises them: it must see that the output does not
overlap the inputs, which it cannot if one array is read and written at shifted positions.
"""
from __future__ import annotations

import numpy as np

from ..runtime.jit import njit
from ..runtime.tracing import contiguous

_OPTIONS = {"error_model": "numpy", "fastmath": {"contract", "reassoc", "arcp", "nsz"}}


@njit(**_OPTIONS)
def _pairs(u, v, below_u, below_v, inside, grad_u, grad_v):
    """Twice the sum of the lengths of the pairs' differences; its gradient by u and v, in the last two arrays."""
    total = inside * 0
    for j in range(u.size):
        du, dv = u[j] - below_u[j], v[j] - below_v[j]
        length = np.sqrt(du * du + dv * dv + inside)
        total += length
        grad_u[j], grad_v[j] = (du + du) / length, (dv + dv) / length
    return total + total


@njit(**_OPTIONS)
def _add(a, b):
    for j in range(b.size):
        a[j] += b[j]


@njit(**_OPTIONS)
def _subtract(a, b):
    for j in range(b.size):
        a[j] -= b[j]


@njit(**_OPTIONS)
def _edge(flow, grad, i, j, inside, symmetric):
    """The neighbours beyond the edge of a pixel (i, j) on the edge."""
    h, w = flow.shape[1:]
    total = inside * 0
    for di in (-1, 1):
        for dj in (-1, 1):
            if 0 <= i + di < h and 0 <= j + dj < w:
                continue
            k, m = min(max(i + di, 0), h - 1), min(max(j + dj, 0), w - 1)
            du, dv = flow[0, i, j], flow[1, i, j]
            if symmetric:
                du, dv = du - flow[0, k, m], dv - flow[1, k, m]
            length = np.sqrt(du * du + dv * dv + inside)
            total += length
            grad[0, i, j] += du / length
            grad[1, i, j] += dv / length
            if symmetric:
                grad[0, k, m] -= du / length
                grad[1, k, m] -= dv / length
    return total


@njit(**_OPTIONS)
def _images(flow, inside, symmetric, value, grad):
    _, _, h, w = flow.shape
    grad_u, grad_v = np.empty(w - 1, flow.dtype), np.empty(w - 1, flow.dtype)
    for n in range(len(flow)):
        total = 0.0
        for i in range(h - 1):
            for s in (0, 1):  # the neighbour below to the right, to the left
                here, below = slice(s, w - 1 + s), slice(1 - s, w - s)
                u, v = flow[n, 0, i, here], flow[n, 1, i, here]
                below_u, below_v = flow[n, 0, i + 1, below], flow[n, 1, i + 1, below]
                total += _pairs(u, v, below_u, below_v, inside, grad_u, grad_v)
                _add(grad[n, 0, i, here], grad_u)
                _add(grad[n, 1, i, here], grad_v)
                _subtract(grad[n, 0, i + 1, below], grad_u)
                _subtract(grad[n, 1, i + 1, below], grad_v)
        for i in range(h):
            for j in range(0, w, 1 if i in (0, h - 1) else max(w - 1, 1)):
                total += _edge(flow[n], grad[n], i, j, inside, symmetric)
        value[n] = total


def value_and_gradient(flow, padding, inside):
    value, grad = np.empty(len(flow), flow.dtype), np.zeros(flow.shape, flow.dtype)
    _images(contiguous(flow), inside, padding == "symmetric", value, grad)
    return value, grad
