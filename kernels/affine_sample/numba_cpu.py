"""One pass over each image, in a copy of it with two pixels of zeros around.

Clamping a position to that frame makes every read legal and every value outside exactly 0, without
a bounds test (two pixels and not one, so that at the clamp the slope is 0 as well). A comparison
with NaN is false, so the clamps also send NaN to the frame.
"""
from __future__ import annotations

import numpy as np
from numba import njit

from .reference import border, grid

_OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": {"contract"}}


@njit(**_OPTIONS)
def _clamp(p, low, high):
    p = p if p > low else low
    return p if p < high else high


@njit(**_OPTIONS)
def _framed(image, tile):
    for i in range(image.shape[0]):
        for j in range(image.shape[1]):
            tile[i + 2, j + 2] = image[i, j]


@njit(**_OPTIONS)
def _forward(x, theta, base, basis, scale, cut, y):
    count, channels, h, w = x.shape
    real = x.dtype.type  # a plain number in an expression would make it float64
    zero, one, far_left, far_right, far_down = real(0), real(1), real(-2), real(w), real(h)
    tile = np.zeros((h + 4, w + 4), x.dtype)
    for n in range(count):
        a, b, e = (theta[n, 0, 0] - one) * scale[0], theta[n, 0, 1] * scale[0], theta[n, 0, 2] * scale[0]
        c, d, f = theta[n, 1, 0] * scale[1], (theta[n, 1, 1] - one) * scale[1], theta[n, 1, 2] * scale[1]
        for channel in range(channels):
            _framed(x[n, channel], tile)
            for k in range(base.shape[1]):
                p = base[0, k] + (a * basis[0, k] + b * basis[1, k] + e)
                q = base[1, k] + (c * basis[0, k] + d * basis[1, k] + f)
                if cut and not (p >= zero and p < w - 1 and q >= zero and q < h - 1):
                    y[n, channel, k] = zero
                    continue
                p, q = _clamp(p, far_left, far_right), _clamp(q, far_left, far_down)
                j, i = np.floor(p), np.floor(q)
                s, t = p - j, q - i
                top, left = int(i) + 2, int(j) + 2
                upper = tile[top, left] + s * (tile[top, left + 1] - tile[top, left])
                lower = tile[top + 1, left] + s * (tile[top + 1, left + 1] - tile[top + 1, left])
                y[n, channel, k] = upper + t * (lower - upper)


@njit(**_OPTIONS)
def _backward(g, x, theta, base, basis, scale, cut, need_x, need_theta, grad_x, grad_theta):
    count, channels, h, w = x.shape
    real = x.dtype.type  # a plain number in an expression would make it float64
    zero, one, far_left, far_right, far_down = real(0), real(1), real(-2), real(w), real(h)
    tile = np.zeros((h + 4, w + 4), x.dtype)
    total = np.zeros((h + 4, w + 4), x.dtype)
    for n in range(count):
        a, b, e = (theta[n, 0, 0] - one) * scale[0], theta[n, 0, 1] * scale[0], theta[n, 0, 2] * scale[0]
        c, d, f = theta[n, 1, 0] * scale[1], (theta[n, 1, 1] - one) * scale[1], theta[n, 1, 2] * scale[1]
        ga = gb = ge = gc = gd = gf = zero
        for channel in range(channels):
            _framed(x[n, channel], tile)
            total[:] = zero
            for k in range(base.shape[1]):
                u, v, value = basis[0, k], basis[1, k], g[n, channel, k]
                p = base[0, k] + (a * u + b * v + e)
                q = base[1, k] + (c * u + d * v + f)
                if cut and not (p >= zero and p < w - 1 and q >= zero and q < h - 1):
                    continue
                p, q = _clamp(p, far_left, far_right), _clamp(q, far_left, far_down)
                j, i = np.floor(p), np.floor(q)
                s, t = p - j, q - i
                top, left = int(i) + 2, int(j) + 2
                if need_theta:
                    upper = tile[top, left + 1] - tile[top, left]
                    lower = tile[top + 1, left + 1] - tile[top + 1, left]
                    west = tile[top + 1, left] - tile[top, left]
                    along_x = value * (upper + t * (lower - upper))
                    along_y = value * (west + s * (lower - upper))
                    ga += along_x * u
                    gb += along_x * v
                    ge += along_x
                    gc += along_y * u
                    gd += along_y * v
                    gf += along_y
                if need_x:
                    low = value * t
                    high = value - low
                    total[top, left] += high - high * s
                    total[top, left + 1] += high * s
                    total[top + 1, left] += low - low * s
                    total[top + 1, left + 1] += low * s
            if need_x:
                grad_x[n, channel] = total[2 : h + 2, 2 : w + 2]
        if need_theta:
            grad_theta[n, 0, 0], grad_theta[n, 0, 1], grad_theta[n, 0, 2] = ga * scale[0], gb * scale[0], ge * scale[0]
            grad_theta[n, 1, 0], grad_theta[n, 1, 1], grad_theta[n, 1, 2] = gc * scale[1], gd * scale[1], gf * scale[1]


def _tables(x, output, convention):
    base, basis, scale = grid(x.shape[2:], tuple(output), convention, x.dtype)
    return base, basis, scale.ravel(), border(convention) == "cut"


def forward(x, theta, convention, size, slopes=False):
    y = np.empty((*x.shape[:2], size[0] * size[1]), x.dtype)
    _forward(np.ascontiguousarray(x), np.ascontiguousarray(theta), *_tables(x, size, convention), y)
    return y.reshape(*x.shape[:2], *size)


def backward(g, x, theta, convention, needs, slopes=None):
    grad_x = np.empty(x.shape if needs[0] else (0, 0, 0, 0), x.dtype)
    grad_theta = np.empty(theta.shape if needs[1] else (0, 0, 0), x.dtype)
    flat = np.ascontiguousarray(g).reshape(*g.shape[:2], g.shape[2] * g.shape[3])
    tables = _tables(x, g.shape[2:], convention)
    _backward(flat, np.ascontiguousarray(x), np.ascontiguousarray(theta), *tables, *needs, grad_x, grad_theta)
    return grad_x if needs[0] else None, grad_theta if needs[1] else None
