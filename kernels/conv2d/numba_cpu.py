"""float32 on the CPU: NHWC memory, Numba kernels, images in parallel. Other dtypes use the reference."""
from __future__ import annotations

import numpy as np

from .. import activation as _activation
from ..runtime.tracing import contiguous, copy_to, flattened
from ..simd.activation import LEAKY, LINEAR, RELU
from . import _direct, _winograd, reference
from ._geometry import convolution
from ._winograd_patches import patches_of
from ._winograd_transforms import TAPS
from ._winograd_use import check_winograd, winograd_applies

_CHANNELS = 32  # with fewer, Winograd's algorithm was measured to gain little
_CODES = {"linear": LINEAR, "relu": RELU, "leaky_relu": LEAKY, "tanh": _direct.TANH}


def _convolution(x_shape, w_shape, stride, padding):
    n, c, h, w = x_shape
    (top, bottom), (left, right) = padding
    return convolution(n, c, h, w, w_shape[0], *w_shape[2:], stride, top, bottom, left, right)


def _chosen(conv, algorithm, direct):
    """The module that computes; "auto" is Winograd's if it saves enough and enough channels share the transforms."""
    sizes = conv.c, conv.o, (conv.kh, conv.kw), conv.stride
    applies = winograd_applies(*sizes)
    if algorithm == "winograd":
        check_winograd(*sizes)
    if algorithm == "auto" and applies and min(conv.stride * conv.c, conv.o) >= _CHANNELS:
        multiplications, direct_ones = patches_of(conv)[1].multiplications, TAPS**2 * conv.pixels
        algorithm = "winograd" if direct.WINOGRAD_GAIN * multiplications <= direct_ones else "direct"
    return _winograd if algorithm == "winograd" else direct if direct is _direct or direct.applies(conv) else _direct


def _float32(*arrays):
    return all(a.dtype == np.float32 for a in arrays if a is not None)


def _nhwc(x):
    """The elements of x (N,C,H,W) in NHWC order, 1-D; a copy if they lie otherwise."""
    return flattened(x.transpose(0, 2, 3, 1))


def _result(out, n, c, h, w):
    """(array (n,c,h,w), its 1-D NHWC memory, array to copy it to afterwards): ``out`` itself if NHWC in memory."""
    if out is not None and out.dtype == np.float32 and (memory := out.transpose(0, 2, 3, 1)).flags.c_contiguous:
        return out, memory.reshape(-1), None
    memory = np.empty((n, h, w, c), np.float32)
    return memory.transpose(0, 3, 1, 2), memory.reshape(-1), out


def forward(x, w, stride, padding, bias=None, activation="linear", algorithm="auto", out=None, direct=_direct):
    if not _float32(x, w, bias):
        return reference.forward(x, w, stride, padding, bias, activation, algorithm, out)
    conv = _convolution(x.shape, w.shape, stride, padding)
    y, memory, out = _result(out, conv.n, conv.o, conv.ho, conv.wo)
    bias = np.empty(0, np.float32) if bias is None else np.array(bias.reshape(-1))
    _chosen(conv, algorithm, direct).forward(conv, _nhwc(x), contiguous(w), bias, _CODES[activation], memory)
    if activation == "tanh":
        np.tanh(memory, out=memory)
    return copy_to(out, y)


def input_gradient(
    g, w, size, stride, padding, algorithm="auto", y=None, activation="linear", out=None, direct=_direct,
):
    if not _float32(g, w, y):
        return reference.input_gradient(g, w, size, stride, padding, algorithm, y, activation, out)
    conv = _convolution((len(g), w.shape[1], *size), w.shape, stride, padding)
    x, memory, out = _result(out, conv.n, conv.c, conv.h, conv.w)
    module = _chosen(conv, algorithm, direct)
    if module is _winograd:
        g = g if activation == "linear" else _activation.backward(g, y, activation)
        module.input_gradient(conv, _nhwc(g), contiguous(w), memory)
    else:
        y = np.empty(0, np.float32) if activation == "linear" else _nhwc(y)
        module.input_gradient(conv, _nhwc(g), y, _CODES[activation], contiguous(w), memory)
    return copy_to(out, x)


def weight_gradient(g, x, kernel, stride, padding, algorithm="auto", out=None, direct=_direct):
    if not _float32(g, x):
        return reference.weight_gradient(g, x, kernel, stride, padding, algorithm, out)
    conv = _convolution(x.shape, (g.shape[1], x.shape[1], *kernel), stride, padding)
    return _chosen(conv, algorithm, direct).weight_gradient(conv, _nhwc(x), _nhwc(g), out)
