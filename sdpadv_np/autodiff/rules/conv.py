"""Derivatives of the convolution.

y, the input gradient and the weight gradient are the three partial derivatives of one trilinear form
T(x, w, g) = Σ conv(x, w) g: each is linear in two of the three arguments, and its derivatives are the other two. So
three operations are closed under differentiation, to any order.

``algorithm`` is passed on: the derivatives of a direct convolution are computed directly, too.
"""
# ruff: noqa: E501  (a table: one line per derivative)
from __future__ import annotations

import numpy as np

from ...kernels import activation as activation_kernel
from ...kernels import conv2d as kernel
from ...kernels.conv2d import resolve_padding
from ..registry import define
from ._samples import cases, normal
from .activation import backward, terms
from .reduction import sum


def _conv2d(x, w, stride=1, padding="valid", algorithm="auto"):
    return kernel.forward(x, w, stride, resolve_padding(padding, x.shape[2:], w.shape[2:], stride), algorithm=algorithm)


def _input_gradient(g, w, size, stride=1, padding="valid", algorithm="auto"):
    return kernel.input_gradient(g, w, size, stride, resolve_padding(padding, size, w.shape[2:], stride), algorithm)


def _weight_gradient(g, x, kernel_size, stride=1, padding="valid", algorithm="auto"):
    padding = resolve_padding(padding, x.shape[2:], kernel_size, stride)
    return kernel.weight_gradient(g, x, kernel_size, stride, padding, algorithm)


def _layer(x, w, b, stride=1, padding="valid", activation="linear", algorithm="auto"):
    padding = resolve_padding(padding, x.shape[2:], w.shape[2:], stride)
    return kernel.forward(x, w, stride, padding, b, activation, algorithm)


def _layer_fused(g, y, x, w, b, needs, saved, out, stride, padding, activation, algorithm):
    how = stride, resolve_padding(padding, x.shape[2:], w.shape[2:], stride), algorithm
    if needs == [True, False, False]:  # an attack's; the activation's derivative is fused into the kernel
        return kernel.input_gradient(g, w, x.shape[2:], *how, out=out[0], y=y, activation=activation), None, None
    h = g if activation == "linear" else activation_kernel.backward(g, y, activation)
    return (
        kernel.input_gradient(h, w, x.shape[2:], *how, out=out[0]) if needs[0] else None,
        kernel.weight_gradient(h, x, w.shape[2:], *how, out=out[1]) if needs[1] else None,
        _channel_sums(h, b.shape, out[2]) if needs[2] else None,
    )


def _channel_sums(h, shape, out):
    rows = h.transpose(0, 2, 3, 1).reshape(-1, h.shape[1])
    sums = np.dot(np.ones_like(rows[:, 0]), rows, out=None if out is None else out.reshape(-1))
    return sums.reshape(shape) if out is None else out


_SAME = {"stride": 2, "padding": "same"}
_HINT = "x (N,C,H,W), w (O,C,kh,kw), padding 'same', 'valid', a number or pairs"
_LAYERS = cases(*(normal((2, 2, 5, 4), (3, 2, 3, 2), (3,), activation=name) for name in activation_kernel.ACTIVATIONS),
                normal((2, 1, 5, 4), (2, 1, 3, 3), (2, 1, 1), activation="relu", **_SAME))

conv2d = define(
    "conv2d", _conv2d,
    lambda g, y, x, w, **how: conv_transpose2d(g, w, size=x.shape[2:], **how),
    lambda g, y, x, w, **how: conv2d_weight(g, x, kernel_size=w.shape[2:], **how),
    formula="x̄ = conv_transpose2d(ȳ, w),  w̄ = conv2d_weight(ȳ, x)", reads=(0, 1), hint=_HINT,
    samples=cases(normal((2, 3, 5, 6), (4, 3, 3, 2)), normal((2, 2, 7, 6), (3, 2, 4, 3), **_SAME)),
    doc="Cross-correlation of x (N,C,H,W) with w (O,C,kh,kw) -> (N,O,Ho,Wo).",
)
conv_transpose2d = define(
    "conv_transpose2d", _input_gradient,
    lambda h, y, g, w, size, **how: conv2d(h, w, **how),
    lambda h, y, g, w, size, **how: conv2d_weight(g, h, kernel_size=w.shape[2:], **how),
    formula="ḡ = conv2d(ȳ, w),  w̄ = conv2d_weight(g, ȳ)", reads=(0, 1), hint=_HINT,
    samples=cases(normal((2, 4, 3, 5), (4, 3, 3, 2), size=(5, 6)), normal((2, 3, 4, 3), (3, 2, 4, 3), size=(7, 6), **_SAME)),
    doc="The transpose of conv2d in x: g (N,O,Ho,Wo), w (O,C,kh,kw) -> (N,C,*size).",
)
conv2d_weight = define(
    "conv2d_weight", _weight_gradient,
    lambda h, y, g, x, kernel_size, **how: conv2d(x, h, **how),
    lambda h, y, g, x, kernel_size, **how: conv_transpose2d(g, h, size=x.shape[2:], **how),
    formula="ḡ = conv2d(x, ȳ),  x̄ = conv_transpose2d(g, ȳ)", reads=(0, 1), hint=_HINT,
    samples=cases(normal((2, 4, 3, 5), (2, 3, 5, 6), kernel_size=(3, 2)),
                  normal((2, 3, 4, 3), (2, 2, 7, 6), kernel_size=(4, 3), **_SAME)),
    doc="The transpose of conv2d in w: g (N,O,Ho,Wo), x (N,C,H,W) -> (O,C,*kernel_size).",
)
conv2d_layer = define(
    "conv2d_layer", _layer,
    lambda g, y, x, w, b, activation, **how: conv_transpose2d(backward(g, y, activation), w, size=x.shape[2:], **how),
    lambda g, y, x, w, b, activation, **how: conv2d_weight(backward(g, y, activation), x, kernel_size=w.shape[2:], **how),
    lambda g, y, x, w, b, activation, **how: sum(backward(g, y, activation), axis=(0, 2, 3)).reshape(b.shape),
    formula="x̄ = conv_transpose2d(Z̄, w),  w̄ = conv2d_weight(Z̄, x),  b̄ = Σₙᵢⱼ Z̄  with Z̄ = ȳ · activation′(y)", terms=terms, reads=(0, 1, "y"), fused=_layer_fused,
    samples=_LAYERS, hint=_HINT + ", b (O,) or (O,1,1)", kinks="where an output is 0 the derivative of relu is 0, of leaky relu 0.2",
    doc="activation(conv2d(x, w) + b), b (O,) or (O,1,1); activations see kernels/activation, algorithms kernels/conv2d.",
)
