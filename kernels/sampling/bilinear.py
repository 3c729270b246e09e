"""Shared by the Numba samplers: images with zero padding, interpolation in vectors, and its transpose.

Clamping a position to the padding, two pixels wide, makes every read legal and every value outside
exactly 0 without a bounds test (two pixels and not one, so that the derivative there is 0 as well).
An ``index`` counts from an image's first pixel in padded rows of w + 4.
"""
from __future__ import annotations

import numpy as np

from .. import simd
from ..runtime.jit import INLINE, OPTIONS, njit
from ..runtime.tracing import copy_to, output_buffer

STRIP = 32  # rows of an image whose sums are collected before the next columns: they fit the first-level cache
BLOCK = 256  # positions prepared at a time: a multiple of every vector, small in the first-level cache


def interleaved(rows, dtype):
    """A table: the first vector of each row, then the second of each, ..., padded with zeros; 1-D, read-only.

    It begins at a multiple of 64 bytes. So a kernel needs one address, and no vector crosses a cache line.
    """
    width = 64 // np.dtype(dtype).itemsize
    vectors = -(-len(rows[0]) // width)
    memory = np.zeros((len(rows) * vectors + 1) * width, dtype)
    start = -memory.ctypes.data % 64 // memory.itemsize
    result = memory[start : start + len(rows) * vectors * width]
    for number, row in enumerate(rows):
        filled = np.zeros(vectors * width, dtype)
        filled[: len(row)] = row
        result.reshape(vectors, len(rows), width)[:, number] = filled.reshape(vectors, width)
    result.flags.writeable = False
    return result


def exact_indices(x):
    """Whether x's dtype holds every index into one image exactly; the vectors compute indices in it."""
    return (x.shape[2] + 4) * (x.shape[3] + 4) < (2**24 if x.itemsize == 4 else 2**31)


def forward_buffers(x, size, derivatives, out):
    """(y (N,C,*size), the derivatives (N,2,C,*size) or an empty array), in ``out`` where that is contiguous."""
    y_out, derivatives_out = (out if derivatives else (out, None)) or (None, None)
    shape = (*x.shape[:2], *size)
    saved = output_buffer(derivatives_out, (len(x), 2, *shape[1:]) if derivatives else 0, x.dtype)
    return output_buffer(y_out, shape, x.dtype), saved


def needed(out, needs, *gradients):
    """The gradients that are needed, copied to ``out`` if they are not there yet; None for the others."""
    return copy_to(out, tuple(gradient if need else None for gradient, need in zip(gradients, needs)))


@njit(**INLINE)
def first_pixel(w):
    """The offset of an image's first pixel in its padded image."""
    return 2 * (w + 4) + 2


@njit(**OPTIONS)
def padded_size(h, w):
    """Numbers in a padded image, one vector more included; a multiple of every vector."""
    return ((h + 4) * (w + 4) + 31) // 16 * 16


@njit(**INLINE)
def load_up_to(array, at, count):
    """A vector of the next ``count`` elements, at most all lanes; the other lanes are 0."""
    return simd.load(array, at) if count >= simd.lanes(array) else simd.load_n(array, at, count)


@njit(**INLINE)
def store_up_to(array, at, count, values):
    """Store the first ``count`` lanes, at most all."""
    if count >= simd.lanes(array):
        simd.store(array, at, values)
    else:
        simd.store_n(array, at, values, count)


@njit(**OPTIONS)
def pad_image(images, at, h, w, padded, start):
    """Copy the image (h, w) from images[at] on into the padded image that begins at ``start``.

    The last vector of a row may write zeros into the padding and the next row, which is written later;
    hence the extra vector of padded_size.
    """
    lanes, stride = simd.lanes(images), w + 4
    for i in range(h):
        for j in range(0, w, lanes):
            simd.store(padded, start + first_pixel(w) + i * stride + j, load_up_to(images, at + i * w + j, w - j))


@njit(**INLINE)
def interpolate(padded, start, w, index, s, t):
    """(value, derivatives along x and y) at weights s, t in the four pixels from ``index`` of the padded image on."""
    first = start + first_pixel(w)
    a, b = simd.gather_pairs(padded, first, index)
    c, d = simd.gather_pairs(padded, first + w + 4, index)
    upper_step, lower_step = b - a, d - c
    upper, lower = a + s * upper_step, c + s * lower_step
    down = lower - upper
    return upper + t * down, upper_step + t * (lower_step - upper_step), down


@njit(**INLINE)
def store_sample(n, channel, channels, pixels, k, count, value, first, second, y, derivatives):
    """Store the values and derivatives of output pixels k, k + 1, ... (``count``) of one channel of image n."""
    store_up_to(y, (n * channels + channel) * pixels + k, count, value)
    if derivatives.size:
        store_up_to(derivatives, (2 * n * channels + channel) * pixels + k, count, first)
        store_up_to(derivatives, ((2 * n + 1) * channels + channel) * pixels + k, count, second)


@njit(**INLINE)
def times_derivatives(g, derivatives, n, channels, pixels, k):
    """The sums over the channels of g times the saved derivatives (N, 2, C, P), along both axes, of image n."""
    first, second = simd.zeros(g), simd.zeros(g)
    for channel in range(channels):
        value = load_up_to(g, (n * channels + channel) * pixels + k, pixels - k)
        at = (2 * n * channels + channel) * pixels + k
        first = first + value * load_up_to(derivatives, at, pixels - k)
        second = second + value * load_up_to(derivatives, at + channels * pixels, pixels - k)
    return first, second


@njit(**INLINE)
def store_corners(indices, corners, k, index, s, t, g):
    """What each of the next positions adds to its four pixels, as four numbers side by side."""
    lower = g * t
    upper = g - lower
    upper_right, lower_right = upper * s, lower * s
    simd.store(indices, k, index)
    simd.store_interleaved4(corners, 4 * k, upper - upper_right, upper_right, lower - lower_right, lower_right)


@njit(**INLINE)
def add_corners(sums, w, indices, corners, count):
    """Add the corners of ``count`` positions to ``sums``.

    A pixel has four sums, one for each corner of a position that it can be. So a position is one
    addition of four numbers instead of four additions that wait for each other where neighbours share
    pixels. The corners are read from memory, a block after all of it was stored, since a processor
    is slow at reading what it is just writing.
    """
    for k in range(count):
        simd.add4(sums, 4 * (first_pixel(w) + np.int64(indices[k])), corners, 4 * k)


@njit(**OPTIONS)
def collect_corners(sums, above, h, w, image, at):
    """Write the sums of one image to image[at : at + h * w], and clear them.

    A pixel's four sums lie in its own four numbers (as the upper left corner), in those to the left
    (as the upper right corner), and in the two above these. The sums from above stay in a register
    down a column of vectors, STRIP rows at a time. ``above`` is workspace.
    """
    lanes, stride = simd.lanes(image), w + 4
    for first in range(-1, h, STRIP):
        for j in range(0, w, lanes):
            from_above = simd.load(above, j)
            for i in range(first, min(first + STRIP, h)):
                here = 4 * (first_pixel(w) + i * stride + j)
                upper_left, upper_right, lower_left, lower_right = simd.load_interleaved4(sums, here)
                if i >= 0:
                    total = from_above + (upper_left + simd.slide_up(sums[here - 3], upper_right))
                    store_up_to(image, at + i * w + j, w - j, total)
                from_above = lower_left + simd.slide_up(sums[here - 1], lower_right)
            simd.store(above, j, from_above)
    for k in range(0, sums.size, lanes):
        simd.store(sums, k, simd.zeros(image))
