"""2-D convolution (cross-correlation, as networks use it) and its two gradients.

    y[n,o,i,j] = act(bias[o] + sum over c,a,b of x[n, c, i*stride + a - top, j*stride + b - left] * w[o,c,a,b])

x (N,C,H,W), w (O,C,kh,kw), zero padding ((top, bottom), (left, right)). The three functions are
the three faces of one trilinear form, which is why each one's derivatives are the other two.
Arrays may have any strides. Results have the shape (N,C,H,W) over channels-last memory
(``y.transpose(0, 2, 3, 1)`` is C-contiguous), the order in which the kernels compute, so that
layers meet without copies.
"""
from __future__ import annotations

from .._choice import Implementations

ACTIVATIONS = ("linear", "relu", "leaky_relu", "tanh")
ALGORITHMS = ("auto", "direct", "winograd")

_choose = Implementations(__name__, numpy="reference", numba="numba_cpu")
implementations, why_not = _choose.available, _choose.why_not


def forward(x, w, stride, padding, bias=None, activation="linear", algorithm="auto", implementation=None, out=None):
    return _choose(x, implementation).forward(x, w, stride, padding, bias, activation, algorithm, out)


def input_gradient(g, w, size, stride, padding, algorithm="auto", implementation=None, out=None):
    return _choose(g, implementation).input_gradient(g, w, size, stride, padding, algorithm, out)


def weight_gradient(g, x, kernel, stride, padding, algorithm="auto", implementation=None, out=None):
    return _choose(g, implementation).weight_gradient(g, x, kernel, stride, padding, algorithm, out)


def resolve_padding(padding, size, kernel, stride):
    """``padding`` as ((top, bottom), (left, right)).

    Takes "valid", "same" (output = ceil(size / stride), the odd pixel below and to the right, as
    TensorFlow does), one number for all sides, or the pairs themselves.
    """
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same":
        totals = [max((-(-n // stride) - 1) * stride + k - n, 0) for n, k in zip(size, kernel)]
        return tuple((t // 2, t - t // 2) for t in totals)
    if isinstance(padding, int):
        return ((padding, padding),) * 2
    try:
        (top, bottom), (left, right) = padding
    except (TypeError, ValueError):
        raise ValueError(f'padding is {padding!r}; use "same", "valid", a number, or ((top, bottom), (left, right))') from None
    return (top, bottom), (left, right)
