"""Derivatives of the convolution.

y, the input gradient and the weight gradient are the three faces of one trilinear form
T(x, w, g) = Σ conv(x, w) g: each is linear in two of the three and its derivatives are the other
two faces. So three lines a rule close the family under differentiation, to any order.
"""
from __future__ import annotations

from ...kernels import conv2d as kernel
from ...kernels.conv2d import resolve_padding
from ..registry import define
from ._samples import cases, normal


def _conv2d(x, w, stride=1, padding="valid"):
    if x.ndim != 4 or w.ndim != 4 or x.shape[1] != w.shape[1]:
        raise ValueError("x must be (N, C, H, W) and w (O, C, kh, kw) with the same C")
    return kernel.forward(x, w, stride, resolve_padding(padding, x.shape[2:], w.shape[2:], stride))


def _input_gradient(g, w, size, stride=1, padding="valid"):
    return kernel.input_gradient(g, w, size, stride, resolve_padding(padding, size, w.shape[2:], stride))


def _weight_gradient(g, x, kernel_size, stride=1, padding="valid"):
    return kernel.weight_gradient(g, x, kernel_size, stride, resolve_padding(padding, x.shape[2:], kernel_size, stride))


_SAME = {"stride": 2, "padding": "same"}
_HINT = "x (N,C,H,W), w (O,C,kh,kw), padding 'same', 'valid', a number or pairs"

conv2d = define(
    "conv2d", _conv2d,
    lambda g, y, x, w, stride, padding: conv_transpose2d(g, w, size=x.shape[2:], stride=stride, padding=padding),
    lambda g, y, x, w, stride, padding: conv2d_weight(g, x, kernel_size=w.shape[2:], stride=stride, padding=padding),
    formula="x̄ = conv_transpose2d(ȳ, w),  w̄ = conv2d_weight(ȳ, x)", reads=(0, 1), hint=_HINT,
    samples=cases(normal((2, 3, 5, 6), (4, 3, 3, 2)), normal((2, 2, 7, 6), (3, 2, 4, 3), **_SAME)),
    doc="Cross-correlation of x (N,C,H,W) with w (O,C,kh,kw) -> (N,O,Ho,Wo).",
)
conv_transpose2d = define(
    "conv_transpose2d", _input_gradient,
    lambda h, y, g, w, size, stride, padding: conv2d(h, w, stride=stride, padding=padding),
    lambda h, y, g, w, size, stride, padding: conv2d_weight(g, h, kernel_size=w.shape[2:], stride=stride, padding=padding),
    formula="ḡ = conv2d(ȳ, w),  w̄ = conv2d_weight(g, ȳ)", reads=(0, 1), hint=_HINT,
    samples=cases(normal((2, 4, 3, 5), (4, 3, 3, 2), size=(5, 6)), normal((2, 3, 4, 3), (3, 2, 4, 3), size=(7, 6), **_SAME)),
    doc="The transpose of conv2d in x: g (N,O,Ho,Wo), w (O,C,kh,kw) -> (N,C,*size).",
)
conv2d_weight = define(
    "conv2d_weight", _weight_gradient,
    lambda h, y, g, x, kernel_size, stride, padding: conv2d(x, h, stride=stride, padding=padding),
    lambda h, y, g, x, kernel_size, stride, padding: conv_transpose2d(g, h, size=x.shape[2:], stride=stride, padding=padding),
    formula="ḡ = conv2d(x, ȳ),  x̄ = conv_transpose2d(g, ȳ)", reads=(0, 1), hint=_HINT,
    samples=cases(normal((2, 4, 3, 5), (2, 3, 5, 6), kernel_size=(3, 2)),
                  normal((2, 3, 4, 3), (2, 2, 7, 6), kernel_size=(4, 3), **_SAME)),
    doc="The transpose of conv2d in w: g (N,O,Ho,Wo), x (N,C,H,W) -> (O,C,*kernel_size).",
)
