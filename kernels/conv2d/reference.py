"""The definition: convolution as one matrix product over the windows of x (im2col), in plain NumPy."""
from __future__ import annotations

import numpy as np

from .._choice import module_of

LEAK = 0.2
ACTIVATIONS = {
    "linear": lambda y: y,
    "relu": lambda y: np.maximum(y, 0),
    "leaky_relu": lambda y: np.where(y > 0, y, LEAK * y),
    "tanh": np.tanh,
}


def _windows(x, kernel, stride, padding):
    """(N,Ho,Wo,C,kh,kw): the pixels under the kernel at each output position, a view."""
    padded = np.pad(x, ((0, 0), (0, 0), *padding)) if any(map(any, padding)) else x
    n, c, h, w = padded.shape
    ho, wo = ((length - k) // stride + 1 for length, k in zip((h, w), kernel))
    a, b, d, e = padded.strides
    return module_of(x).lib.stride_tricks.as_strided(padded, (n, ho, wo, c, *kernel), (a, stride * d, stride * e, b, d, e))


def _columns(windows):
    """(N*Ho*Wo, C*kh*kw): one row per output position, a copy."""
    n, ho, wo, c, kh, kw = windows.shape
    return windows.reshape(n * ho * wo, c * kh * kw)


def returned(result, out):
    """``out``, filled with the result, if there is one."""
    if out is None:
        return result
    out[...] = result
    return out


def forward(x, w, stride, padding, bias=None, activation="linear", algorithm="auto", out=None):
    """y (N,O,Ho,Wo)."""
    windows = _windows(x, w.shape[2:], stride, padding)
    y = np.dot(_columns(windows), w.reshape(len(w), -1).T)
    if bias is not None:
        y = y + bias.reshape(-1)
    return returned(ACTIVATIONS[activation](y).reshape(*windows.shape[:3], len(w)).transpose(0, 3, 1, 2), out)


def weight_gradient(g, x, kernel, stride, padding, algorithm="auto", out=None):
    """Gradient of w (O,C,kh,kw) from that of y."""
    o, c = g.shape[1], x.shape[1]
    rows = g.transpose(1, 0, 2, 3).reshape(o, -1)
    return returned(np.dot(rows, _columns(_windows(x, kernel, stride, padding))).reshape(o, c, *kernel), out)


def input_gradient(g, w, size, stride, padding, algorithm="auto", out=None):
    """Gradient of x (N,C,*size) from that of y: each kernel tap adds a strided copy."""
    n, o, ho, wo = g.shape
    _, c, kh, kw = w.shape
    (top, bottom), (left, right) = padding
    padded = module_of(g).zeros((n, size[0] + top + bottom, size[1] + left + right, c), g.dtype)
    windows = np.dot(g.transpose(0, 2, 3, 1).reshape(-1, o), w.reshape(o, -1)).reshape(n, ho, wo, c, kh, kw)
    for a in range(kh):
        for b in range(kw):
            padded[:, a : a + ho * stride : stride, b : b + wo * stride : stride] += windows[..., a, b]
    inner = module_of(g).ascontiguousarray(padded[:, top : top + size[0], left : left + size[1]])
    return returned(inner.transpose(0, 3, 1, 2), out)
