"""The convolution as a matrix product whose left matrix is never written down.

NHWC images. With P the output pixels, K = kh * kw * C the taps of the kernel and O the output
channels, all three faces are products over windows[P, K], and windows[p, k] = x[place(p) + tap(k)]:

    y[P, O]  = windows[P, K] @ w[K, O]             place and tap are the two tables of gemm()
    dw[K, O] = windows[P, K].T @ g[P, O]           the same two, exchanged
    dx       = the windows' numbers of g[P, O] @ w[K, O].T, each added where it was read

Padding is done by copying an image into a tile with a frame of zeros, which stays in the
second-level cache; without padding the images are read where they are. So many images are done
together that the rows of output fill the register tiles, and that what they need fits that cache.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import simd
from ..gemm.macrokernel import gemm
from ..gemm.operands import Left, Output
from ..gemm.packing import grid_offsets, pack_rows, packed_width
from ..runtime.jit import OPTIONS, njit
from ..runtime.threads import parallel_for
from ..simd.activation import LEAK, LEAKY, LINEAR
from . import _weights

WORTH = 2  # how many times fewer multiplications make winograd the faster one
_CACHE = 2**18  # numbers that a group of images may take
_ROWS = 250  # of output: enough for the last, partly idle, register tile not to matter
_SUMMED = 120  # rows that make one sum for the weights' gradient: few enough for 64 columns of them to stay in the first-level cache
TANH = 3  # an activation that has a slope, but is not computed by the product
_A_PIXEL = 500  # multiplications that take about as long as a sampler's pixel, the unit of parallel_for


class Shape(NamedTuple):
    """All lengths of a convolution: images (h, w, c), in a frame (top, left; tall, wide), kernel (kh, kw), stride, output (ho, wo, o)."""

    count: int
    h: int
    w: int
    c: int
    top: int
    left: int
    tall: int
    wide: int
    kh: int
    kw: int
    stride: int
    ho: int
    wo: int
    o: int

    @property
    def multiplications(self):
        return self.count * self.ho * self.wo * self.kh * self.kw * self.c * self.o

    @property
    def work(self):
        """In the unit of parallel_for."""
        return self.multiplications // _A_PIXEL

    @property
    def alone(self):
        """Whether there is one window, all of the image: a plain matrix product."""
        return not self.framed and (self.h, self.w) == (self.kh, self.kw)

    @property
    def framed(self):
        """Whether there is padding."""
        return (self.h, self.w) != (self.tall, self.wide)

    def group(self, numbers, rows):
        """How many images to do together if one takes so many numbers and so many rows of output are wanted."""
        return max(min(self.count, -(-rows // max(self.ho * self.wo, 1)), _CACHE // max(numbers, 1)), 1)


@njit(**OPTIONS)
def frame(x, image, s, tile, at):
    """Copy an image, or what of it the frame has room for, into the tile from ``at`` on; the rest is zero already."""
    row = min(s.w, s.wide - s.left) * s.c
    for i in range(min(s.h, s.tall - s.top)):
        source, target = (image * s.h + i) * s.w * s.c, at + ((s.top + i) * s.wide + s.left) * s.c
        for k in range(row):
            tile[target + k] = x[source + k]


@njit(**OPTIONS)
def unframe(tile, image, s, x):
    """The image in the middle of the tile; zeros where the frame is smaller."""
    row = min(s.w, s.wide - s.left) * s.c
    for i in range(s.h):
        source, target = ((s.top + i) * s.wide + s.left) * s.c, (image * s.h + i) * s.w * s.c
        inside = row if s.top + i < s.tall else 0
        for k in range(inside):
            x[target + k] = tile[source + k]
        for k in range(inside, s.w * s.c):
            x[target + k] = 0


@njit(**OPTIONS)
def images_in_frames(x, first, count, s, tile):
    """``count`` images from the first on, in their frames if the tile has room for any."""
    size = s.tall * s.wide * s.c
    if tile.size == 0:
        return x[first * size : (first + count) * size]
    for n in range(count):
        frame(x, first + n, s, tile, n * size)
    return tile


@njit(**OPTIONS)
def _pixels(images, s):
    """Where each output pixel's window begins."""
    return grid_offsets(images, s.tall * s.wide * s.c, s.ho, s.stride * s.wide * s.c, s.wo, s.stride * s.c)


@njit(**OPTIONS)
def _taps(s):
    """Where each number of a window lies, counted from its beginning."""
    return grid_offsets(1, 0, s.kh, s.wide * s.c, s.kw * s.c, 1)


@njit(**OPTIONS)
def _forward_part(part, parts, s, group, framed, x, weights, bias, activation, y):
    tile = np.zeros(group * s.tall * s.wide * s.c if framed else 0, x.dtype)
    pixels, taps, size = _pixels(group, s), _taps(s), s.ho * s.wo * s.o
    end = (part + 1) * s.count // parts
    for start in range(part * s.count // parts, end, group):
        images = min(group, end - start)
        source = images_in_frames(x, start, images, s, tile)
        target = y[start * size : (start + images) * size]
        gemm(Left(source, pixels, taps, images * s.ho * s.wo), weights, Output(target, s.o, s.o, False, bias, activation))


@njit(**OPTIONS)
def _weight_part(part, parts, s, group, framed, x, g, gradient):
    """Each part does some of the taps, over all images: so the sums are the same for any number of parts."""
    tile, nothing = np.zeros(group * s.tall * s.wide * s.c if framed else 0, x.dtype), np.empty(0, x.dtype)
    pixels, taps, size = _pixels(group, s), _taps(s), s.ho * s.wo
    first, last = part * taps.size // parts, (part + 1) * taps.size // parts
    target = gradient[first * s.o : last * s.o]
    room = np.empty(group * size * packed_width(s.o), x.dtype)
    for start in range(0, s.count, group):
        images = min(group, s.count - start)
        source, rows = images_in_frames(x, start, images, s, tile), images * size
        right = pack_rows(g[start * size * s.o : (start + images) * size * s.o], rows, s.o, room)
        gemm(Left(source, taps[first:last], pixels[:rows], last - first), right, Output(target, s.o, s.o, start > 0, nothing, LINEAR))


@njit(**OPTIONS)
def _add_windows(windows, at, s, tile):
    """Add each window's numbers where the window lies; those of a row of the kernel are neighbours.

    A pixel's rows are added one after the other, and not a row's pixels: these overlap, and would
    have to wait for each other.
    """
    row, width = s.kw * s.c, simd.lanes(tile)
    for i in range(s.ho):
        for j in range(s.wo):
            for a in range(s.kh):
                target = ((s.stride * i + a) * s.wide + s.stride * j) * s.c
                for k in range(0, row, width):
                    if row - k >= width:
                        simd.store(tile, target + k, simd.load(tile, target + k) + simd.load(windows, at + k))
                    else:
                        total = simd.load_n(tile, target + k, row - k) + simd.load_n(windows, at + k, row - k)
                        simd.store_n(tile, target + k, total, row - k)
                at += row


@njit(**OPTIONS)
def _sloped(g, y, code, h):
    """g times the slope of the activation, which is read off its result y."""
    if code == TANH:
        for i in range(g.size):
            h[i] = g[i] * (1 - y[i] * y[i])
    else:
        leaky = code == LEAKY
        leak = g.dtype.type(LEAK if leaky else 0)
        for i in range(g.size):
            h[i] = g[i] if y[i] > 0 else leak * g[i] if leaky else leak  # a mask selects: infinity times 0 would be no number
    return h[: g.size]


@njit(**OPTIONS)
def _input_part(part, parts, s, group, alone, g, y, code, weights, x):
    """y : the layer's result, or empty if the gradient needs no slope"""
    depth, pixels = s.kh * s.kw * s.c, s.ho * s.wo
    tile, nothing = np.zeros(s.tall * s.wide * s.c, g.dtype), np.empty(0, g.dtype)
    windows = np.empty(0 if alone else group * pixels * depth, g.dtype)
    rows, channels, size = grid_offsets(1, 0, 1, 0, group * pixels, s.o), grid_offsets(1, 0, 1, 0, s.o, 1), pixels * s.o
    sloped = np.empty(group * size if y.size else 0, g.dtype)
    end = (part + 1) * s.count // parts
    for start in range(part * s.count // parts, end, group):
        images = min(group, end - start)
        target = x[start * depth : (start + images) * depth] if alone else windows
        left = g[start * size : (start + images) * size]
        if y.size:
            left = _sloped(left, y[start * size : (start + images) * size], code, sloped)
        gemm(Left(left, rows, channels, images * pixels), weights, Output(target, depth, depth, False, nothing, LINEAR))
        if not alone:
            for n in range(images):
                tile[:] = 0
                _add_windows(windows, n * pixels * depth, s, tile)
                unframe(tile, start + n, s, x)


def forward(s, x, w, bias, activation, y):
    """w (O,C,kh,kw), the others 1-D; bias: one number for each output, or empty."""
    group = s.group(s.tall * s.wide * s.c, _ROWS)
    parallel_for(_forward_part, s.count, s.work, s, group, s.framed, x, _weights.for_outputs(w), bias, activation, y)


def input_gradient(s, g, y, code, w, x):
    """w (O,C,kh,kw), the others 1-D; y: what the layer gave, to take its slope from, or empty."""
    depth = s.kh * s.kw * s.c
    group = s.group(s.o if s.alone else s.ho * s.wo * depth, _ROWS)
    parallel_for(_input_part, s.count, s.work, s, group, s.alone, g, y, code, _weights.for_inputs(w), x)


def weight_gradient(s, x, g, gradient):
    """The gradient [K, O]."""
    if s.alone:  # NumPy's product is the better one here: where rows lie far apart, reading down the columns is slow
        np.dot(x.reshape(s.count, -1).T, g.reshape(s.count, -1), out=gradient.reshape(-1, s.o))
        return
    group = s.group(s.tall * s.wide * s.c, _SUMMED)
    parallel_for(_weight_part, s.kh * s.kw * s.c, s.work, s, group, s.framed, x, g, gradient)
