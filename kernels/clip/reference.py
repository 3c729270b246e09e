"""The definition in NumPy."""
import numpy as np

from ..runtime.tracing import copy_to


def backward(g, x, low, high, out=None):
    h = np.where((x >= low) & (x <= high), g, x.dtype.type(0))  # selected, not multiplied: inf * 0 is NaN
    return copy_to(out, h)
