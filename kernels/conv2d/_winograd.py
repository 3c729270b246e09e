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

import numpy as np

from ..gemm.macrokernel import gemm
from ..gemm.operands import Left, Output
from ..gemm.packing import grid_offsets, packed_width
from ..runtime.jit import OPTIONS, njit
from ..runtime.threads import parallel_for
from ..simd.activation import LINEAR
from ._direct import images_in_frames, unframe
from ._planes import input_planes, inputs, output_planes, outputs, tiles_of

_TILES = 36  # done together
_SUMMED = 128  # tiles that make one sum for the weights' gradient, before it goes to memory
_CHANNELS = 96  # of the input that are done together then
_APART = 16  # numbers between two planes, so that theirs do not all fall into the same lines of the cache


def _group(s, k, tiles):
    """How many images to do together if so many tiles are wanted."""
    return max(min(tiles // (k.down * k.across), s.count), 1)


@njit(**OPTIONS)
def _products(count, a, a_plane, rows, a_columns, w, b_columns, c, c_plane):
    """c[q] = a[q] @ w[q] for all planes: a and c of so many rows, w packed."""
    table, steps, nothing = grid_offsets(1, 0, 1, 0, rows, a_columns), grid_offsets(1, 0, 1, 0, a_columns, 1), np.empty(0, a.dtype)
    size = w.size // count
    for q in range(count):
        left, right = a[q * a_plane : (q + 1) * a_plane], w[q * size :]
        out = c[q * c_plane : (q + 1) * c_plane]
        gemm(Left(left, table, steps, rows), right, Output(out, b_columns, b_columns, False, nothing, LINEAR))


@njit(**OPTIONS)
def _forward_part(part, parts, s, k, group, framed, x, weights, bias, activation, y):
    depth, tiles, count = k.phases * k.run, k.down * k.across, k.t * k.t
    frames = np.zeros(group * s.tall * s.wide * s.c if framed else 0, x.dtype)
    x_plane, y_plane = group * tiles * depth + _APART, group * tiles * s.o + _APART
    x_planes, y_planes = np.empty(count * x_plane, x.dtype), np.empty(count * y_plane, x.dtype)
    end = (part + 1) * s.count // parts
    for start in range(part * s.count // parts, end, group):
        images = min(group, end - start)
        input_planes(images_in_frames(x, start, images, s, frames), images, s, k, 0, depth, x_planes, x_plane)
        _products(count, x_planes, x_plane, images * tiles, depth, weights, s.o, y_planes, y_plane)
        outputs(y_planes, y_plane, start, images, s, k, bias, activation, y)


@njit(**OPTIONS)
def _input_part(part, parts, s, k, group, alone, g, weights, x):
    depth, tiles, count = k.phases * k.run, k.down * k.across, k.t * k.t
    size = s.tall * s.wide * s.c
    frame = np.zeros(0 if alone else size, g.dtype)
    x_plane, y_plane = group * tiles * depth + _APART, group * tiles * s.o + _APART
    x_planes, y_planes = np.empty(count * x_plane, g.dtype), np.empty(count * y_plane, g.dtype)
    end = (part + 1) * s.count // parts
    for start in range(part * s.count // parts, end, group):
        images = min(group, end - start)
        output_planes(g, start, images, s, k, y_planes, y_plane, False)
        _products(count, y_planes, y_plane, images * tiles, s.o, weights, depth, x_planes, x_plane)
        for n in range(images):
            if alone:
                inputs(x_planes, x_plane, s, k, n, x[(start + n) * size : (start + n + 1) * size], False)
            else:
                frame[:] = 0
                inputs(x_planes, x_plane, s, k, n, frame, True)
                unframe(frame, start + n, s, x)


@njit(**OPTIONS)
def _weight_part(part, parts, s, k, group, framed, x, g, gradient):
    """Each part does some of the input channels, over all images: so the sums are the same for any number of parts.

    The weights' planes are the largest of the three; so many tiles are summed before these are
    touched, and the input's planes, to fit the cache, are made for some of the channels at a time.
    """
    depth, tiles, count, blocks = k.phases * k.run, k.down * k.across, k.t * k.t, k.phases * k.run // 16
    frames, nothing = np.zeros(group * s.tall * s.wide * s.c if framed else 0, x.dtype), np.empty(0, x.dtype)
    x_plane, y_plane = group * tiles * _CHANNELS + _APART, group * tiles * packed_width(s.o) + _APART
    x_planes, y_planes = np.empty(count * x_plane, x.dtype), np.empty(count * y_plane, x.dtype)
    end = 16 * ((part + 1) * blocks // parts)
    for start in range(0, s.count, group):
        images = min(group, s.count - start)
        source = images_in_frames(x, start, images, s, frames)
        output_planes(g, start, images, s, k, y_planes, y_plane, True)
        for first in range(16 * (part * blocks // parts), end, _CHANNELS):
            channels = min(_CHANNELS, end - first)
            input_planes(source, images, s, k, first, first + channels, x_planes, x_plane)
            rows, steps = grid_offsets(1, 0, 1, 0, channels, 1), grid_offsets(1, 0, 1, 0, images * tiles, channels)
            for q in range(count):
                left, right = x_planes[q * x_plane : (q + 1) * x_plane], y_planes[q * y_plane :]
                target = gradient[(q * depth + first) * s.o : (q * depth + first + channels) * s.o]
                gemm(Left(left, rows, steps, channels), right, Output(target, s.o, s.o, start > 0, nothing, LINEAR))


def forward(s, x, weights, bias, activation, y):
    framed, k = tiles_of(s)
    parallel_for(_forward_part, s.count, s.work, framed, k, _group(s, k, _TILES), framed.framed, x, weights, bias, activation, y)


def input_gradient(s, g, weights, x):
    framed, k = tiles_of(s)
    alone = k.down * k.across == 1 and not framed.framed  # one tile, all of the image: nothing to add
    parallel_for(_input_part, s.count, s.work, framed, k, _group(s, k, _TILES), alone, g, weights, x)


def weight_gradient(s, x, g, gradient):
    """The gradient's planes [t * t, depth, O]."""
    framed, k = tiles_of(s)
    parallel_for(_weight_part, k.depth // 16, s.work, framed, k, _group(s, k, _SUMMED), framed.framed, x, g, gradient)
