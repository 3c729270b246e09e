"""The definition, in plain NumPy."""
import numpy as np

from ..runtime.tracing import put


def backward(g, x, low, high, out=None):
    return put(out, np.where((x >= low) & (x <= high), g, x.dtype.type(0)))  # a mask selects: infinity times 0 would be no number
