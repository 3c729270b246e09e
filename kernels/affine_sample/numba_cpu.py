"""Images in parallel, pixels sixteen at a time: positions once for all channels, then paired gathers.

The vectors are those of kernels/_lanes, the zero frame around each image that of
kernels/_bilinear.py. With the slopes saved by the forward pass theta's gradient is a plain
reduction over them; without, the image is read again.
"""
from __future__ import annotations

import functools

import numpy as np
from numba import njit, prange

from .. import _lanes as lanes
from .._bilinear import BLOCK, INLINE, OPTIONS, add, along, collect, fits, flat, frame, get, in_parallel, prepare, put, read, table, tile_size
from . import reference


@njit(**INLINE)
def _deviation(theta, scale):
    """scale (theta - identity), row by row."""
    one = theta.dtype.type(1)
    return (
        ((theta[0, 0] - one) * scale[0], theta[0, 1] * scale[0], theta[0, 2] * scale[0]),
        (theta[1, 0] * scale[1], (theta[1, 1] - one) * scale[1], theta[1, 2] * scale[1]),
    )


@njit(**INLINE)
def _locate(tables, k, deviation, h, w, cut):
    """(index from the image's first pixel, weights s and t) of output pixels k, k + 1, ..."""
    (a, b, e), (c, d, f) = deviation
    width = lanes.width(tables)
    u, v = lanes.load(tables, 4 * k + 2 * width), lanes.load(tables, 4 * k + 3 * width)
    p = lanes.load(tables, 4 * k) + (u * a + v * b + e)
    q = lanes.load(tables, 4 * k + width) + (u * c + v * d + f)
    if cut:
        p, q = lanes.within(p, 0, w - 1, -2), lanes.within(q, 0, h - 1, -2)
    p, q = lanes.clamp(p, -2, w), lanes.clamp(q, -2, h)
    j, i = lanes.floor(p), lanes.floor(q)
    return lanes.whole(i * (w + 4) + j), p - j, q - i


@njit(**INLINE)
def _value(n, channel, k, room, shape, pixels, tile, index, s, t, y, slopes):
    """Value and slopes of ``room`` pixels from k on, at most a vector, of one channel of image n."""
    _, channels, h, w = shape
    value, right, down = read(tile, channel * tile_size(h, w), w, index, s, t)
    put(y, (n * channels + channel) * pixels + k, room, value)
    if slopes.size:
        put(slopes, (2 * n * channels + channel) * pixels + k, room, right)
        put(slopes, ((2 * n + 1) * channels + channel) * pixels + k, room, down)


@njit(**INLINE)
def _values(n, k, room, shape, pixels, tile, tables, deviation, cut, y, slopes):
    """The same of all channels; the first stands outside the loop, which grey images then never enter (12 % faster)."""
    _, channels, h, w = shape
    index, s, t = _locate(tables, k, deviation, h, w, cut)
    _value(n, 0, k, room, shape, pixels, tile, index, s, t, y, slopes)
    for channel in range(1, channels):
        _value(n, channel, k, room, shape, pixels, tile, index, s, t, y, slopes)


@njit(**OPTIONS)
def _forward_part(part, parts, shape, x, theta, tables, scale, cut, y, slopes):
    count, channels, h, w = shape
    pixels, plane = y.size // max(count * channels, 1), tile_size(h, w)
    tile, width = np.zeros(channels * plane, x.dtype), lanes.width(y)
    for n in range(part * count // parts, (part + 1) * count // parts):
        deviation = _deviation(theta[n], scale)
        for channel in range(channels):
            frame(x, (n * channels + channel) * h * w, h, w, tile, channel * plane)
        whole = pixels - pixels % width
        for k in range(0, whole, width):
            _values(n, k, width, shape, pixels, tile, tables, deviation, cut, y, slopes)
        if whole < pixels:
            _values(n, whole, pixels - whole, shape, pixels, tile, tables, deviation, cut, y, slopes)


@njit(**OPTIONS)
def _theta_part(part, parts, shape, g, x, theta, slopes, tables, scale, cut, grad_theta):
    """Sum of g times slope times (u, v, 1); the images are read again for slopes that were not saved."""
    count, channels, h, w = shape
    pixels, plane = g.size // max(count * channels, 1), tile_size(h, w)
    tile, width, zero = np.zeros(0 if slopes.size else channels * plane, x.dtype), lanes.width(g), lanes.zeros(g)
    for n in range(part * count // parts, (part + 1) * count // parts):
        deviation = _deviation(theta[n], scale)
        if not slopes.size:
            for channel in range(channels):
                frame(x, (n * channels + channel) * h * w, h, w, tile, channel * plane)
        ga, gb, ge, gc, gd, gf = zero, zero, zero, zero, zero, zero
        for k in range(0, pixels, width):
            along_x, along_y = zero, zero
            if slopes.size:
                along_x, along_y = along(g, slopes, n, channels, pixels, k)
            else:
                index, s, t = _locate(tables, k, deviation, h, w, cut)
                for channel in range(channels):
                    value = get(g, (n * channels + channel) * pixels + k, pixels - k)
                    _, right, down = read(tile, channel * plane, w, index, s, t)
                    along_x, along_y = along_x + value * right, along_y + value * down
            u, v = lanes.load(tables, 4 * k + 2 * width), lanes.load(tables, 4 * k + 3 * width)
            ga, gb, ge = ga + along_x * u, gb + along_x * v, ge + along_x
            gc, gd, gf = gc + along_y * u, gd + along_y * v, gf + along_y
        out = grad_theta[n]
        out[0, 0], out[0, 1], out[0, 2] = lanes.total(ga) * scale[0], lanes.total(gb) * scale[0], lanes.total(ge) * scale[0]
        out[1, 0], out[1, 1], out[1, 2] = lanes.total(gc) * scale[1], lanes.total(gd) * scale[1], lanes.total(gf) * scale[1]


@njit(**OPTIONS)
def _image_part(part, parts, shape, g, theta, tables, scale, cut, grad_x):
    count, channels, h, w = shape
    pixels, width = g.size // max(count * channels, 1), lanes.width(g)
    sums, indices, quads = np.zeros(4 * tile_size(h, w), g.dtype), np.empty(BLOCK, np.int32), np.empty(4 * BLOCK, g.dtype)
    for n in range(part * count // parts, (part + 1) * count // parts):
        deviation = _deviation(theta[n], scale)
        for channel in range(n * channels, (n + 1) * channels):
            for start in range(0, pixels, BLOCK):
                length = min(BLOCK, pixels - start)
                for k in range(0, length, width):
                    index, s, t = _locate(tables, start + k, deviation, h, w, cut)
                    prepare(indices, quads, k, index, s, t, get(g, channel * pixels + start + k, length - k))
                add(sums, w, indices, quads, length)
            collect(sums, h, w, grad_x, channel * h * w)


@njit(parallel=True, **OPTIONS)
def _forward(parts, shape, x, theta, tables, scale, cut, y, slopes):
    for part in prange(parts):
        _forward_part(part, parts, shape, x, theta, tables, scale, cut, y, slopes)


@njit(parallel=True, **OPTIONS)
def _theta_gradient(parts, shape, g, x, theta, slopes, tables, scale, cut, grad_theta):
    for part in prange(parts):
        _theta_part(part, parts, shape, g, x, theta, slopes, tables, scale, cut, grad_theta)


@njit(parallel=True, **OPTIONS)
def _image_gradient(parts, shape, g, theta, tables, scale, cut, grad_x):
    for part in prange(parts):
        _image_part(part, parts, shape, g, theta, tables, scale, cut, grad_x)


@functools.lru_cache(maxsize=64)
def _tables(size, output, convention, dtype):
    """(x and y of the identity's positions, u, v), each filled up to whole vectors; pixels per unit; whether it cuts."""
    base, basis, scale = reference.grid(size, output, convention, dtype)
    return table([*base, *basis[:2]], dtype), scale.ravel(), reference.border(convention) == "cut"


def forward(x, theta, convention, size, slopes=False):
    if not fits(x):
        return reference.forward(x, theta, convention, size, slopes)
    y = np.empty((*x.shape[:2], *size), x.dtype)
    saved = np.empty((len(x), 2, *y.shape[1:]) if slopes else 0, x.dtype)
    tables = _tables(x.shape[2:], tuple(size), convention, x.dtype)
    in_parallel(_forward, len(x), y.size, x.shape, flat(x), np.ascontiguousarray(theta), *tables, flat(y), flat(saved))
    return (y, saved) if slopes else y


def backward(g, x, theta, convention, needs, slopes=None):
    if not fits(x):
        return reference.backward(g, x, theta, convention, needs, slopes)
    grad_x = grad_theta = None
    tables, theta = _tables(x.shape[2:], g.shape[2:], convention, x.dtype), np.ascontiguousarray(theta)
    if needs[0]:
        grad_x = np.empty(x.shape, x.dtype)
        in_parallel(_image_gradient, len(x), g.size, x.shape, flat(g), theta, *tables, flat(grad_x))
    if needs[1]:
        grad_theta = np.empty(theta.shape, x.dtype)
        saved = np.empty(0, x.dtype) if slopes is None else flat(slopes)
        in_parallel(_theta_gradient, len(x), g.size, x.shape, flat(g), flat(x), theta, saved, *tables, grad_theta)
    return grad_x, grad_theta
