"""The affine sampler with one thread per output pixel: the version to read before affine_sample.cu."""
from __future__ import annotations

import math

import numpy as np
from numba import cuda

from ..runtime.tables import cached_table
from ..runtime.tracing import copy_to
from ..sampling.numba_cuda import THREADS, blocks_for, interpolate, launch, steps, target, xp
from .reference import FAR, border, grid

_grid = cached_table(grid)


def _tables(x, output, convention):
    return [xp.asarray(table) for table in _grid(x.shape[2:], tuple(output), convention, x.dtype)]


def _change(theta, scale):
    """What theta adds to the identity's positions: (N, 2, 3) times (u, v, 1)."""
    return scale * (theta - xp.asarray(np.eye(2, 3, dtype=theta.dtype)))


@cuda.jit(device=True)
def _place(change, base, basis, k, h, w, cut):
    """(inside?, i, j, s, t): output pixel k is read at s right of and t below input pixel (i, j)."""
    real = base.dtype.type
    p = base[0, k] + (change[0, 0] * basis[0, k] + change[0, 1] * basis[1, k] + change[0, 2])
    q = base[1, k] + (change[1, 0] * basis[0, k] + change[1, 1] * basis[1, k] + change[1, 2])
    inside = 0 <= p < w - 1 and 0 <= q < h - 1 if cut else abs(p) < FAR and abs(q) < FAR  # false for NaN
    if not inside:
        return False, 0, 0, real(0), real(0)
    i, j = int(math.floor(q)), int(math.floor(p))
    return True, i, j, p - real(j), q - real(i)


@cuda.jit
def _forward(x, change, base, basis, cut, y, slopes, want_slopes):
    n, k = divmod(cuda.grid(1), base.shape[1])
    if n >= x.shape[0]:
        return
    inside, i, j, s, t = _place(change[n], base, basis, k, x.shape[2], x.shape[3], cut)
    if inside:
        for c in range(x.shape[1]):
            y[n, c, k], right, down = interpolate(x[n, c], i, j, s, t)
            if want_slopes:
                slopes[n, 0, c, k], slopes[n, 1, c, k] = right, down


@cuda.jit
def _backward_x(g, change, base, basis, cut, per_unit, sums):
    n, k = divmod(cuda.grid(1), base.shape[1])
    if n >= g.shape[0]:
        return
    h, w = sums.shape[2], sums.shape[3]
    inside, i, j, s, t = _place(change[n], base, basis, k, h, w, cut)
    if inside:
        for corner in range(4):
            there, row, column, weight = target(corner, i, j, s, t, h, w)
            if there:
                for c in range(g.shape[1]):
                    cuda.atomic.add(sums, (n, c, row, column), np.int64(g[n, c, k] * per_unit[n] * weight))


@cuda.jit
def _backward_theta(g, slopes, basis, scale, grad_theta):
    """One block per image: each thread sums some pixels, then thread m < 6 what all threads have for theta[m]."""
    partial = cuda.shared.array((6, THREADS), np.float64)
    n, thread = cuda.blockIdx.x, cuda.threadIdx.x
    for m in range(6):
        partial[m, thread] = 0.0
    for k in range(thread, g.shape[2], THREADS):
        for axis in range(2):
            towards = 0.0
            for c in range(g.shape[1]):
                towards += g[n, c, k] * slopes[n, axis, c, k]
            for m in range(3):
                partial[3 * axis + m, thread] += towards * basis[m, k]
    cuda.syncthreads()
    if thread < 6:
        total = 0.0
        for other in range(THREADS):
            total += partial[thread, other]
        grad_theta[n, thread // 3, thread % 3] = total * scale[thread // 3, 0]


def forward(x, theta, convention, size, slopes=False, out=None):
    base, basis, scale = _tables(x, size, convention)
    pixels = size[0] * size[1]
    y = xp.zeros((*x.shape[:2], pixels), x.dtype)
    along = xp.zeros((len(x), 2, x.shape[1], pixels) if slopes else (0, 0, 0, 0), x.dtype)
    if len(x):
        launch(_forward, blocks_for(len(x) * pixels), x, _change(theta, scale), base, basis, border(convention) == "cut", y, along, slopes)
    y = y.reshape(*x.shape[:2], *size)
    return copy_to(out, (y, along.reshape(len(x), 2, *y.shape[1:])) if slopes else y)


def backward(g, x, theta, convention, needs, slopes=None, out=None):
    output, count = g.shape[2:], len(x)
    base, basis, scale = _tables(x, output, convention)
    flat = xp.ascontiguousarray(g).reshape(count, x.shape[1], base.shape[1])
    grad_x = grad_theta = None
    if needs[0]:
        sums = xp.zeros(x.shape, np.int64)
        if count:
            per_unit, size = steps(g)
            launch(_backward_x, blocks_for(count * base.shape[1]), flat, _change(theta, scale), base, basis, border(convention) == "cut", per_unit, sums)
            sums = sums * size[:, None, None, None]
        grad_x = sums.astype(x.dtype)
    if needs[1]:
        grad_theta = xp.empty(theta.shape, x.dtype)
        if count:
            slopes = forward(x, theta, convention, output, slopes=True)[1] if slopes is None else xp.ascontiguousarray(slopes)
            launch(_backward_theta, count, flat, slopes.reshape(count, 2, x.shape[1], base.shape[1]), basis, scale, grad_theta)
    return copy_to(out, (grad_x, grad_theta))
