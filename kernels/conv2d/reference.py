"""The definition in NumPy: convolution as one matrix product over the windows of x (im2col)."""
from __future__ import annotations

import numpy as np

from ..activation import reference as activations
from ..runtime.dispatch import array_module
from ..runtime.tracing import copy_to


def _windows(x, kernel, stride, padding):
    """(N,Ho,Wo,C,kh,kw): the pixels under the kernel at each output position, as a view."""
    padded = np.pad(x, ((0, 0), (0, 0), *padding)) if any(map(any, padding)) else x
    n, c, h, w = padded.shape
    ho, wo = ((length - k) // stride + 1 for length, k in zip((h, w), kernel))
    image, channel, row, column = padded.strides
    strides = image, stride * row, stride * column, channel, row, column
    return array_module(x).lib.stride_tricks.as_strided(padded, (n, ho, wo, c, *kernel), strides)


def _columns(windows):
    """(N*Ho*Wo, C*kh*kw): one row per output position, as a copy (im2col)."""
    n, ho, wo, c, kh, kw = windows.shape
    return windows.reshape(n * ho * wo, c * kh * kw)


def _check(algorithm):
    if algorithm == "winograd":
        raise ValueError(
            'algorithm "winograd" is for float32 arrays in main memory, computed by Numba; use "direct" or "auto"'
        )


def forward(x, w, stride, padding, bias=None, activation="linear", algorithm="auto", out=None):
    """y (N,O,Ho,Wo)."""
    _check(algorithm)
    windows = _windows(x, w.shape[2:], stride, padding)
    y = np.dot(_columns(windows), w.reshape(len(w), -1).T)
    activations.forward(y, None if bias is None else bias.reshape(-1), activation)
    return copy_to(out, y.reshape(*windows.shape[:3], len(w)).transpose(0, 3, 1, 2))


def weight_gradient(g, x, kernel, stride, padding, algorithm="auto", out=None):
    """Gradient of w (O,C,kh,kw) from that of y."""
    _check(algorithm)
    o, c = g.shape[1], x.shape[1]
    rows = g.transpose(1, 0, 2, 3).reshape(o, -1)
    return copy_to(out, np.dot(rows, _columns(_windows(x, kernel, stride, padding))).reshape(o, c, *kernel))


def input_gradient(g, w, size, stride, padding, algorithm="auto", y=None, activation="linear", out=None):
    """Gradient of x (N,C,*size) from that of y: each tap of the kernel adds a strided copy (col2im)."""
    _check(algorithm)
    g = g if activation == "linear" else activations.backward(g, y, activation)
    n, o, ho, wo = g.shape
    _, c, kh, kw = w.shape
    (top, bottom), (left, right) = padding
    padded = array_module(g).zeros((n, size[0] + top + bottom, size[1] + left + right, c), g.dtype)
    rows = g.transpose(0, 2, 3, 1).reshape(-1, o)
    windows = np.dot(rows, w.reshape(o, -1)).reshape(n, ho, wo, c, kh, kw)
    for a in range(kh):
        for b in range(kw):
            padded[:, a : a + ho * stride : stride, b : b + wo * stride : stride] += windows[..., a, b]
    inner = array_module(g).ascontiguousarray(padded[:, top : top + size[0], left : left + size[1]])
    return copy_to(out, inner.transpose(0, 3, 1, 2))
