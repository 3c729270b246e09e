"""One pass over memory instead of four, if the limits are numbers."""
import numpy as np

from ..runtime.jit import njit
from ..runtime.tracing import copy_to, execute, flattened, output_buffer
from . import reference


@njit(nogil=True, error_model="numpy")
def _backward(g, x, low, high, h):
    zero = g.dtype.type(0)
    for i in range(x.size):
        h[i] = g[i] if low <= x[i] <= high else zero


def backward(g, x, low, high, out=None):
    fits = g.dtype == x.dtype and g.shape == x.shape and g.flags.c_contiguous and x.flags.c_contiguous
    if np.ndim(low) or np.ndim(high) or not fits:
        return reference.backward(g, x, low, high, out)
    h, real = output_buffer(out, x.shape, x.dtype), x.dtype.type
    execute((_backward, (flattened(g), flattened(x), real(low), real(high), h.reshape(-1))))
    return copy_to(out, h)
