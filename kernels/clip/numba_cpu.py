"""One pass instead of four, where the limits are numbers."""
import numpy as np

from ..runtime.jit import njit
from ..runtime.tracing import contiguous, copy_to, execute, output_buffer
from . import reference


@njit(nogil=True, error_model="numpy")
def _backward(g, x, low, high, h):
    zero = g.dtype.type(0)
    for i in range(x.size):
        h[i] = g[i] if low <= x[i] <= high else zero


def backward(g, x, low, high, out=None):
    if np.ndim(low) or np.ndim(high) or g.dtype != x.dtype or g.shape != x.shape or not (g.flags.c_contiguous and x.flags.c_contiguous):
        return reference.backward(g, x, low, high, out)
    h, real = output_buffer(out, x.shape, x.dtype), x.dtype.type
    execute((_backward, (contiguous(g).reshape(-1), contiguous(x).reshape(-1), real(low), real(high), h.reshape(-1))))
    return copy_to(out, h)
