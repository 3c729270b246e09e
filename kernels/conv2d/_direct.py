"""Direct convolution: a matrix product whose left matrix, the windows, is never written (README.md in this folder).

With P the output pixels, K = kh * kw * C the taps of the kernel and O the output channels, the
convolution and its gradients are products with windows[P, K], windows[p, k] = x[pixel[p] + tap[k]]:

    y[P, O]  = windows[P, K] @ w[K, O]             pixel and tap are gemm's two tables of offsets
    dw[K, O] = windows[P, K].T @ g[P, O]           the same two tables, exchanged
    dx       = col2im(g[P, O] @ w[K, O].T)         each element is added where the window lies

A padded image is a copy that stays in the second-level cache; images without padding are read in
place. A group of images is computed together, large enough to fill the register blocks.
"""
from __future__ import annotations

import numpy as np

from .. import simd
from ..activation import LEAK
from ..gemm.macrokernel import gemm
from ..gemm.operands import Left, Output
from ..gemm.packing import grid_offsets, pack_rows, packed_width
from ..runtime.jit import OPTIONS, njit
from ..runtime.threads import parallel_for
from ..simd.activation import LEAKY, LINEAR
from . import _packed_weights
from ._geometry import crop_image, padded_images

WINOGRAD_GAIN = 2  # Winograd's algorithm is faster from this factor of saved multiplications on
TANH = 3  # an activation with a derivative here, but not computed by gemm
_ROWS = 250  # output pixels of a group: the last, partly idle register block does not matter
_SUM_ROWS = 120  # output pixels in one sum of the weight gradient: 64 columns of g stay in the first-level cache


@njit(**OPTIONS)
def pixel_offsets(conv):
    """The offset of each output pixel's window in a group of padded images."""
    image, row = conv.padded_size, conv.stride * conv.padded_w * conv.c
    return grid_offsets(conv.group, image, conv.ho, row, conv.wo, conv.stride * conv.c)


@njit(**OPTIONS)
def _tap_offsets(conv):
    """The offset of each tap in a window."""
    return grid_offsets(1, 0, conv.kh, conv.padded_w * conv.c, conv.kw * conv.c, 1)


@njit(**OPTIONS)
def _forward_part(part, parts, conv, x, weights, bias, activation, y):
    padded = np.zeros(conv.group * conv.padded_size if conv.is_padded else 0, x.dtype)
    pixels, taps, size = pixel_offsets(conv), _tap_offsets(conv), conv.pixels * conv.o
    end = (part + 1) * conv.n // parts
    for start in range(part * conv.n // parts, end, conv.group):
        images = min(conv.group, end - start)
        source = padded_images(x, start, images, conv, padded)
        out = Output(y[start * size : (start + images) * size], conv.o, conv.o, False, bias, activation)
        gemm(Left(source, pixels, taps, images * conv.pixels), weights, out)


@njit(**OPTIONS)
def _weight_part(part, parts, conv, x, g, gradient):
    """A part sums some of the taps over all images, so the result does not depend on the number of parts."""
    padded = np.zeros(conv.group * conv.padded_size if conv.is_padded else 0, x.dtype)
    pixels, taps, no_bias = pixel_offsets(conv), _tap_offsets(conv), np.empty(0, x.dtype)
    first, last = part * taps.size // parts, (part + 1) * taps.size // parts
    target = gradient[first * conv.o : last * conv.o]
    workspace = np.empty(conv.group * conv.pixels * packed_width(conv.o), x.dtype)
    for start in range(0, conv.n, conv.group):
        images = min(conv.group, conv.n - start)
        source, rows = padded_images(x, start, images, conv, padded), images * conv.pixels
        begin = start * conv.pixels * conv.o
        right = pack_rows(g[begin : begin + rows * conv.o], rows, conv.o, workspace)
        out = Output(target, conv.o, conv.o, start > 0, no_bias, LINEAR)
        gemm(Left(source, taps[first:last], pixels[:rows], last - first), right, out)


@njit(**OPTIONS)
def _col2im(windows, at, conv, padded):
    """Add the windows of one image, from windows[at] on, to the padded image; a kernel row is contiguous.

    The loop over kernel rows is inside that over pixels, since neighbouring pixels overlap: added one
    after the other, each would wait for the one before.
    """
    row, lanes = conv.kw * conv.c, simd.lanes(padded)
    for i in range(conv.ho):
        for j in range(conv.wo):
            for a in range(conv.kh):
                target = ((conv.stride * i + a) * conv.padded_w + conv.stride * j) * conv.c
                for k in range(0, row, lanes):
                    to, source, left = target + k, at + k, row - k
                    if left >= lanes:
                        simd.store(padded, to, simd.load(padded, to) + simd.load(windows, source))
                    else:
                        total = simd.load_n(padded, to, left) + simd.load_n(windows, source, left)
                        simd.store_n(padded, to, total, left)
                at += row


@njit(**OPTIONS)
def activation_gradient(g, y, activation, result):
    """g times the derivative of the activation, computed from its value y."""
    if activation == TANH:
        for i in range(g.size):
            result[i] = g[i] * (1 - y[i] * y[i])
    else:
        leaky = activation == LEAKY
        leak = g.dtype.type(LEAK if leaky else 0)
        for i in range(g.size):
            result[i] = g[i] if y[i] > 0 else leak * g[i] if leaky else leak  # no product: inf * 0 would be NaN
    return result[: g.size]


@njit(**OPTIONS)
def _input_part(part, parts, conv, g, y, activation, weights, x):
    """y : the layer's result, or empty if there is no activation"""
    padded, no_bias = np.zeros(conv.padded_size, g.dtype), np.empty(0, g.dtype)
    windows = np.empty(0 if conv.one_window else conv.group * conv.pixels * conv.taps, g.dtype)
    rows, channels = grid_offsets(1, 0, 1, 0, conv.group * conv.pixels, conv.o), grid_offsets(1, 0, 1, 0, conv.o, 1)
    size = conv.pixels * conv.o
    workspace = np.empty(conv.group * size if y.size else 0, g.dtype)
    end = (part + 1) * conv.n // parts
    for start in range(part * conv.n // parts, end, conv.group):
        images = min(conv.group, end - start)
        target = x[start * conv.taps : (start + images) * conv.taps] if conv.one_window else windows
        left = g[start * size : (start + images) * size]
        if y.size:
            left = activation_gradient(left, y[start * size : (start + images) * size], activation, workspace)
        out = Output(target, conv.taps, conv.taps, False, no_bias, LINEAR)
        gemm(Left(left, rows, channels, images * conv.pixels), weights, out)
        if not conv.one_window:
            for n in range(images):
                padded[:] = 0
                _col2im(windows, n * conv.pixels * conv.taps, conv, padded)
                crop_image(padded, start + n, conv, x)


def forward(conv, x, w, bias, activation, y):
    """w (O,C,kh,kw), the others 1-D; bias: one number per output channel, or empty."""
    conv = conv.grouped(conv.padded_size, _ROWS)
    parallel_for(_forward_part, conv.n, conv.work, conv, x, _packed_weights.for_outputs(w), bias, activation, y)


def input_gradient(conv, g, y, activation, w, x):
    """w (O,C,kh,kw), the others 1-D; y: the layer's result, or empty if there is no activation."""
    conv = conv.grouped(conv.o if conv.one_window else conv.pixels * conv.taps, _ROWS)
    parallel_for(_input_part, conv.n, conv.work, conv, g, y, activation, _packed_weights.for_inputs(w), x)


def weight_gradient(conv, x, g, out):
    """The gradient of w (O,C,kh,kw); in ``out`` if given."""
    gradient = conv.sums(conv.taps * conv.o)
    if conv.one_window:  # NumPy's product is faster here, where the columns of x have elements far apart
        np.dot(x.reshape(conv.n, -1).T, g.reshape(conv.n, -1), out=gradient.reshape(-1, conv.o))
    else:
        conv = conv.grouped(conv.padded_size, _SUM_ROWS)
        parallel_for(_weight_part, conv.taps, conv.work, conv, x, g, gradient)
    return _packed_weights.unpacked(gradient, conv.kernel, out)
