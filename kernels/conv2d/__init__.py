"""2-D convolution (cross-correlation, as networks use it) and its two gradients.

    y[n,o,i,j] = act(bias[o] + sum over c,a,b of x[n, c, i*stride + a - top, j*stride + b - left] * w[o,c,a,b])

x (N,C,H,W), w (O,C,kh,kw), zero padding ((top, bottom), (left, right)). The three functions are
the partial derivatives of one trilinear form; the derivatives of each are the other two (README.md).
Arrays may have any strides. Images are returned with the shape (N,C,H,W) over channels-last memory
(``y.transpose(0, 2, 3, 1)`` is C-contiguous), the order in which the kernels compute, so that no
layer copies its input; NumPy's elementwise functions keep this order.

``algorithm`` is one of

    direct      the sum as written, with the rounding errors of float32 products
    winograd    a half to a quarter of the multiplications, by polynomial interpolation, for float32
                kernels of three taps per stride (3x3 stride 1; 5x5 and 6x6 stride 2), stride * C and
                O multiples of 16; larger rounding errors (below)
    auto        winograd if it applies, saves half of the multiplications (seven of nine if the
                processor has AMX tiles) and has 32 channels on both sides (of the input, stride * C),
                which was measured to be faster; otherwise direct

In sums of some thousand products the largest rounding error is below DIRECT_ERROR or WINOGRAD_ERROR
times the root mean square of the result, and its root mean square below a twentieth of that. A ReLU
whose input is closer to 0 than the error may switch, and then the gradient differs by more.

Float32 arrays in main memory are computed by the Numba kernels, ``direct`` in AMX tiles if the
processor has them (``amx``); everything else by the reference, which has ``direct`` only. ``out`` is
an array of the result's shape that the result is written to; it must not share memory with an input.
If it comes from an earlier call (channels-last memory), nothing is copied.

Sources: the register block is Goto and van de Geijn's (2008); windows read by a table of offsets are
Dukhan's indirect convolution (2019); winograd is Winograd's (1980) in the form of Lavin and Gray
(2016), its transforms after Toom and Cook.

>>> import numpy as np
>>> from sdpadv_np.kernels import conv2d
>>> x, w = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4), np.ones((1, 1, 2, 2), np.float32)
>>> conv2d.forward(x, w, 2, ((0, 0), (0, 0)), bias=np.array([-20], np.float32), activation="relu")[0, 0].tolist()
[[0.0, 0.0], [22.0, 30.0]]
"""
from __future__ import annotations

from .. import activation as _activation
from ..runtime.dispatch import Implementations
from ..runtime.tracing import traceable
from ._winograd_use import check_winograd as check_winograd

ACTIVATIONS = _activation.ACTIVATIONS
ALGORITHMS = ("auto", "direct", "winograd")
DIRECT_ERROR, WINOGRAD_ERROR = 2e-5, 2e-4

_choose = Implementations(__name__, numpy="reference", numba="numba_cpu", amx="amx")
implementations, why_not = _choose.available, _choose.why_not


@traceable
def forward(x, w, stride, padding, bias=None, activation="linear", algorithm="auto", implementation=None, out=None):
    """activation(x convolved with w, plus bias): y (N,O,Ho,Wo).

    stride : one number
    padding : as :func:`resolve_padding` returns it
    bias : (O,) or (O,1,1), or None
    activation : linear, relu, leaky_relu (0.2 for negative inputs) or tanh
    """
    if x.ndim != 4 or w.ndim != 4 or x.shape[1] != w.shape[1]:
        raise ValueError(f"x {list(x.shape)} must be (N,C,H,W) and w {list(w.shape)} (O,C,kh,kw), with the same C")
    _check(algorithm, out, (len(x), len(w), *_output(x.shape[2:], w.shape[2:], stride, padding)))
    if bias is not None and bias.size != len(w):
        raise ValueError(f"bias has {bias.size} numbers and w makes {len(w)} channels; give it one each")
    _activation.check(activation)
    return _choose(x, implementation).forward(x, w, stride, padding, bias, activation, algorithm, out)


@traceable
def input_gradient(
    g, w, size, stride, padding, algorithm="auto", implementation=None, out=None, y=None, activation="linear",
):
    """The gradient of x (N,C,*size) from that of y, g (N,O,Ho,Wo); also known as the transposed convolution of g.

    y, activation : the result of :func:`forward` and its activation, if g is the gradient after the
        activation: its derivative is applied without a pass over memory of its own
    """
    _check_gradient(g, len(w), _output(size, w.shape[2:], stride, padding))
    _check(algorithm, out, (len(g), w.shape[1], *size))
    _activation.check(activation)
    if activation != "linear" and (y is None or y.shape != g.shape):
        raise ValueError(f"the derivative of {activation} needs y, of the shape of g {list(g.shape)}")
    return _choose(g, implementation).input_gradient(g, w, tuple(size), stride, padding, algorithm, y, activation, out)


@traceable
def weight_gradient(g, x, kernel, stride, padding, algorithm="auto", implementation=None, out=None):
    """The gradient of w (O,C,*kernel) from that of y, g (N,O,Ho,Wo)."""
    _check_gradient(g, g.shape[1], _output(x.shape[2:], kernel, stride, padding))
    _check(algorithm, out, (g.shape[1], x.shape[1], *kernel))
    return _choose(g, implementation).weight_gradient(g, x, tuple(kernel), stride, padding, algorithm, out)


def _output(size, kernel, stride, padding):
    output = tuple((n + sum(pads) - k) // stride + 1 for n, k, pads in zip(size, kernel, padding))
    if min(output) < 1 or min(map(min, padding)) < 0:
        raise ValueError(
            f"a kernel of {kernel[0]} x {kernel[1]} does not fit into images of {size[0]} x {size[1]} "
            f"with padding {padding}"
        )
    return output


def _check(algorithm, out, shape):
    if algorithm not in ALGORITHMS:
        raise ValueError(f"algorithm is {algorithm!r}; choose one of {', '.join(ALGORITHMS)}")
    if out is not None and tuple(out.shape) != tuple(shape):
        raise ValueError(f"out has the shape {list(out.shape)}, the result {list(shape)}")


def _check_gradient(g, channels, output):
    if g.ndim != 4 or g.shape[1] != channels or tuple(g.shape[2:]) != output:
        raise ValueError(
            f"g has the shape {list(g.shape)}; with this kernel, stride and padding the output is "
            f"(N, {channels}, {output[0]}, {output[1]})"
        )


def resolve_padding(padding, size, kernel, stride):
    """``padding`` as ((top, bottom), (left, right)).

    padding : "valid" (none), "same" (output = ceil(size / stride); an odd pixel goes below and to the
        right, as in TensorFlow), one number for all sides, or the pairs themselves
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
        raise ValueError(
            f'padding is {padding!r}; use "same", "valid", a number, or ((top, bottom), (left, right))'
        ) from None
    return (top, bottom), (left, right)
