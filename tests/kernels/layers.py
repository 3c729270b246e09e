"""Shared by the tests of convolutions: layers, the formula in loops, memory layouts, errors."""
import itertools

import numpy as np
import pytest
from everywhere import everywhere

from sdpadv_np.kernels import conv2d

LAYERS = {  # x, outputs, kernel, stride, padding
    "one": ((1, 1, 1, 1), 1, (1, 1), 1, 0),
    "no images": ((0, 3, 8, 8), 4, (3, 3), 1, 1),
    "model A 1": ((3, 1, 28, 28), 64, (8, 8), 2, "same"),
    "model A 2": ((5, 64, 14, 14), 128, (6, 6), 2, "valid"),
    "model A 3": ((7, 128, 5, 5), 128, (5, 5), 1, "valid"),
    "generator": ((2, 64, 14, 14), 128, (5, 5), 2, "same"),
    "3 x 3": ((2, 32, 9, 12), 48, (3, 3), 1, "same"),
    "3 x 3 valid": ((2, 16, 7, 6), 16, (3, 3), 1, "valid"),
    "odd": ((3, 5, 7, 9), 33, (5, 3), 2, 2),
    "odd channels": ((2, 7, 6, 5), 19, (2, 3), 1, "same"),
    "lopsided": ((2, 16, 9, 11), 80, (4, 2), 3, ((1, 0), (0, 3))),
    "lopsided 3 x 3": ((2, 16, 9, 11), 16, (3, 3), 1, ((1, 0), (2, 3))),
    "few channels": ((2, 8, 14, 14), 48, (6, 6), 2, "valid"),
    "gaps": ((2, 3, 9, 9), 5, (2, 2), 4, "valid"),
    "many windows": ((3, 16, 15, 13), 33, (2, 4), 1, "same"),
    "many windows, lopsided": ((9, 32, 14, 15), 48, (4, 3), 2, ((1, 0), (0, 3))),
    "many images": ((410, 64, 3, 3), 17, (3, 3), 1, "valid"),
    "a row": ((2, 16, 1, 40), 16, (1, 3), 1, "same"),
}
CASES = everywhere(
    conv2d,
    [
        (algorithm, name)
        for algorithm, name in itertools.product(("direct", "winograd", "auto"), LAYERS)
        if algorithm != "winograd"
        or name in ("model A 2", "generator", "3 x 3", "3 x 3 valid", "lopsided 3 x 3", "few channels")
    ],
    but=("numpy",),
)
DIRECT_LAYERS = "many windows", "many windows, lopsided", "many images"  # large enough for AMX tiles
fast = pytest.mark.parametrize("implementation", everywhere(conv2d, but=("numpy",)))
TOLERANCE = {"direct": conv2d.DIRECT_ERROR, "winograd": conv2d.WINOGRAD_ERROR, "auto": conv2d.WINOGRAD_ERROR}


def by_hand(x, w, stride, padding):
    (top, bottom), (left, right) = padding
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    n, _, h, width = x.shape
    o, _, kh, kw = w.shape
    y = np.zeros((n, o, (h - kh) // stride + 1, (width - kw) // stride + 1))
    for i in range(y.shape[2]):
        for j in range(y.shape[3]):
            y[:, :, i, j] = np.einsum(
                "ncab,ocab->no", x[:, :, i * stride : i * stride + kh, j * stride : j * stride + kw], w
            )
    return y


class Layer:
    """Arrays for the three faces of one of LAYERS, float64 and float32, and what each face gives by definition."""

    def __init__(self, rng, name):
        shape, outputs, self.kernel, self.stride, padding = LAYERS[name]
        self.size = shape[2:]
        self.padding = conv2d.resolve_padding(padding, self.size, self.kernel, self.stride)
        self.x, self.w, self.bias = (
            rng.standard_normal(s).astype(np.float32) for s in (shape, (outputs, shape[1], *self.kernel), outputs)
        )
        x, w, self.how = self.x.astype(np.float64), self.w.astype(np.float64), (self.stride, self.padding)
        y = conv2d.forward(x, w, *self.how, implementation="numpy")
        self.g = rng.standard_normal(y.shape).astype(np.float32)
        g = self.g.astype(np.float64)
        self.expected = (
            y,
            conv2d.input_gradient(g, w, self.size, *self.how, implementation="numpy"),
            conv2d.weight_gradient(g, x, self.kernel, *self.how, implementation="numpy"),
        )

    def faces(self, algorithm, implementation, arrange=lambda a: a, out=(None, None, None)):
        x, w, g = map(arrange, (self.x, self.w, self.g))
        how = {"algorithm": algorithm, "implementation": implementation}
        return (
            conv2d.forward(x, w, *self.how, out=out[0], **how),
            conv2d.input_gradient(g, w, self.size, *self.how, out=out[1], **how),
            conv2d.weight_gradient(g, x, self.kernel, *self.how, out=out[2], **how),
        )


def channels_last(a):
    return np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def strided(a):
    wide = np.zeros((*a.shape, 2), a.dtype)
    wide[..., 0] = a
    wide.flags.writeable = False
    return wide[..., 0]


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def error(got, expected):
    """The largest, as a share of the root mean square."""
    return np.abs(got - expected).max(initial=0) / max(np.sqrt(np.mean(expected**2)) if expected.size else 0, 1e-30)
