"""Images in parallel, pixels sixteen at a time: positions once for all channels, then gathers of pairs.

The vectors are those of kernels/simd, the padded images those of kernels/sampling/bilinear.py. With the
derivatives saved by the forward pass, theta's gradient alone is a sum over them. Together with the
image's gradient, whose positions are needed anyway, it is faster to read the image again than to
write and read two numbers per pixel.
"""
from __future__ import annotations

import numpy as np

from .. import simd
from ..runtime.jit import INLINE, OPTIONS, njit
from ..runtime.tables import cached_table
from ..runtime.threads import parallel_for
from ..runtime.tracing import copy_to, execute, flattened, output_buffer
from ..sampling.bilinear import (
    BLOCK,
    add_corners,
    collect_corners,
    exact_indices,
    forward_buffers,
    interleaved,
    interpolate,
    load_up_to,
    needed,
    pad_image,
    padded_size,
    store_corners,
    store_sample,
    times_derivatives,
)
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
    """(index of the upper left pixel, weights s and t) of output pixels k, k + 1, ..."""
    (a, b, e), (c, d, f) = deviation
    lanes = simd.lanes(tables)
    u, v = simd.load(tables, 4 * k + 2 * lanes), simd.load(tables, 4 * k + 3 * lanes)
    p = simd.load(tables, 4 * k) + (u * a + v * b + e)
    q = simd.load(tables, 4 * k + lanes) + (u * c + v * d + f)
    if cut:
        p, q = simd.select_within(p, 0, w - 1, -2), simd.select_within(q, 0, h - 1, -2)
    p, q = simd.clamp(p, -2, w), simd.clamp(q, -2, h)
    j, i = simd.floor(p), simd.floor(q)
    return simd.to_int(i * (w + 4) + j), p - j, q - i


@njit(**INLINE)
def _sample_channel(n, channel, k, count, shape, pixels, padded, index, s, t, y, derivatives):
    """Values and derivatives of ``count`` pixels from k on, at most a vector, in one channel of image n."""
    _, channels, h, w = shape
    value, right, down = interpolate(padded, channel * padded_size(h, w), w, index, s, t)
    store_sample(n, channel, channels, pixels, k, count, value, right, down, y, derivatives)


@njit(**INLINE)
def _sample(n, k, count, shape, pixels, padded, tables, deviation, cut, y, derivatives):
    """The same in all channels; the first is outside the loop, which grey images then never enter (12 % faster)."""
    _, channels, h, w = shape
    index, s, t = _locate(tables, k, deviation, h, w, cut)
    _sample_channel(n, 0, k, count, shape, pixels, padded, index, s, t, y, derivatives)
    for channel in range(1, channels):
        _sample_channel(n, channel, k, count, shape, pixels, padded, index, s, t, y, derivatives)


@njit(**OPTIONS)
def _forward_part(part, parts, shape, x, theta, tables, scale, cut, y, derivatives):
    images, channels, h, w = shape
    pixels, size = y.size // max(images * channels, 1), padded_size(h, w)
    padded, lanes = np.zeros(channels * size, x.dtype), simd.lanes(y)
    for n in range(part * images // parts, (part + 1) * images // parts):
        deviation = _deviation(theta[n], scale)
        for channel in range(channels):
            pad_image(x, (n * channels + channel) * h * w, h, w, padded, channel * size)
        end = pixels - pixels % lanes
        for k in range(0, end, lanes):
            _sample(n, k, lanes, shape, pixels, padded, tables, deviation, cut, y, derivatives)
        if end < pixels:
            _sample(n, end, pixels - end, shape, pixels, padded, tables, deviation, cut, y, derivatives)


@njit(**INLINE)
def _add_moments(sums, tables, k, along_x, along_y):
    """The six sums of a gradient by position times (u, v, 1), with pixels k, k + 1, ... added."""
    lanes = simd.lanes(tables)
    u, v = simd.load(tables, 4 * k + 2 * lanes), simd.load(tables, 4 * k + 3 * lanes)
    (a, b, e), (c, d, f) = sums
    return (a + along_x * u, b + along_x * v, e + along_x), (c + along_y * u, d + along_y * v, f + along_y)


@njit(**INLINE)
def _store_theta(grad_theta, n, sums, scale):
    for row, (a, b, e) in enumerate(sums):
        grad_theta[n, row, 0] = simd.sum_of_lanes(a) * scale[row]
        grad_theta[n, row, 1] = simd.sum_of_lanes(b) * scale[row]
        grad_theta[n, row, 2] = simd.sum_of_lanes(e) * scale[row]


@njit(**OPTIONS)
def _theta_part(part, parts, shape, g, derivatives, tables, scale, grad_theta):
    """theta's gradient from the derivatives of the forward pass."""
    images, channels, _, _ = shape
    pixels, zero = g.size // max(images * channels, 1), simd.zeros(g)
    for n in range(part * images // parts, (part + 1) * images // parts):
        sums = (zero, zero, zero), (zero, zero, zero)
        for k in range(0, pixels, simd.lanes(g)):
            along_x, along_y = times_derivatives(g, derivatives, n, channels, pixels, k)
            sums = _add_moments(sums, tables, k, along_x, along_y)
        _store_theta(grad_theta, n, sums, scale)


@njit(**OPTIONS)
def _gradients_part(part, parts, shape, g, x, theta, tables, scale, cut, grad_x, grad_theta):
    """The image's gradient, or theta's, with derivatives computed again, or both at once."""
    images, channels, h, w = shape
    pixels, zero = g.size // max(images * channels, 1), simd.zeros(g)
    padded = np.zeros(padded_size(h, w) if grad_theta.size else 0, g.dtype)
    corner_sums = np.zeros(4 * padded_size(h, w) if grad_x.size else 0, g.dtype)
    indices, corners, above = np.empty(BLOCK, np.int32), np.empty(4 * BLOCK, g.dtype), np.empty(w + 16, g.dtype)
    for n in range(part * images // parts, (part + 1) * images // parts):
        deviation = _deviation(theta[n], scale)
        sums = (zero, zero, zero), (zero, zero, zero)
        for channel in range(n * channels, (n + 1) * channels):
            if grad_theta.size:
                pad_image(x, channel * h * w, h, w, padded, 0)
            for start in range(0, pixels, BLOCK):
                count = min(BLOCK, pixels - start)
                for k in range(0, count, simd.lanes(g)):
                    index, s, t = _locate(tables, start + k, deviation, h, w, cut)
                    value = load_up_to(g, channel * pixels + start + k, count - k)
                    if grad_theta.size:
                        _, right, down = interpolate(padded, 0, w, index, s, t)
                        sums = _add_moments(sums, tables, start + k, value * right, value * down)
                    if grad_x.size:
                        store_corners(indices, corners, k, index, s, t, value)
                if grad_x.size:
                    add_corners(corner_sums, w, indices, corners, count)
            if grad_x.size:
                collect_corners(corner_sums, above, h, w, grad_x, channel * h * w)
        if grad_theta.size:
            _store_theta(grad_theta, n, sums, scale)


@cached_table
def _tables(size, output, convention, dtype):
    """(x and y of the identity's positions, u, v), interleaved; pixels per unit; whether positions are cut."""
    base, basis, scale = reference.grid(size, output, convention, dtype)
    return interleaved([*base, *basis[:2]], dtype), scale.ravel(), reference.border(convention) == "cut"


def forward(x, theta, convention, size, derivatives=False, out=None):
    if not exact_indices(x):
        return reference.forward(x, theta, convention, size, derivatives, out)
    y, saved = forward_buffers(x, size, derivatives, out)
    tables = _tables(x.shape[2:], tuple(size), convention, x.dtype)
    theta = flattened(theta).reshape(-1, 2, 3)
    arguments = x.shape, flattened(x), theta, *tables, flattened(y), flattened(saved)
    execute((parallel_for, (_forward_part, len(x), y.size, *arguments)))
    return copy_to(out, (y, saved) if derivatives else y)


def backward(g, x, theta, convention, needs, derivatives=None, out=(None, None)):
    if not exact_indices(x):
        return reference.backward(g, x, theta, convention, needs, derivatives, out)
    grad_x = output_buffer(out[0], x.shape if needs[0] else 0, x.dtype)
    grad_theta = output_buffer(out[1], theta.shape if needs[1] else (0, 2, 3), x.dtype)
    tables, scale, cut = _tables(x.shape[2:], g.shape[2:], convention, x.dtype)
    if needs == (False, True) and derivatives is not None:
        arrays = flattened(g), flattened(derivatives), tables, scale, grad_theta
        arguments = _theta_part, len(x), g.size, x.shape, *arrays
    else:
        theta = flattened(theta).reshape(-1, 2, 3)
        arrays = flattened(g), flattened(x), theta, tables, scale, cut, flattened(grad_x), grad_theta
        arguments = _gradients_part, len(x), g.size, x.shape, *arrays
    execute((parallel_for, arguments))
    return needed(out, needs, grad_x, grad_theta)
