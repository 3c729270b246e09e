"""The definition, in plain NumPy."""
import numpy as np

from ..runtime.tracing import copy_to


def backward(g, x, low, high, out=None):
    return copy_to(out, np.where((x >= low) & (x <= high), g, x.dtype.type(0)))  # a mask selects: infinity times 0 would be no number
