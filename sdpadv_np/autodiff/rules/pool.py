"""Derivatives of pooling over windows of images x (N,C,H,W).

Every output pixel reads one window of kernel_size pixels. All windows are computed together: offset k within
the window is one strided view of the padded image, so that a pooling is kh · kw passes over arrays of y's size.

Max pooling selects: y is x at one position per window, and its derivative is ``place``, whose own is
``getitem``. Average pooling is linear: its derivative is its transpose, and the transpose's is the pooling again.
"""
# ruff: noqa: E501  (a table: one line per derivative)
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...kernels.conv2d import resolve_padding
from ...kernels.runtime.tracing import copy_to, traceable
from ...xp import array_module
from ..registry import define
from ..tensor import raw
from ._samples import apart, cases, normal
from .shape import place, reshape


class _Windows(NamedTuple):
    """The windows of images of ``size`` pixels."""

    size: tuple  # (H, W)
    kernel: tuple  # (kh, kw)
    stride: tuple  # (down, right)
    padding: tuple  # ((top, bottom), (left, right))
    output: tuple  # (Ho, Wo)

    def padded(self, x, value):
        """x with ``value`` around; x itself where there is no padding."""
        if self.padding == ((0, 0), (0, 0)):
            return x
        result = self.canvas(x, value)
        self.inside(result)[...] = x
        return result

    def canvas(self, like, value):
        """Padded images full of ``value``, as many as in ``like``, of its dtype."""
        sides = (n + before + after for n, (before, after) in zip(self.size, self.padding))
        return array_module(like).full((*like.shape[:2], *sides), value, like.dtype)

    def inside(self, padded):
        """The view of the images without their padding."""
        (top, _), (left, _) = self.padding
        return padded[:, :, top : top + self.size[0], left : left + self.size[1]]

    def parts(self, padded):
        """(k, the view (N,C,Ho,Wo) of the pixels at offset k of each window), row by row."""
        (down, right), (rows, columns) = self.stride, self.output
        for k in range(self.kernel[0] * self.kernel[1]):
            i, j = divmod(k, self.kernel[1])
            yield k, padded[:, :, i : i + (rows - 1) * down + 1 : down, j : j + (columns - 1) * right + 1 : right]

    def corners(self, module):
        """The row (Ho,1) and column (Wo,) of each window's first pixel in the image; negative in the padding."""
        rows, columns = (
            module.arange(n) * step - before for n, step, (before, _) in zip(self.output, self.stride, self.padding))
        return rows[:, None], columns


def _windows(size, kernel_size, stride, padding) -> _Windows:
    kernel = kernel_size if isinstance(kernel_size, tuple) else (kernel_size, kernel_size)
    stride = kernel if stride is None else stride if isinstance(stride, tuple) else (stride, stride)
    if min(*kernel, *stride) < 1:
        raise ValueError(f"kernel_size is {kernel}, stride {stride}; both must be positive")
    rows, columns = (resolve_padding(padding, size, kernel, step)[axis] for axis, step in enumerate(stride))
    if any(not 0 <= p < k for side, k in zip((rows, columns), kernel) for p in side):
        raise ValueError(f"padding {(rows, columns)} must be below the kernel_size {kernel}: "
                         "a window of padding alone has no value")
    output = tuple((n + sum(side) - k) // step + 1 for n, side, k, step in zip(size, (rows, columns), kernel, stride))
    if min(output) < 1:
        raise ValueError(f"a window of {kernel[0]}x{kernel[1]} is larger than the padded image; "
                         "choose a smaller kernel_size")
    return _Windows(tuple(size), kernel, stride, (rows, columns), output)


@traceable
def _max_forward(x, kernel_size, stride, padding, out=None):
    """(y, winner): the maximum of each window, and the offset where it lies: the first of several, the last NaN."""
    windows, module = _windows(x.shape[2:], kernel_size, stride, padding), array_module(x)
    row, column = windows.corners(module)
    first = np.maximum(-row, 0) * windows.kernel[1] + np.maximum(-column, 0)  # the first pixel within the image
    y = module.full((*x.shape[:2], *windows.output), -np.inf, x.dtype)
    winner = module.empty(y.shape, np.uint8 if windows.kernel[0] * windows.kernel[1] <= 256 else np.int32)
    winner[...] = first
    for k, part in windows.parts(windows.padded(x, -np.inf)):
        better = (part > y) | (part != part)
        np.copyto(y, part, where=better)
        np.copyto(winner, winner.dtype.type(k), where=better)
    return copy_to(out, (y, winner))


@traceable
def _max_backward(g, winner, size, kernel_size, stride, padding, out=None):
    """g added to where each window's maximum lies: the gradient (N,C,*size)."""
    windows = _windows(size, kernel_size, stride, padding)
    result = windows.canvas(g, 0)
    for k, part in windows.parts(result):
        part += np.where(winner == k, g, g.dtype.type(0))
    return copy_to(out, windows.inside(result))


@traceable
def _max_positions(x, kernel_size, stride, padding, out=None):
    """Where each window's maximum lies, as an index into x.reshape(-1)."""
    windows, module = _windows(x.shape[2:], kernel_size, stride, padding), array_module(x)
    winner = _max_forward(x, kernel_size, stride, padding)[1].astype(np.intp)
    row, column = windows.corners(module)
    image = module.arange(x.shape[0] * x.shape[1]).reshape(*x.shape[:2], 1, 1) * (x.shape[2] * x.shape[3])
    return copy_to(out, image + (row + winner // windows.kernel[1]) * x.shape[3] + column + winner % windows.kernel[1])


@traceable
def _average(x, kernel_size, stride, padding, out=None):
    windows = _windows(x.shape[2:], kernel_size, stride, padding)
    total = array_module(x).zeros((*x.shape[:2], *windows.output), x.dtype)
    for _, part in windows.parts(windows.padded(x, 0)):
        total += part
    return copy_to(out, total / (windows.kernel[0] * windows.kernel[1]))


@traceable
def _average_transposed(g, size, kernel_size, stride, padding, out=None):
    windows = _windows(size, kernel_size, stride, padding)
    if g.shape[2:] != windows.output:
        raise ValueError(f"images of size {tuple(size)} have {windows.output[0]}x{windows.output[1]} windows, "
                         f"g has {g.shape[2]}x{g.shape[3]} pixels")
    result, share = windows.canvas(g, 0), g / (windows.kernel[0] * windows.kernel[1])
    for _, part in windows.parts(result):
        part += share
    return copy_to(out, windows.inside(result))


def max_unpool2d(g, x, kernel_size, stride=None, padding="valid"):
    """g (N,C,Ho,Wo) added to where each window's maximum lies in x (N,C,H,W), with operations."""
    return reshape(place(g, index=_max_positions(raw(x), kernel_size, stride, padding), shape=(x.size,)), shape=x.shape)


_SAMPLES = (
    {"kernel_size": (2, 2)}, {"kernel_size": (3, 2), "stride": 1, "padding": "same"},
    {"kernel_size": 3, "stride": 2, "padding": 1},
)
_HINT = "x (N,C,H,W), kernel_size and stride a number or (down, right), padding 'same', 'valid', a number or pairs"
_WINDOWS = "of kernel_size pixels, each ``stride`` (the kernel_size if None) from the next"

max_pool2d = define(
    "max_pool2d", lambda x, kernel_size, stride=None, padding="valid": _max_forward(x, kernel_size, stride, padding)[0],
    lambda g, y, x, **how: max_unpool2d(g, x, **how),
    formula="x̄ = max_unpool2d(ȳ, x)", reads=(0,), terms=lambda x, **how: {"max_unpool2d": lambda g, x: max_unpool2d(g, x, **how)},
    samples=cases(*(apart((2, 2, 5, 4), **how) for how in _SAMPLES)),
    saving=lambda x, needs, **how: _max_forward(x, **how),
    fused=lambda g, y, x, needs, saved, out, **how: (_max_backward(g, saved, x.shape[2:], **how, out=out[0]),),
    kinks="of several largest in a window the first, row by row, gets the gradient; of several NaN the last",
    hint=_HINT, doc=f"The maximum of each window of x (N,C,H,W) -> (N,C,Ho,Wo); windows {_WINDOWS}. Padding never wins.",
)
avg_pool2d = define(
    "avg_pool2d", lambda x, kernel_size, stride=None, padding="valid": _average(x, kernel_size, stride, padding),
    lambda g, y, x, **how: avg_pool_transpose2d(g, size=x.shape[2:], **how),
    formula="x̄ = avg_pool_transpose2d(ȳ)", samples=cases(*(normal((2, 2, 5, 4), **how) for how in _SAMPLES)), hint=_HINT,
    doc=f"The mean of each window of x (N,C,H,W) -> (N,C,Ho,Wo); windows {_WINDOWS}. Padding counts as zeros.",
)
avg_pool_transpose2d = define(
    "avg_pool_transpose2d",
    lambda g, size, kernel_size, stride=None, padding="valid": _average_transposed(g, size, kernel_size, stride, padding),
    lambda h, y, g, size, **how: avg_pool2d(h, **how),
    formula="ḡ = avg_pool2d(ȳ)", hint=_HINT.replace("x (N,C,H,W)", "g (N,C,Ho,Wo), size (H,W)"),
    samples=cases(normal((2, 2, 2, 2), size=(5, 4), **_SAMPLES[0]), normal((2, 2, 5, 4), size=(5, 4), **_SAMPLES[1]),
                  normal((2, 2, 3, 2), size=(5, 4), **_SAMPLES[2])),
    doc="The transpose of avg_pool2d: g (N,C,Ho,Wo), an equal share to each pixel of its window -> (N,C,*size).",
)
