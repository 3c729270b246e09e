"""Winograd's algorithm: images to planes, one matrix product a plane, planes to images.

A kernel of up to 3 * stride taps an axis is one of 3 x 3 taps at stride 1 once every stride-th row
and column count as channels of their own (NHWC memory holds the columns so already). Its output is
cut into tiles of m x m, each from t x t inputs, t = m + 2; every tile becomes t * t numbers a
channel, one in each *plane*, and where the direct sum multiplies 9 * m * m times, the planes do
t * t times. With X, W, Y the planes of input, weights and output (rows are tiles):

    forward             Y[q] = X[q] @ W[q]         X = BT x B        y = AT Y A + bias
    input gradient      X[q] = Y[q] @ W[q].T       Y = A g AT        x += B X BT
    weight gradient     W[q] = X[q].T @ Y[q]       both as above     dw = GT W G

So many images are done together that the weights' planes, which come from far away, serve many
tiles. Model A's second layer, 6 x 6 with stride 2 on 14 x 14, is exactly one tile of 5 x 5.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, prange

from .. import _lanes as lanes
from .._bilinear import INLINE, OPTIONS, in_parallel
from .._lanes.matrix import grid, product
from ._direct import Shape, images_in_frames, unframe
from ._transforms import POINTS, TAPS, transform

_TILES = 128  # done together
_APART = 16  # numbers between two planes, so that theirs do not all fall into the same lines of the cache
_OVER = 64  # numbers that a product may read beyond its last row
_TOGETHER = 500


class Tiles(NamedTuple):
    """m outputs of a tile, t inputs; down x across tiles an image; input channels ``depth``, in ``phases`` runs of ``run`` neighbours."""

    m: int
    t: int
    down: int
    across: int
    phases: int
    run: int

    @property
    def depth(self):
        return self.phases * self.run


def tiles_of(s):
    """(the shape, its frame as large as the tiles need it; the Tiles), with the m that multiplies least."""

    def multiplications(m):
        return (m + TAPS - 1) ** 2 * -(-s.ho // m) * -(-s.wo // m)

    m = min(POINTS, key=multiplications)
    down, across = -(-s.ho // m), -(-s.wo // m)
    framed = s._replace(tall=s.stride * (m * down + TAPS - 1), wide=s.stride * (m * across + TAPS - 1))
    return framed, Tiles(m, m + TAPS - 1, down, across, s.stride, s.stride * s.c)


def group(s, tiles):
    return max(min(_TILES // (tiles.down * tiles.across), s.count), 1)


@njit(**INLINE)
def _to_planes(m, source, at, row, column, target, to, target_row, target_column):
    if m == 5:
        transform("BT", 5, source, at, row, column, target, to, target_row, target_column, 0)
    else:
        transform("BT", 4, source, at, row, column, target, to, target_row, target_column, 0)


@njit(**INLINE)
def _from_planes(m, source, at, row, column, target, to, target_row, target_column):
    if m == 5:
        transform("AT", 5, source, at, row, column, target, to, target_row, target_column, 0)
    else:
        transform("AT", 4, source, at, row, column, target, to, target_row, target_column, 0)


@njit(**INLINE)
def _back_to_planes(m, source, at, row, column, target, to, target_row, target_column):
    if m == 5:
        transform("A", 5, source, at, row, column, target, to, target_row, target_column, 0)
    else:
        transform("A", 4, source, at, row, column, target, to, target_row, target_column, 0)


@njit(**INLINE)
def _back_from_planes(m, source, at, row, column, target, to, target_row, target_column):
    if m == 5:
        transform("B", 5, source, at, row, column, target, to, target_row, target_column, 1)
    else:
        transform("B", 4, source, at, row, column, target, to, target_row, target_column, 1)


@njit(**INLINE)
def _corner(s, k, i, j):
    """Where the inputs of tile (i, j) begin in a framed image."""
    return (s.stride * k.m * i * s.wide + s.stride * k.m * j) * s.c


@njit(**OPTIONS)
def _input_planes(source, images, s, k, first, last, planes, plane):
    """Channels first to last of the tiles of ``images`` framed images, as planes of so many columns."""
    row, column, columns = s.stride * s.wide * s.c, s.stride * s.c, last - first
    tile = 0
    for n in range(images):
        for i in range(k.down):
            for j in range(k.across):
                at = n * s.tall * s.wide * s.c + _corner(s, k, i, j)
                for channel in range(first, last, 16):
                    phase, rest = channel // k.run, channel % k.run
                    to = tile * columns + channel - first
                    _to_planes(k.m, source, at + phase * s.wide * s.c + rest, row, column, planes, to, k.t * plane, plane)
                tile += 1


@njit(**OPTIONS)
def _add_input_planes(planes, plane, s, k, n, target):
    """Add what the planes of image n of the group hold to its framed image."""
    row, column = s.stride * s.wide * s.c, s.stride * s.c
    tile = n * k.down * k.across
    for i in range(k.down):
        for j in range(k.across):
            at = _corner(s, k, i, j)
            for phase in range(k.phases):
                for rest in range(0, k.run, 16):
                    start = tile * k.phases * k.run + phase * k.run + rest
                    _back_from_planes(k.m, planes, start, k.t * plane, plane, target, at + phase * s.wide * s.c + rest, row, column)
            tile += 1


@njit(**OPTIONS)
def _output_planes(g, first, images, s, k, planes, plane):
    """The planes of the output's gradient, g being 0 beyond the edge."""
    part = np.zeros(16 * k.m * k.m, g.dtype)
    tile = 0
    for n in range(first, first + images):
        for i in range(0, s.ho, k.m):
            for j in range(0, s.wo, k.m):
                rows, columns = min(k.m, s.ho - i), min(k.m, s.wo - j)
                at = ((n * s.ho + i) * s.wo + j) * s.o
                if rows < k.m or columns < k.m:
                    part[:] = 0
                for channel in range(0, s.o, 16):
                    if rows == k.m and columns == k.m:
                        _back_to_planes(k.m, g, at + channel, s.wo * s.o, s.o, planes, tile * s.o + channel, k.t * plane, plane)
                    else:
                        for a in range(rows):
                            for b in range(columns):
                                lanes.store(part, 16 * (a * k.m + b), lanes.load(g, at + (a * s.wo + b) * s.o + channel))
                        _back_to_planes(k.m, part, 0, 16 * k.m, 16, planes, tile * s.o + channel, k.t * plane, plane)
                tile += 1


@njit(**OPTIONS)
def _outputs(planes, plane, first, images, s, k, bias, activation, y):
    """The outputs within the edge, from their planes."""
    part = np.empty(16 * k.m * k.m, y.dtype)
    tile = 0
    for n in range(first, first + images):
        for i in range(0, s.ho, k.m):
            for j in range(0, s.wo, k.m):
                at = ((n * s.ho + i) * s.wo + j) * s.o
                for channel in range(0, s.o, 16):
                    _from_planes(k.m, planes, tile * s.o + channel, k.t * plane, plane, part, 0, 16 * k.m, 16)
                    start = lanes.load(bias, channel) if bias.size else lanes.zeros(bias)
                    for a in range(min(k.m, s.ho - i)):
                        for b in range(min(k.m, s.wo - j)):
                            value = lanes.load(part, 16 * (a * k.m + b)) + start
                            lanes.store(y, at + (a * s.wo + b) * s.o + channel, lanes.activated(value, activation))
                tile += 1


@njit(**OPTIONS)
def _forward_part(part, parts, s, k, group, framed, x, weights, bias, activation, y):
    depth, tiles = k.phases * k.run, k.down * k.across
    frames, nothing = np.zeros(group * s.tall * s.wide * s.c if framed else 0, x.dtype), np.empty(0, x.dtype)
    inputs, outputs = group * tiles * depth + _APART, group * tiles * s.o + _APART  # lengths of a plane
    from_x, to_y = np.empty(k.t * k.t * inputs, x.dtype), np.empty(k.t * k.t * outputs, x.dtype)
    rows, steps = grid(1, 0, 1, 0, group * tiles, depth), grid(1, 0, 1, 0, depth, 1)
    size, end = weights.size // (k.t * k.t), (part + 1) * s.count // parts
    for start in range(part * s.count // parts, end, group):
        images = min(group, end - start)
        _input_planes(images_in_frames(x, start, images, s, frames), images, s, k, 0, depth, from_x, inputs)
        for q in range(k.t * k.t):
            plane, w = from_x[q * inputs : (q + 1) * inputs], weights[q * size : (q + 1) * size]
            product(plane, rows, images * tiles, steps, w, 0, to_y[q * outputs : (q + 1) * outputs], s.o, s.o, nothing, False, 0)
        _outputs(to_y, outputs, start, images, s, k, bias, activation, y)


@njit(**OPTIONS)
def _input_part(part, parts, s, k, group, g, weights, x):
    depth, tiles = k.phases * k.run, k.down * k.across
    frame, nothing = np.zeros(s.tall * s.wide * s.c, g.dtype), np.empty(0, g.dtype)
    inputs, outputs = group * tiles * depth + _APART, group * tiles * s.o + _APART
    to_x, from_g = np.empty(k.t * k.t * inputs, g.dtype), np.empty(k.t * k.t * outputs, g.dtype)
    rows, steps = grid(1, 0, 1, 0, group * tiles, s.o), grid(1, 0, 1, 0, s.o, 1)
    size, end = weights.size // (k.t * k.t), (part + 1) * s.count // parts
    for start in range(part * s.count // parts, end, group):
        images = min(group, end - start)
        _output_planes(g, start, images, s, k, from_g, outputs)
        for q in range(k.t * k.t):
            plane, w = from_g[q * outputs : (q + 1) * outputs], weights[q * size : (q + 1) * size]
            product(plane, rows, images * tiles, steps, w, 0, to_x[q * inputs : (q + 1) * inputs], depth, depth, nothing, False, 0)
        for n in range(images):
            frame[:] = 0
            _add_input_planes(to_x, inputs, s, k, n, frame)
            unframe(frame, start + n, s, x)


@njit(**OPTIONS)
def _weight_part(part, parts, s, k, group, framed, x, g, gradient):
    """Each part does some of the input channels, over all images: so the sums are the same for any number of parts."""
    depth, tiles, blocks = k.phases * k.run, k.down * k.across, k.phases * k.run // 16
    first, last = 16 * (part * blocks // parts), 16 * ((part + 1) * blocks // parts)
    frames, nothing = np.zeros(group * s.tall * s.wide * s.c if framed else 0, x.dtype), np.empty(0, x.dtype)
    inputs, outputs = group * tiles * (last - first) + _APART, group * tiles * s.o + _APART
    from_x, from_g = np.empty(k.t * k.t * inputs, x.dtype), np.empty(k.t * k.t * outputs + _OVER, x.dtype)
    rows, steps = grid(1, 0, 1, 0, last - first, 1), grid(1, 0, 1, 0, group * tiles, last - first)
    for start in range(0, s.count, group):
        images = min(group, s.count - start)
        _input_planes(images_in_frames(x, start, images, s, frames), images, s, k, first, last, from_x, inputs)
        _output_planes(g, start, images, s, k, from_g, outputs)
        for q in range(k.t * k.t):
            plane, right = from_x[q * inputs : (q + 1) * inputs], from_g[q * outputs :]
            target = gradient[(q * depth + first) * s.o : (q * depth + last) * s.o]
            product(plane, rows, last - first, steps[: images * tiles], right, s.o, target, s.o, s.o, nothing, start > 0, 0)


@njit(parallel=True, **OPTIONS)
def _forward(parts, s, k, group, framed, x, weights, bias, activation, y):
    for part in prange(parts):
        _forward_part(part, parts, s, k, group, framed, x, weights, bias, activation, y)


@njit(parallel=True, **OPTIONS)
def _input(parts, s, k, group, g, weights, x):
    for part in prange(parts):
        _input_part(part, parts, s, k, group, g, weights, x)


@njit(parallel=True, **OPTIONS)
def _weight(parts, s, k, group, framed, x, g, gradient):
    for part in prange(parts):
        _weight_part(part, parts, s, k, group, framed, x, g, gradient)


def forward(s, x, weights, bias, activation, y):
    framed, k = tiles_of(s)
    work = s.multiplications // _TOGETHER
    in_parallel(_forward, _forward_part, s.count, work, framed, k, group(s, k), framed.framed, x, weights, bias, activation, y)


def input_gradient(s, g, weights, x):
    framed, k = tiles_of(s)
    in_parallel(_input, _input_part, s.count, s.multiplications // _TOGETHER, framed, k, group(s, k), g, weights, x)


def weight_gradient(s, x, g, gradient):
    """The gradient's planes [t * t, depth, O]."""
    framed, k = tiles_of(s)
    work = s.multiplications // _TOGETHER
    in_parallel(_weight, _weight_part, k.depth // 16, work, framed, k, group(s, k), framed.framed, x, g, gradient)
