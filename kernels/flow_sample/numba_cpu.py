"""The affine sampler's vectors, with positions read from the flow instead of computed from theta."""
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
    store_up_to,
    times_derivatives,
)
from . import reference


@njit(**INLINE)
def _locate(tables, flow, n, k, count, h, w):
    """(index of the upper left pixel, weights s and t, positions x and y) of output pixels k, k + 1, ... of image n."""
    p = simd.load(tables, 2 * k) + load_up_to(flow, (2 * n + 1) * h * w + k, count)
    q = simd.load(tables, 2 * k + simd.lanes(tables)) + load_up_to(flow, 2 * n * h * w + k, count)
    inner_p, inner_q = simd.clamp(p, 0, w - 1), simd.clamp(q, 0, h - 1)
    j = simd.clamp(simd.floor(inner_p), 0, max(w - 2, 0))
    i = simd.clamp(simd.floor(inner_q), 0, max(h - 2, 0))
    return simd.to_int(i * (w + 4) + j), inner_p - j, inner_q - i, p, q


@njit(**INLINE)
def _masked(right, down, p, q, h, w):
    """The derivatives by the flow: 0 where the position is clamped, and along an axis of one pixel."""
    down = simd.mask_between(down, q, 0, h - 1 if h > 1 else -1)
    return down, simd.mask_between(right, p, 0, w - 1 if w > 1 else -1)


@njit(**INLINE)
def _sample_channel(n, channel, k, count, shape, padded, index, s, t, p, q, y, derivatives):
    """Values and derivatives of ``count`` pixels from k on, at most a vector, in one channel of image n."""
    _, channels, h, w = shape
    value, right, down = interpolate(padded, channel * padded_size(h, w), w, index, s, t)
    down, right = _masked(right, down, p, q, h, w)
    store_sample(n, channel, channels, h * w, k, count, value, down, right, y, derivatives)


@njit(**INLINE)
def _sample(n, k, count, shape, padded, tables, flow, y, derivatives):
    """The same in all channels; the first is outside the loop, which grey images then never enter."""
    _, channels, h, w = shape
    index, s, t, p, q = _locate(tables, flow, n, k, count, h, w)
    _sample_channel(n, 0, k, count, shape, padded, index, s, t, p, q, y, derivatives)
    for channel in range(1, channels):
        _sample_channel(n, channel, k, count, shape, padded, index, s, t, p, q, y, derivatives)


@njit(**OPTIONS)
def _forward_part(part, parts, shape, x, flow, tables, y, derivatives):
    images, channels, h, w = shape
    pixels, size = h * w, padded_size(h, w)
    padded, lanes = np.zeros(channels * size, x.dtype), simd.lanes(y)
    for n in range(part * images // parts, (part + 1) * images // parts):
        for channel in range(channels):
            pad_image(x, (n * channels + channel) * pixels, h, w, padded, channel * size)
        end = pixels - pixels % lanes
        for k in range(0, end, lanes):
            _sample(n, k, lanes, shape, padded, tables, flow, y, derivatives)
        if end < pixels:
            _sample(n, end, pixels - end, shape, padded, tables, flow, y, derivatives)


@njit(**OPTIONS)
def _flow_part(part, parts, shape, g, derivatives, grad_flow):
    """The flow's gradient from the derivatives of the forward pass."""
    images, channels, h, w = shape
    for n in range(part * images // parts, (part + 1) * images // parts):
        for k in range(0, h * w, simd.lanes(g)):
            along_y, along_x = times_derivatives(g, derivatives, n, channels, h * w, k)
            store_up_to(grad_flow, 2 * n * h * w + k, h * w - k, along_y)
            store_up_to(grad_flow, (2 * n + 1) * h * w + k, h * w - k, along_x)


@njit(**OPTIONS)
def _gradients_part(part, parts, shape, g, x, flow, grad_x, grad_flow, tables):
    """The image's gradient, or the flow's (cleared before), with derivatives computed again, or both at once."""
    images, channels, h, w = shape
    pixels = h * w
    padded = np.zeros(padded_size(h, w) if grad_flow.size else 0, g.dtype)
    corner_sums = np.zeros(4 * padded_size(h, w) if grad_x.size else 0, g.dtype)
    indices, corners, above = np.empty(BLOCK, np.int32), np.empty(4 * BLOCK, g.dtype), np.empty(w + 16, g.dtype)
    for n in range(part * images // parts, (part + 1) * images // parts):
        for channel in range(n * channels, (n + 1) * channels):
            if grad_flow.size:
                pad_image(x, channel * pixels, h, w, padded, 0)
            for start in range(0, pixels, BLOCK):
                count = min(BLOCK, pixels - start)
                for k in range(0, count, simd.lanes(g)):
                    left = count - k
                    index, s, t, p, q = _locate(tables, flow, n, start + k, left, h, w)
                    value = load_up_to(g, channel * pixels + start + k, left)
                    if grad_flow.size:
                        _, right, down = interpolate(padded, 0, w, index, s, t)
                        down, right = _masked(right, down, p, q, h, w)
                        for axis, derivative in ((0, down), (1, right)):
                            at = (2 * n + axis) * pixels + start + k
                            store_up_to(grad_flow, at, left, load_up_to(grad_flow, at, left) + value * derivative)
                    if grad_x.size:
                        store_corners(indices, corners, k, index, s, t, value)
                if grad_x.size:
                    add_corners(corner_sums, w, indices, corners, count)
            if grad_x.size:
                collect_corners(corner_sums, above, h, w, grad_x, channel * pixels)


@cached_table
def _tables(size, dtype):
    """(column, row) of each pixel, interleaved in vectors."""
    rows, columns = np.indices(size)
    return interleaved([columns.ravel(), rows.ravel()], dtype)


def forward(x, flow, derivatives=False, out=None):
    if not exact_indices(x):
        return reference.forward(x, flow, derivatives, out)
    y, saved = forward_buffers(x, x.shape[2:], derivatives, out)
    arrays = flattened(x), flattened(flow), _tables(x.shape[2:], x.dtype), flattened(y), flattened(saved)
    execute((parallel_for, (_forward_part, len(x), y.size, x.shape, *arrays)))
    return copy_to(out, (y, saved) if derivatives else y)


def backward(g, x, flow, needs, derivatives=None, out=(None, None)):
    if not exact_indices(x):
        return reference.backward(g, x, flow, needs, derivatives, out)
    grad_x = output_buffer(out[0], x.shape if needs[0] else 0, x.dtype)
    grad_flow = output_buffer(out[1], flow.shape if needs[1] else 0, x.dtype)
    if needs == (False, True) and derivatives is not None:
        arrays = flattened(g), flattened(derivatives), flattened(grad_flow)
        execute((parallel_for, (_flow_part, len(x), g.size, x.shape, *arrays)))
    else:
        arrays = flattened(g), flattened(x), flattened(flow), flattened(grad_x), flattened(grad_flow)
        gradients = _gradients_part, len(x), g.size, x.shape, *arrays, _tables(x.shape[2:], x.dtype)
        execute((grad_flow.fill, (0,)), (parallel_for, gradients))
    return needed(out, needs, grad_x, grad_flow)
