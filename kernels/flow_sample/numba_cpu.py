"""The affine sampler's vectors, at positions that are read from the flow instead of computed from theta."""
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
def _locate(tables, flow, n, k, room, h, w):
    """(index from the image's first pixel, weights s and t, positions x and y) of output pixels k, k + 1, ... of image n."""
    p = simd.load(tables, 2 * k) + get(flow, (2 * n + 1) * h * w + k, room)
    q = simd.load(tables, 2 * k + simd.lanes(tables)) + get(flow, 2 * n * h * w + k, room)
    inner_p, inner_q = simd.clamp(p, 0, w - 1), simd.clamp(q, 0, h - 1)
    j, i = simd.clamp(simd.floor(inner_p), 0, max(w - 2, 0)), simd.clamp(simd.floor(inner_q), 0, max(h - 2, 0))
    return simd.to_int(i * (w + 4) + j), inner_p - j, inner_q - i, p, q


@njit(**INLINE)
def _slopes(right, down, p, q, h, w):
    """0 where the position was moved to the edge, and along an axis of one pixel."""
    return simd.mask_between(down, q, 0, h - 1 if h > 1 else -1), simd.mask_between(right, p, 0, w - 1 if w > 1 else -1)


@njit(**INLINE)
def _value(n, channel, k, room, shape, tile, index, s, t, p, q, y, slopes):
    """Value and slopes of ``room`` pixels from k on, at most a vector, of one channel of image n."""
    _, channels, h, w = shape
    value, right, down = read(tile, channel * tile_size(h, w), w, index, s, t)
    put(y, (n * channels + channel) * h * w + k, room, value)
    if slopes.size:
        down, right = _slopes(right, down, p, q, h, w)
        put(slopes, (2 * n * channels + channel) * h * w + k, room, down)
        put(slopes, ((2 * n + 1) * channels + channel) * h * w + k, room, right)


@njit(**INLINE)
def _values(n, k, room, shape, tile, tables, flow, y, slopes):
    """The same of all channels; the first stands outside the loop, which grey images then never enter."""
    _, channels, h, w = shape
    index, s, t, p, q = _locate(tables, flow, n, k, room, h, w)
    _value(n, 0, k, room, shape, tile, index, s, t, p, q, y, slopes)
    for channel in range(1, channels):
        _value(n, channel, k, room, shape, tile, index, s, t, p, q, y, slopes)


@njit(**OPTIONS)
def _forward_part(part, parts, shape, x, flow, tables, y, slopes):
    count, channels, h, w = shape
    pixels, plane = h * w, tile_size(h, w)
    tile, width = np.zeros(channels * plane, x.dtype), simd.lanes(y)
    for n in range(part * count // parts, (part + 1) * count // parts):
        for channel in range(channels):
            frame(x, (n * channels + channel) * pixels, h, w, tile, channel * plane)
        whole = pixels - pixels % width
        for k in range(0, whole, width):
            _values(n, k, width, shape, tile, tables, flow, y, slopes)
        if whole < pixels:
            _values(n, whole, pixels - whole, shape, tile, tables, flow, y, slopes)


@njit(**OPTIONS)
def _saved_part(part, parts, shape, g, slopes, grad_flow):
    """The flow's gradient from the slopes of the forward pass."""
    count, channels, h, w = shape
    for n in range(part * count // parts, (part + 1) * count // parts):
        for k in range(0, h * w, simd.lanes(g)):
            along_y, along_x = along(g, slopes, n, channels, h * w, k)
            put(grad_flow, 2 * n * h * w + k, h * w - k, along_y)
            put(grad_flow, (2 * n + 1) * h * w + k, h * w - k, along_x)


@njit(**OPTIONS)
def _gradients_part(part, parts, shape, g, x, flow, grad_x, grad_flow, tables):
    """The image's gradient, or the flow's (which begins as zeros), whose slopes are read from the images again, or both in one go."""
    count, channels, h, w = shape
    pixels = h * w
    tile = np.zeros(tile_size(h, w) if grad_flow.size else 0, g.dtype)
    corners = np.zeros(4 * tile_size(h, w) if grad_x.size else 0, g.dtype)
    indices, quads, above = np.empty(BLOCK, np.int32), np.empty(4 * BLOCK, g.dtype), np.empty(w + 16, g.dtype)
    for n in range(part * count // parts, (part + 1) * count // parts):
        for channel in range(n * channels, (n + 1) * channels):
            if grad_flow.size:
                frame(x, channel * pixels, h, w, tile, 0)
            for start in range(0, pixels, BLOCK):
                length = min(BLOCK, pixels - start)
                for k in range(0, length, simd.lanes(g)):
                    room = length - k
                    index, s, t, p, q = _locate(tables, flow, n, start + k, room, h, w)
                    value = get(g, channel * pixels + start + k, room)
                    if grad_flow.size:
                        _, right, down = read(tile, 0, w, index, s, t)
                        down, right = _slopes(right, down, p, q, h, w)
                        for axis, slope in ((0, down), (1, right)):
                            at = (2 * n + axis) * pixels + start + k
                            put(grad_flow, at, room, get(grad_flow, at, room) + value * slope)
                    if grad_x.size:
                        prepare(indices, quads, k, index, s, t, value)
                if grad_x.size:
                    add(corners, w, indices, quads, length)
            if grad_x.size:
                collect(corners, above, h, w, grad_x, channel * pixels)


@cached_table
def _tables(size, dtype):
    """(column, row) of each pixel, filled up to whole vectors."""
    rows, columns = np.indices(size)
    return table([columns.ravel(), rows.ravel()], dtype)


def forward(x, flow, slopes=False, out=None):
    if not fits(x):
        return reference.forward(x, flow, slopes, out)
    into = (out if slopes else (out, None)) or (None, None)
    y = output_buffer(into[0], x.shape, x.dtype)
    saved = output_buffer(into[1], (len(x), 2, *x.shape[1:]) if slopes else 0, x.dtype)
    execute((parallel_for, (_forward_part, len(x), y.size, x.shape, flattened(x), flattened(flow), _tables(x.shape[2:], x.dtype), flattened(y), flattened(saved))))
    return copy_to(out, (y, saved) if slopes else y)


def backward(g, x, flow, needs, slopes=None, out=(None, None)):
    if not fits(x):
        return reference.backward(g, x, flow, needs, slopes, out)
    grad_x, grad_flow = output_buffer(out[0], x.shape if needs[0] else 0, x.dtype), output_buffer(out[1], flow.shape if needs[1] else 0, x.dtype)
    if needs == (False, True) and slopes is not None:
        execute((parallel_for, (_saved_part, len(x), g.size, x.shape, flattened(g), flattened(slopes), flattened(grad_flow))))
    else:
        tables = _tables(x.shape[2:], x.dtype)
        execute((grad_flow.fill, (0,)), (parallel_for, (_gradients_part, len(x), g.size, x.shape, flattened(g), flattened(x), flattened(flow), flattened(grad_x), flattened(grad_flow), tables)))
    return copy_to(out, (grad_x if needs[0] else None, grad_flow if needs[1] else None))
