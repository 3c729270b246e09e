"""Convolution as one matrix product over the windows of x (im2col), in plain NumPy."""
from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def _windows(x, kernel, stride, padding):
    """(N,C,Ho,Wo,kh,kw): the pixels under the kernel at each output position, a view."""
    padded = np.pad(x, ((0, 0), (0, 0), *padding)) if any(map(any, padding)) else x
    return sliding_window_view(padded, kernel, axis=(2, 3))[:, :, ::stride, ::stride]


def _columns(windows):
    """(N*Ho*Wo, C*kh*kw): one row per output position, a copy."""
    n, c, ho, wo, kh, kw = windows.shape
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * ho * wo, c * kh * kw)


def forward(x, w, stride, padding):
    """y (N,O,Ho,Wo)."""
    windows = _windows(x, w.shape[2:], stride, padding)
    n, _, ho, wo = windows.shape[:4]
    y = np.dot(_columns(windows), w.reshape(len(w), -1).T).reshape(n, ho, wo, len(w))
    return np.ascontiguousarray(y.transpose(0, 3, 1, 2))


def weight_gradient(g, x, kernel, stride, padding):
    """Gradient of w (O,C,kh,kw) from that of y."""
    o, c = g.shape[1], x.shape[1]
    rows = g.transpose(1, 0, 2, 3).reshape(o, -1)
    return np.dot(rows, _columns(_windows(x, kernel, stride, padding))).reshape(o, c, *kernel)


def input_gradient(g, w, size, stride, padding):
    """Gradient of x (N,C,*size) from that of y: each kernel tap adds a strided copy."""
    n, o, ho, wo = g.shape
    _, c, kh, kw = w.shape
    (top, bottom), (left, right) = padding
    padded = np.zeros((n, c, size[0] + top + bottom, size[1] + left + right), g.dtype)
    columns = np.dot(g.transpose(0, 2, 3, 1).reshape(-1, o), w.reshape(o, -1)).reshape(n, ho, wo, c, kh, kw)
    columns = np.ascontiguousarray(columns.transpose(4, 5, 0, 3, 1, 2))
    for a in range(kh):
        for b in range(kw):
            padded[:, :, a : a + ho * stride : stride, b : b + wo * stride : stride] += columns[a, b]
    return np.ascontiguousarray(padded[:, :, top : top + size[0], left : left + size[1]])
