"""The affine sampler with one thread per output pixel; to be read before affine_sample.cu."""
from __future__ import annotations

import math

import numpy as np
from numba import cuda

from ..runtime.tables import cached_table
from ..runtime.tracing import copy_to
from ..sampling.numba_cuda import THREADS, blocks_for, image_gradient, interpolate, launch, target, xp
from .reference import FAR, border, grid

_grid = cached_table(grid)


def _tables(x, output, convention):
    return [xp.asarray(table) for table in _grid(x.shape[2:], tuple(output), convention, x.dtype)]


def _deviation(theta, scale):
    """scale (theta - identity), (N, 2, 3): times (u, v, 1) it is added to the identity's positions."""
    return scale * (theta - xp.asarray(np.eye(2, 3, dtype=theta.dtype)))


@cuda.jit(device=True)
def _locate(deviation, base, basis, k, h, w, cut):
    """(inside?, i, j, s, t): output pixel k is read at s right of and t below input pixel (i, j)."""
    real = base.dtype.type
    p = base[0, k] + (deviation[0, 0] * basis[0, k] + deviation[0, 1] * basis[1, k] + deviation[0, 2])
    q = base[1, k] + (deviation[1, 0] * basis[0, k] + deviation[1, 1] * basis[1, k] + deviation[1, 2])
    inside = 0 <= p < w - 1 and 0 <= q < h - 1 if cut else abs(p) < FAR and abs(q) < FAR  # false for NaN
    if not inside:
        return False, 0, 0, real(0), real(0)
    i, j = int(math.floor(q)), int(math.floor(p))
    return True, i, j, p - real(j), q - real(i)


@cuda.jit
def _forward(x, deviation, base, basis, cut, y, derivatives, want_derivatives):
    n, k = divmod(cuda.grid(1), base.shape[1])
    if n >= x.shape[0]:
        return
    inside, i, j, s, t = _locate(deviation[n], base, basis, k, x.shape[2], x.shape[3], cut)
    if inside:
        for c in range(x.shape[1]):
            y[n, c, k], right, down = interpolate(x[n, c], i, j, s, t)
            if want_derivatives:
                derivatives[n, 0, c, k], derivatives[n, 1, c, k] = right, down


@cuda.jit
def _backward_x(g, deviation, base, basis, cut, per_unit, sums):
    n, k = divmod(cuda.grid(1), base.shape[1])
    if n >= g.shape[0]:
        return
    (i_out, j_out), (h, w) = divmod(k, g.shape[3]), sums.shape[2:]
    inside, i, j, s, t = _locate(deviation[n], base, basis, k, h, w, cut)
    if inside:
        for corner in range(4):
            there, row, column, weight = target(corner, i, j, s, t, h, w)
            if there:
                for c in range(g.shape[1]):
                    cuda.atomic.add(sums, (n, c, row, column), np.int64(g[n, c, i_out, j_out] * per_unit[n] * weight))


@cuda.jit
def _backward_theta(g, derivatives, basis, scale, grad_theta):
    """One block per image: each thread sums some pixels, then thread m < 6 sums those of all threads for theta[m]."""
    partial = cuda.shared.array((6, THREADS), np.float64)
    n, thread = cuda.blockIdx.x, cuda.threadIdx.x
    for m in range(6):
        partial[m, thread] = 0.0
    for k in range(thread, g.shape[2], THREADS):
        for axis in range(2):
            gradient = 0.0
            for c in range(g.shape[1]):
                gradient += g[n, c, k] * derivatives[n, axis, c, k]
            for m in range(3):
                partial[3 * axis + m, thread] += gradient * basis[m, k]
    cuda.syncthreads()
    if thread < 6:
        total = 0.0
        for other in range(THREADS):
            total += partial[thread, other]
        grad_theta[n, thread // 3, thread % 3] = total * scale[thread // 3, 0]


def forward(x, theta, convention, size, derivatives=False, out=None):
    base, basis, scale = _tables(x, size, convention)
    pixels, cut = size[0] * size[1], border(convention) == "cut"
    y = xp.zeros((*x.shape[:2], pixels), x.dtype)
    saved = xp.zeros((len(x), 2, x.shape[1], pixels) if derivatives else (0, 0, 0, 0), x.dtype)
    if len(x):
        positions = _deviation(theta, scale), base, basis, cut
        launch(_forward, blocks_for(len(x) * pixels), x, *positions, y, saved, derivatives)
    y = y.reshape(*x.shape[:2], *size)
    return copy_to(out, (y, saved.reshape(len(x), 2, *y.shape[1:])) if derivatives else y)


def backward(g, x, theta, convention, needs, derivatives=None, out=None):
    output, count = g.shape[2:], len(x)
    base, basis, scale = _tables(x, output, convention)
    g, grad_x, grad_theta = xp.ascontiguousarray(g), None, None
    if needs[0]:
        grad_x = image_gradient(_backward_x, x, g, _deviation(theta, scale), base, basis, border(convention) == "cut")
    if needs[1]:
        grad_theta = xp.empty(theta.shape, x.dtype)
        if count:
            if derivatives is None:
                derivatives = forward(x, theta, convention, output, derivatives=True)[1]
            pixels = base.shape[1]
            flat = xp.ascontiguousarray(derivatives).reshape(count, 2, x.shape[1], pixels)
            launch(_backward_theta, count, g.reshape(count, x.shape[1], pixels), flat, basis, scale, grad_theta)
    return copy_to(out, (grad_x, grad_theta))
