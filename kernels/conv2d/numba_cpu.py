"""float32 on the CPU: NHWC memory, Numba kernels, images in parallel. Other dtypes go to the reference."""
from __future__ import annotations

import numpy as np

from .._entrance import put
from .._lanes.matrix import whole
from . import _direct, _weights, reference
from ._direct import Shape

_CODES = {"linear": 0, "relu": 1, "leaky_relu": 2, "tanh": 0}  # what the product's last step does; tanh is done after it


def _shape(x_shape, w_shape, stride, padding):
    (count, c, h, w), (o, _, kh, kw) = x_shape, w_shape
    (top, bottom), (left, right) = padding
    tall, wide = h + top + bottom, w + left + right
    return Shape(count, h, w, c, top, left, tall, wide, kh, kw, stride, (tall - kh) // stride + 1, (wide - kw) // stride + 1, o)


def _reals(*arrays):
    return all(a.dtype == np.float32 for a in arrays if a is not None)


def _flat(x):
    """The numbers of x (N,C,H,W) as they lie in NHWC order, 1-D; a copy if they do not, or are read-only (that would be another type)."""
    return np.require(x.transpose(0, 2, 3, 1), requirements="CW").reshape(-1)


def _plain(w):
    return np.require(w, requirements="CW")


def _result(n, c, h, w):
    """(what is returned, its memory)"""
    memory = np.empty((n, h, w, c), np.float32)
    return memory.transpose(0, 3, 1, 2), memory.reshape(-1)


def _room(out, *shape):
    """(array of the shape, its 1-D NHWC memory, what to fill afterwards): ``out`` itself, if it lies in that order."""
    if out is not None and out.dtype == np.float32 and (memory := out.transpose(0, 2, 3, 1)).flags.c_contiguous:
        return out, memory.reshape(-1), None
    return *_result(*shape), out


def forward(x, w, stride, padding, bias=None, activation="linear", algorithm="auto", out=None):
    if not _reals(x, w, bias):
        return reference.forward(x, w, stride, padding, bias, activation, algorithm, out)
    s = _shape(x.shape, w.shape, stride, padding)
    y, memory, out = _room(out, s.count, s.o, s.ho, s.wo)
    _direct.forward(s, _flat(x), _weights.for_outputs(_plain(w)), _weights.filled(bias, s.o), _CODES[activation], memory)
    if activation == "tanh":
        np.tanh(memory, out=memory)
    return put(out, y)


def input_gradient(g, w, size, stride, padding, algorithm="auto", out=None):
    if not _reals(g, w):
        return reference.input_gradient(g, w, size, stride, padding, algorithm, out)
    s = _shape((len(g), w.shape[1], *size), w.shape, stride, padding)
    x, memory, out = _room(out, s.count, s.c, s.h, s.w)
    _direct.input_gradient(s, _flat(g), _weights.for_inputs(_plain(w)), memory)
    return put(out, x)


def weight_gradient(g, x, kernel, stride, padding, algorithm="auto", out=None):
    if not _reals(g, x):
        return reference.weight_gradient(g, x, kernel, stride, padding, algorithm, out)
    s = _shape(x.shape, (g.shape[1], x.shape[1], *kernel), stride, padding)
    pitch, rows = whole(s.o), _flat(g)
    if pitch != s.o:  # vectors are read beyond the last channel
        wide = np.zeros((rows.size // s.o, pitch), np.float32)
        wide[:, : s.o] = rows.reshape(-1, s.o)
        rows = wide.reshape(-1)
    gradient = np.zeros(s.kh * s.kw * s.c * s.o, np.float32)
    _direct.weight_gradient(s, _flat(x), rows, pitch, gradient)
    return put(out, _weights.unpacked(gradient, (s.o, s.c, s.kh, s.kw)))
