"""The definition: NumPy's products, for any kind of array."""
from __future__ import annotations

import numpy as np

from .. import activation as _activation
from ..runtime.tracing import copy_to


def _product(a, b, out):
    """a b, computed in ``out`` if NumPy can do that."""
    return np.dot(a, b, out=out if out is not None and out.flags.c_contiguous and out.dtype == a.dtype else None)


def forward(x, W, b, activation="linear", out=None):
    y = _product(x, W, out)
    _activation.forward(y, b, activation)
    return copy_to(out, y)


def input_gradient(g, W, out=None):
    return copy_to(out, _product(g, W.T, out))


def weight_gradient(g, x, out=None):
    return copy_to(out, _product(x.T, g, out))
