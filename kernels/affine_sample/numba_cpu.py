"""Images in parallel, pixels sixteen at a time: positions once for all channels, then paired gathers.

The vectors are those of kernels/simd, the zero frame around each image that of
kernels/sampling/bilinear.py. With the slopes saved by the forward pass theta's gradient alone is a plain
reduction over them. Together with the image's gradient it is cheaper to read the image again, at
positions that are known anyway, than to write and read two numbers a pixel.
"""
from __future__ import annotations

import numpy as np

from .. import simd
from ..runtime.jit import INLINE, OPTIONS, njit
from ..runtime.tables import cached_table
from ..runtime.threads import parallel_for
from ..runtime.tracing import copy_to, execute, flattened, output_buffer
from ..sampling.bilinear import BLOCK, add, along, collect, fits, frame, get, prepare, put, read, table, tile_size
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
    width = simd.lanes(tables)
    u, v = simd.load(tables, 4 * k + 2 * width), simd.load(tables, 4 * k + 3 * width)
    p = simd.load(tables, 4 * k) + (u * a + v * b + e)
    q = simd.load(tables, 4 * k + width) + (u * c + v * d + f)
    if cut:
        p, q = simd.select_within(p, 0, w - 1, -2), simd.select_within(q, 0, h - 1, -2)
    p, q = simd.clamp(p, -2, w), simd.clamp(q, -2, h)
    j, i = simd.floor(p), simd.floor(q)
    return simd.to_int(i * (w + 4) + j), p - j, q - i


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
    tile, width = np.zeros(channels * plane, x.dtype), simd.lanes(y)
    for n in range(part * count // parts, (part + 1) * count // parts):
        deviation = _deviation(theta[n], scale)
        for channel in range(channels):
            frame(x, (n * channels + channel) * h * w, h, w, tile, channel * plane)
        whole = pixels - pixels % width
        for k in range(0, whole, width):
            _values(n, k, width, shape, pixels, tile, tables, deviation, cut, y, slopes)
        if whole < pixels:
            _values(n, whole, pixels - whole, shape, pixels, tile, tables, deviation, cut, y, slopes)


@njit(**INLINE)
def _summed(sums, tables, k, along_x, along_y):
    """The six sums of slope times (u, v, 1), those of pixels k, k + 1, ... added."""
    width = simd.lanes(tables)
    u, v = simd.load(tables, 4 * k + 2 * width), simd.load(tables, 4 * k + 3 * width)
    (a, b, e), (c, d, f) = sums
    return (a + along_x * u, b + along_x * v, e + along_x), (c + along_y * u, d + along_y * v, f + along_y)


@njit(**INLINE)
def _write(grad_theta, n, sums, scale):
    for row, (a, b, e) in enumerate(sums):
        grad_theta[n, row, 0], grad_theta[n, row, 1], grad_theta[n, row, 2] = simd.sum_of_lanes(a) * scale[row], simd.sum_of_lanes(b) * scale[row], simd.sum_of_lanes(e) * scale[row]


@njit(**OPTIONS)
def _saved_part(part, parts, shape, g, slopes, tables, scale, grad_theta):
    """theta's gradient from the slopes of the forward pass."""
    count, channels, _, _ = shape
    pixels, zero = g.size // max(count * channels, 1), simd.zeros(g)
    for n in range(part * count // parts, (part + 1) * count // parts):
        sums = (zero, zero, zero), (zero, zero, zero)
        for k in range(0, pixels, simd.lanes(g)):
            along_x, along_y = along(g, slopes, n, channels, pixels, k)
            sums = _summed(sums, tables, k, along_x, along_y)
        _write(grad_theta, n, sums, scale)


@njit(**OPTIONS)
def _gradients_part(part, parts, shape, g, x, theta, tables, scale, cut, grad_x, grad_theta):
    """The image's gradient, or theta's, whose slopes are read from the images again, or both in one go."""
    count, channels, h, w = shape
    pixels, zero = g.size // max(count * channels, 1), simd.zeros(g)
    tile = np.zeros(tile_size(h, w) if grad_theta.size else 0, g.dtype)
    corners = np.zeros(4 * tile_size(h, w) if grad_x.size else 0, g.dtype)
    indices, quads, above = np.empty(BLOCK, np.int32), np.empty(4 * BLOCK, g.dtype), np.empty(w + 16, g.dtype)
    for n in range(part * count // parts, (part + 1) * count // parts):
        deviation = _deviation(theta[n], scale)
        sums = (zero, zero, zero), (zero, zero, zero)
        for channel in range(n * channels, (n + 1) * channels):
            if grad_theta.size:
                frame(x, channel * h * w, h, w, tile, 0)
            for start in range(0, pixels, BLOCK):
                length = min(BLOCK, pixels - start)
                for k in range(0, length, simd.lanes(g)):
                    index, s, t = _locate(tables, start + k, deviation, h, w, cut)
                    value = get(g, channel * pixels + start + k, length - k)
                    if grad_theta.size:
                        _, right, down = read(tile, 0, w, index, s, t)
                        sums = _summed(sums, tables, start + k, value * right, value * down)
                    if grad_x.size:
                        prepare(indices, quads, k, index, s, t, value)
                if grad_x.size:
                    add(corners, w, indices, quads, length)
            if grad_x.size:
                collect(corners, above, h, w, grad_x, channel * h * w)
        if grad_theta.size:
            _write(grad_theta, n, sums, scale)


@cached_table
def _tables(size, output, convention, dtype):
    """(x and y of the identity's positions, u, v), each filled up to whole vectors; pixels per unit; whether it cuts."""
    base, basis, scale = reference.grid(size, output, convention, dtype)
    return table([*base, *basis[:2]], dtype), scale.ravel(), reference.border(convention) == "cut"


def forward(x, theta, convention, size, slopes=False, out=None):
    if not fits(x):
        return reference.forward(x, theta, convention, size, slopes, out)
    into = (out if slopes else (out, None)) or (None, None)
    y = output_buffer(into[0], (*x.shape[:2], *size), x.dtype)
    saved = output_buffer(into[1], (len(x), 2, *y.shape[1:]) if slopes else 0, x.dtype)
    tables = _tables(x.shape[2:], tuple(size), convention, x.dtype)
    theta = flattened(theta).reshape(-1, 2, 3)
    execute((parallel_for, (_forward_part, len(x), y.size, x.shape, flattened(x), theta, *tables, flattened(y), flattened(saved))))
    return copy_to(out, (y, saved) if slopes else y)


def backward(g, x, theta, convention, needs, slopes=None, out=(None, None)):
    if not fits(x):
        return reference.backward(g, x, theta, convention, needs, slopes, out)
    grad_x, grad_theta = output_buffer(out[0], x.shape if needs[0] else 0, x.dtype), output_buffer(out[1], theta.shape if needs[1] else (0, 2, 3), x.dtype)
    tables, scale, cut = _tables(x.shape[2:], g.shape[2:], convention, x.dtype)
    if needs == (False, True) and slopes is not None:
        execute((parallel_for, (_saved_part, len(x), g.size, x.shape, flattened(g), flattened(slopes), tables, scale, grad_theta)))
    else:
        theta = flattened(theta).reshape(-1, 2, 3)
        execute((parallel_for, (_gradients_part, len(x), g.size, x.shape, flattened(g), flattened(x), theta, tables, scale, cut, flattened(grad_x), grad_theta)))
    return copy_to(out, (grad_x if needs[0] else None, grad_theta if needs[1] else None))
