"""What the Numba samplers share: an image with a frame of zeros, reading it, adding to it.

Clamping a position to the frame, two pixels wide, makes every read legal and every value outside
exactly 0 without a bounds test (two and not one, so that at the clamp the slope is 0 as well).
"""
from __future__ import annotations

import numpy as np

from .. import simd
from ..runtime.jit import INLINE, OPTIONS, njit

ROWS = 32  # of an image whose sums are collected before going on to the right
BLOCK = 256  # positions prepared at a time: a multiple of every vector, small in the first-level cache


def table(rows, dtype):
    """The first vector of each row, then the second of each, ..., filled up with zeros; 1-D, read-only, from a multiple of 64 bytes on.

    So a kernel needs one address, and no vector lies across two cache lines.
    """
    width = 64 // np.dtype(dtype).itemsize
    vectors = -(-len(rows[0]) // width)
    space = np.zeros((len(rows) * vectors + 1) * width, dtype)
    start = -space.ctypes.data % 64 // space.itemsize
    result = space[start : start + len(rows) * vectors * width]
    for number, row in enumerate(rows):
        filled = np.zeros(vectors * width, dtype)
        filled[: len(row)] = row
        result.reshape(vectors, len(rows), width)[:, number] = filled.reshape(vectors, width)
    result.flags.writeable = False
    return result


def fits(x):
    """Whether the reals of x count the pixels of one image exactly; the vectors compute indices with them."""
    return (x.shape[2] + 4) * (x.shape[3] + 4) < (2**24 if x.itemsize == 4 else 2**31)


@njit(**INLINE)
def origin(w):
    """Where an image's first pixel lies in its tile; an ``index`` counts from there, rows being w + 4 apart."""
    return 2 * (w + 4) + 2


@njit(**INLINE)
def get(array, at, room):
    """The next lanes of ``array``; zeros beyond ``room``."""
    return simd.load(array, at) if room >= simd.lanes(array) else simd.load_n(array, at, room)


@njit(**INLINE)
def put(array, at, room, values):
    """Store as many lanes as there is ``room``."""
    if room >= simd.lanes(array):
        simd.store(array, at, values)
    else:
        simd.store_n(array, at, values, room)


@njit(**OPTIONS)
def frame(images, at, h, w, tile, start):
    """Copy the image of h rows and w columns from images[at] on into the tile that begins at ``start``.

    The last vector of a row may run over into the frame, with zeros, and into the next row, which
    is written later; a tile ends with room for one vector more.
    """
    width, pitch = simd.lanes(images), w + 4
    for i in range(h):
        for j in range(0, w, width):
            simd.store(tile, start + origin(w) + i * pitch + j, get(images, at + i * w + j, w - j))


@njit(**INLINE)
def read(tile, start, w, index, s, t):
    """(value, slope along x, slope along y) at weights s, t within the four pixels from ``index`` of the tile at ``start``."""
    first = start + origin(w)
    a, b = simd.gather_pairs(tile, first, index)
    c, d = simd.gather_pairs(tile, first + w + 4, index)
    upper_step, lower_step = b - a, d - c
    upper, lower = a + s * upper_step, c + s * lower_step
    down = lower - upper
    return upper + t * down, upper_step + t * (lower_step - upper_step), down


@njit(**INLINE)
def along(g, slopes, n, channels, pixels, k):
    """Sums over the channels of g times the saved slopes (N, 2, C, P), the first and the second, of image n."""
    first, second = simd.zeros(g), simd.zeros(g)
    for channel in range(channels):
        value = get(g, (n * channels + channel) * pixels + k, pixels - k)
        first = first + value * get(slopes, (2 * n * channels + channel) * pixels + k, pixels - k)
        second = second + value * get(slopes, ((2 * n + 1) * channels + channel) * pixels + k, pixels - k)
    return first, second


@njit(**INLINE)
def prepare(indices, quads, k, index, s, t, g):
    """What each of the next positions gives to its four pixels, as four numbers side by side."""
    lower = g * t
    upper = g - lower
    upper_right, lower_right = upper * s, lower * s
    simd.store(indices, k, index)
    simd.store_interleaved4(quads, 4 * k, upper - upper_right, upper_right, lower - lower_right, lower_right)


@njit(**INLINE)
def add(sums, w, indices, quads, count):
    """Add the first ``count`` quads to ``sums``.

    A pixel has four sums, one for each corner of a position that it can be. So a position is one
    addition of four numbers, in place of four that wait for one another where neighbours share
    pixels. The quads come from memory, a block of them after all were stored, since a processor
    reads slowly what it is just writing.
    """
    for k in range(count):
        simd.add4(sums, 4 * (origin(w) + np.int64(indices[k])), quads, 4 * k)


@njit(**OPTIONS)
def collect(sums, above, h, w, image, at):
    """Write the sums of one image's tile to image[at : at + h * w], and leave zeros.

    A pixel's four sums lie in its own quad (as the upper left corner of positions), in that to the
    left (as the upper right one), and in the two above these. The sums from above stay in a register
    down a column of vectors, ROWS at a time: more would leave the first-level cache. ``above`` is scratch.
    """
    width, pitch = simd.lanes(image), w + 4
    for first in range(-1, h, ROWS):
        for j in range(0, w, width):
            from_above = simd.load(above, j)
            for i in range(first, min(first + ROWS, h)):
                quad = 4 * (origin(w) + i * pitch + j)
                upper_left, upper_right, lower_left, lower_right = simd.load_interleaved4(sums, quad)
                if i >= 0:
                    put(image, at + i * w + j, w - j, from_above + (upper_left + simd.slide_up(sums[quad - 3], upper_right)))
                from_above = lower_left + simd.slide_up(sums[quad - 1], lower_right)
            simd.store(above, j, from_above)
    for k in range(0, sums.size, width):
        simd.store(sums, k, simd.zeros(image))


@njit(**OPTIONS)
def tile_size(h, w):
    """Numbers in a framed image, with room for one vector more; a multiple of every vector."""
    return ((h + 4) * (w + 4) + 31) // 16 * 16
