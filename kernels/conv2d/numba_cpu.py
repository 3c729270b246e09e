"""float32 on the CPU: NHWC memory, Numba kernels, images in parallel. Other dtypes go to the reference."""
from __future__ import annotations

import numpy as np

from .. import activation as _activation
from ..runtime.tracing import contiguous, copy_to, flattened
from ..simd.activation import LEAKY, LINEAR, RELU
from . import _direct, _weights, _winograd, reference
from ._direct import Shape
from ._planes import tiles_of
from ._transforms import TAPS

_CHANNELS = 32  # fewer were measured to gain little by winograd
_CODES = {"linear": LINEAR, "relu": RELU, "leaky_relu": LEAKY, "tanh": _direct.TANH}


def _shape(x_shape, w_shape, stride, padding):
    (count, c, h, w), (o, _, kh, kw) = x_shape, w_shape
    (top, bottom), (left, right) = padding
    tall, wide = h + top + bottom, w + left + right
    return Shape(count, h, w, c, top, left, tall, wide, kh, kw, stride, (tall - kh) // stride + 1, (wide - kw) // stride + 1, o)


def _by_winograd(s, algorithm, engine):
    """Whether to compute so: "auto" does where so many times fewer multiplications are worth it, and enough channels share the transforms."""
    applies = all(2 * s.stride < k <= TAPS * s.stride for k in (s.kh, s.kw)) and (s.stride * s.c) % 16 == s.o % 16 == 0
    if algorithm == "winograd" and not applies:
        raise ValueError(
            "algorithm winograd is for kernels of three taps a stride (3x3 stride 1, 5x5 and 6x6 stride 2), with stride * C and O multiples of 16, "
            f'not for {s.kh}x{s.kw} stride {s.stride} from {s.c} to {s.o} channels; use "direct" or "auto"'
        )
    if algorithm != "auto":
        return algorithm == "winograd"
    return applies and min(s.stride * s.c, s.o) >= _CHANNELS and engine.WORTH * tiles_of(s)[1].products <= TAPS**2 * s.ho * s.wo


def _reals(*arrays):
    return all(a.dtype == np.float32 for a in arrays if a is not None)


def _flat(x):
    """The numbers of x (N,C,H,W) as they lie in NHWC order, 1-D; a copy if they do not."""
    return flattened(x.transpose(0, 2, 3, 1))


def _result(n, c, h, w):
    """(what is returned, its memory)"""
    memory = np.empty((n, h, w, c), np.float32)
    return memory.transpose(0, 3, 1, 2), memory.reshape(-1)


def _room(out, *shape):
    """(array of the shape, its 1-D NHWC memory, what to fill afterwards): ``out`` itself, if it lies in that order."""
    if out is not None and out.dtype == np.float32 and (memory := out.transpose(0, 2, 3, 1)).flags.c_contiguous:
        return out, memory.reshape(-1), None
    return *_result(*shape), out


def _sums(s, size):
    """Room for sums over the images, which begin with the first; without images they are 0."""
    return (np.empty if s.count else np.zeros)(size, np.float32)


def forward(x, w, stride, padding, bias=None, activation="linear", algorithm="auto", out=None, engine=_direct):
    if not _reals(x, w, bias):
        return reference.forward(x, w, stride, padding, bias, activation, algorithm, out)
    s = _shape(x.shape, w.shape, stride, padding)
    y, memory, out = _room(out, s.count, s.o, s.ho, s.wo)
    rest = np.empty(0, np.float32) if bias is None else np.array(bias.reshape(-1)), _CODES[activation], memory
    if _by_winograd(s, algorithm, engine):
        _winograd.forward(s, _flat(x), _weights.planes_for_outputs(contiguous(w), stride, tiles_of(s)[1].m), *rest)
    else:
        engine.forward(s, _flat(x), contiguous(w), *rest)
    if activation == "tanh":
        np.tanh(memory, out=memory)
    return copy_to(out, y)


def input_gradient(g, w, size, stride, padding, algorithm="auto", y=None, activation="linear", out=None, engine=_direct):
    if not _reals(g, w, y):
        return reference.input_gradient(g, w, size, stride, padding, algorithm, y, activation, out)
    s = _shape((len(g), w.shape[1], *size), w.shape, stride, padding)
    x, memory, out = _room(out, s.count, s.c, s.h, s.w)
    if _by_winograd(s, algorithm, engine):
        g = g if activation == "linear" else _activation.backward(g, y, activation)
        _winograd.input_gradient(s, _flat(g), _weights.planes_for_inputs(contiguous(w), stride, tiles_of(s)[1].m), memory)
    else:
        result = np.empty(0, np.float32) if activation == "linear" else _flat(y)
        engine.input_gradient(s, _flat(g), result, _CODES[activation], contiguous(w), memory)
    return copy_to(out, x)


def weight_gradient(g, x, kernel, stride, padding, algorithm="auto", out=None, engine=_direct):
    if not _reals(g, x):
        return reference.weight_gradient(g, x, kernel, stride, padding, algorithm, out)
    s = _shape(x.shape, (g.shape[1], x.shape[1], *kernel), stride, padding)
    if _by_winograd(s, algorithm, engine):
        k = tiles_of(s)[1]
        planes = _sums(s, k.t * k.t * k.depth * s.o)
        _winograd.weight_gradient(s, _flat(x), _flat(g), planes)
        return _weights.from_planes(planes, (s.o, s.c, s.kh, s.kw), stride, k.m, out)
    gradient = _sums(s, s.kh * s.kw * s.c * s.o)
    engine.weight_gradient(s, _flat(x), _flat(g), gradient)
    return _weights.unpacked(gradient, (s.o, s.c, s.kh, s.kw), out)
