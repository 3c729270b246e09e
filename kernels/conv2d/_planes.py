"""Between images and the planes of Winograd's algorithm (see _winograd.py), sixteen channels at a time."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import simd
from ..gemm.packing import panel_width
from ..runtime.jit import INLINE, OPTIONS, njit
from ._transforms import POINTS, TAPS, transform


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

    @property
    def products(self):
        """Multiplications for an image and a pair of channels."""
        return self.t * self.t * self.down * self.across


def tiles_of(s):
    """(the shape, its frame as large as the tiles need it; the Tiles), with the m that multiplies least."""
    choices = (Tiles(m, m + TAPS - 1, -(-s.ho // m), -(-s.wo // m), s.stride, s.stride * s.c) for m in POINTS)
    k = min(choices, key=lambda k: k.products)
    return s._replace(tall=s.stride * (k.m * k.down + TAPS - 1), wide=s.stride * (k.m * k.across + TAPS - 1)), k


@njit(**INLINE)
def _corner(s, k, i, j):
    """Where the inputs of tile (i, j) begin in a framed image."""
    return (s.stride * k.m * i * s.wide + s.stride * k.m * j) * s.c


@njit(**OPTIONS)
def input_planes(source, images, s, k, first, last, planes, plane):
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
                    transform("BT", k.m, source, at + phase * s.wide * s.c + rest, row, column, planes, to, k.t * plane, plane, 0)
                tile += 1


@njit(**OPTIONS)
def inputs(planes, plane, s, k, n, target, add):
    """What the planes of image n of the group hold, in its framed image, or added to that."""
    row, column = s.stride * s.wide * s.c, s.stride * s.c
    tile = n * k.down * k.across
    for i in range(k.down):
        for j in range(k.across):
            at = _corner(s, k, i, j)
            for phase in range(k.phases):
                for rest in range(0, k.run, 16):
                    start = tile * k.phases * k.run + phase * k.run + rest
                    to = at + phase * s.wide * s.c + rest
                    if add:
                        transform("B", k.m, planes, start, k.t * plane, plane, target, to, row, column, 1)
                    else:
                        transform("B", k.m, planes, start, k.t * plane, plane, target, to, row, column, 0)
            tile += 1


@njit(**OPTIONS)
def output_planes(g, first, images, s, k, planes, plane, packed):
    """The planes of the output's gradient, g being 0 beyond the edge; each packed, if it is to stand on the right of a product."""
    part = np.zeros(16 * k.m * k.m, g.dtype)
    tile, rows_of_plane = 0, images * k.down * k.across
    for n in range(first, first + images):
        for i in range(0, s.ho, k.m):
            for j in range(0, s.wo, k.m):
                rows, columns = min(k.m, s.ho - i), min(k.m, s.wo - j)
                at = ((n * s.ho + i) * s.wo + j) * s.o
                if rows < k.m or columns < k.m:
                    part[:] = 0
                start, width = 0, panel_width(s.o) if packed else s.o
                for channel in range(0, s.o, 16):
                    if channel == start + width:
                        start, width = channel, panel_width(s.o - channel)
                    to = start * rows_of_plane + tile * width + channel - start
                    if rows == k.m and columns == k.m:
                        transform("A", k.m, g, at + channel, s.wo * s.o, s.o, planes, to, k.t * plane, plane, 0)
                    else:
                        for a in range(rows):
                            for b in range(columns):
                                simd.store(part, 16 * (a * k.m + b), simd.load(g, at + (a * s.wo + b) * s.o + channel))
                        transform("A", k.m, part, 0, 16 * k.m, 16, planes, to, k.t * plane, plane, 0)
                tile += 1


@njit(**OPTIONS)
def outputs(planes, plane, first, images, s, k, bias, activation, y):
    """The outputs within the edge, from their planes."""
    part = np.empty(16 * k.m * k.m, y.dtype)
    tile = 0
    for n in range(first, first + images):
        for i in range(0, s.ho, k.m):
            for j in range(0, s.wo, k.m):
                at = ((n * s.ho + i) * s.wo + j) * s.o
                for channel in range(0, s.o, 16):
                    transform("AT", k.m, planes, tile * s.o + channel, k.t * plane, plane, part, 0, 16 * k.m, 16, 0)
                    start = simd.load(bias, channel) if bias.size else simd.zeros(bias)
                    for a in range(min(k.m, s.ho - i)):
                        for b in range(min(k.m, s.wo - j)):
                            value = simd.load(part, 16 * (a * k.m + b)) + start
                            simd.store(y, at + (a * s.wo + b) * s.o + channel, simd.activate(value, activation))
                tile += 1


@njit(**OPTIONS)
def weight_planes(taps, m, planes):
    """planes = G w GT of nine taps, each all its numbers one after the other; in the same order."""
    size, t = taps.size // 9, m + 2
    for at in range(0, size, 16):
        transform("G", m, taps, at, 3 * size, size, planes, at, t * size, size, 0)


@njit(**OPTIONS)
def weight_taps(planes, m):
    """GT w G, the transpose of that."""
    t = m + 2
    size = planes.size // (t * t)
    taps = np.empty(9 * size, planes.dtype)
    for at in range(0, size, 16):
        transform("GT", m, planes, at, t * size, size, taps, at, 3 * size, size, 0)
    return taps
