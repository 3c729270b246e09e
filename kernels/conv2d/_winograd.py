"""Winograd's algorithm: patches of images to matrices, one product per matrix, matrices to patches (README.md).

A kernel of up to 3 * stride taps per axis is one of 3 x 3 taps with stride 1 if every stride-th row
and column (a phase) counts as a channel of its own; in NHWC memory the columns already do. The
output is cut into patches of m x m, computed from t x t inputs, t = m + 2. Each patch becomes a row of
t * t matrices, so that t * t multiplications replace 9 * m * m. With X, W, Y the matrices of input,
weights and output:

    forward             Y[q] = X[q] @ W[q]         X = BT x B        y = AT Y A + bias
    input gradient      X[q] = Y[q] @ W[q].T       Y = A g AT        x += B X BT
    weight gradient     W[q] = X[q].T @ Y[q]       both as above     dw = GT W G

A group of images is computed together, so that the weights, which come from far away, serve many
patches. Model A's second layer, 6 x 6 with stride 2 on 14 x 14, is exactly one patch of 5 x 5.
"""
from __future__ import annotations

import numpy as np

from ..gemm.macrokernel import gemm
from ..gemm.operands import Left, Output
from ..gemm.packing import grid_offsets, packed_width
from ..runtime.jit import OPTIONS, njit
from ..runtime.threads import parallel_for
from ..simd.activation import LINEAR
from . import _packed_weights
from ._geometry import crop_image, padded_images
from ._winograd_patches import (
    inputs_from_matrices,
    inputs_to_matrices,
    outputs_from_matrices,
    outputs_to_matrices,
    patches_of,
)

_PATCHES = 36  # of a group
_SUM_PATCHES = 128  # in one sum of the weight gradient before it is added in memory
_SUM_CHANNELS = 96  # input channels transformed at a time for it
_GAP = 16  # numbers between two matrices, or elements of all would share the same lines of the cache


def _grouped(conv, count):
    """patches_of(conv), with groups of at least one image and up to ``count`` patches."""
    conv, patches = patches_of(conv)
    return conv._replace(group=max(min(count // patches.per_image, conv.n), 1)), patches


@njit(**OPTIONS)
def _multiply_all(count, rows, a, a_stride, a_columns, w, b, b_stride, b_columns):
    """b[q] = a[q] @ w[q] for ``count`` matrices of so many rows, w packed; strides: from one matrix to the next."""
    offsets, steps = grid_offsets(1, 0, 1, 0, rows, a_columns), grid_offsets(1, 0, 1, 0, a_columns, 1)
    no_bias, size = np.empty(0, a.dtype), w.size // count
    for q in range(count):
        left, right = a[q * a_stride : (q + 1) * a_stride], w[q * size :]
        out = Output(b[q * b_stride : (q + 1) * b_stride], b_columns, b_columns, False, no_bias, LINEAR)
        gemm(Left(left, offsets, steps, rows), right, out)


@njit(**OPTIONS)
def _forward_part(part, parts, conv, patches, x, weights, bias, activation, y):
    padded = np.zeros(conv.group * conv.padded_size if conv.is_padded else 0, x.dtype)
    rows, depth = conv.group * patches.per_image, patches.depth
    x_stride, y_stride = rows * depth + _GAP, rows * conv.o + _GAP
    x_matrices = np.empty(patches.matrices * x_stride, x.dtype)
    y_matrices = np.empty(patches.matrices * y_stride, x.dtype)
    end = (part + 1) * conv.n // parts
    for start in range(part * conv.n // parts, end, conv.group):
        images = min(conv.group, end - start)
        source, rows = padded_images(x, start, images, conv, padded), images * patches.per_image
        inputs_to_matrices(source, images, conv, patches, 0, depth, x_matrices, x_stride)
        _multiply_all(patches.matrices, rows, x_matrices, x_stride, depth, weights, y_matrices, y_stride, conv.o)
        outputs_from_matrices(y_matrices, y_stride, start, images, conv, patches, bias, activation, y)


@njit(**OPTIONS)
def _input_part(part, parts, conv, patches, g, weights, x):
    one_patch = patches.per_image == 1 and not conv.is_padded  # it is the whole image: there is nothing to add
    padded = np.zeros(0 if one_patch else conv.padded_size, g.dtype)
    rows, depth, size = conv.group * patches.per_image, patches.depth, conv.padded_size
    x_stride, y_stride = rows * depth + _GAP, rows * conv.o + _GAP
    x_matrices = np.empty(patches.matrices * x_stride, g.dtype)
    y_matrices = np.empty(patches.matrices * y_stride, g.dtype)
    end = (part + 1) * conv.n // parts
    for start in range(part * conv.n // parts, end, conv.group):
        images = min(conv.group, end - start)
        outputs_to_matrices(g, start, images, conv, patches, y_matrices, y_stride, False)
        rows = images * patches.per_image
        _multiply_all(patches.matrices, rows, y_matrices, y_stride, conv.o, weights, x_matrices, x_stride, depth)
        for n in range(images):
            if one_patch:
                image = x[(start + n) * size : (start + n + 1) * size]
                inputs_from_matrices(x_matrices, x_stride, conv, patches, n, image, False)
            else:
                padded[:] = 0
                inputs_from_matrices(x_matrices, x_stride, conv, patches, n, padded, True)
                crop_image(padded, start + n, conv, x)


@njit(**OPTIONS)
def _weight_part(part, parts, conv, patches, x, g, gradient):
    """A part sums some of the input channels over all images, so the result does not depend on the number of parts.

    The weights' matrices are the largest of the three: many patches are summed before these are
    read and written, and only some channels of the input are transformed at a time, to fit the cache.
    """
    padded = np.zeros(conv.group * conv.padded_size if conv.is_padded else 0, x.dtype)
    rows, depth, blocks = conv.group * patches.per_image, patches.depth, patches.depth // 16
    x_stride, y_stride, no_bias = rows * _SUM_CHANNELS + _GAP, rows * packed_width(conv.o) + _GAP, np.empty(0, x.dtype)
    x_matrices = np.empty(patches.matrices * x_stride, x.dtype)
    y_matrices = np.empty(patches.matrices * y_stride, x.dtype)
    end = 16 * ((part + 1) * blocks // parts)
    for start in range(0, conv.n, conv.group):
        images = min(conv.group, conv.n - start)
        source = padded_images(x, start, images, conv, padded)
        outputs_to_matrices(g, start, images, conv, patches, y_matrices, y_stride, True)
        for first in range(16 * (part * blocks // parts), end, _SUM_CHANNELS):
            channels = min(_SUM_CHANNELS, end - first)
            inputs_to_matrices(source, images, conv, patches, first, first + channels, x_matrices, x_stride)
            columns = grid_offsets(1, 0, 1, 0, channels, 1)
            steps = grid_offsets(1, 0, 1, 0, images * patches.per_image, channels)
            for q in range(patches.matrices):
                left, right = x_matrices[q * x_stride : (q + 1) * x_stride], y_matrices[q * y_stride :]
                target = gradient[(q * depth + first) * conv.o : (q * depth + first + channels) * conv.o]
                out = Output(target, conv.o, conv.o, start > 0, no_bias, LINEAR)
                gemm(Left(left, columns, steps, channels), right, out)


def forward(conv, x, w, bias, activation, y):
    """As _direct.forward."""
    conv, patches = _grouped(conv, _PATCHES)
    weights = _packed_weights.winograd_for_outputs(w, conv.stride, patches.m)
    parallel_for(_forward_part, conv.n, conv.work, conv, patches, x, weights, bias, activation, y)


def input_gradient(conv, g, w, x):
    """As _direct.input_gradient, without an activation."""
    conv, patches = _grouped(conv, _PATCHES)
    weights = _packed_weights.winograd_for_inputs(w, conv.stride, patches.m)
    parallel_for(_input_part, conv.n, conv.work, conv, patches, g, weights, x)


def weight_gradient(conv, x, g, out):
    """As _direct.weight_gradient."""
    conv, patches = _grouped(conv, _SUM_PATCHES)
    gradient = conv.sums(patches.matrices * patches.depth * conv.o)
    parallel_for(_weight_part, patches.depth // 16, conv.work, conv, patches, x, g, gradient)
    return _packed_weights.from_winograd(gradient, conv.kernel, conv.stride, patches.m, out)
