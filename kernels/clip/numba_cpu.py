"""One pass instead of four, where the limits are numbers."""
import numpy as np
from ..runtime.jit import njit

from . import reference
from ..runtime.tracing import carry_out, plain, put, space


@njit(nogil=True, error_model="numpy")
def _backward(g, x, low, high, h):
    zero = g.dtype.type(0)
    for i in range(x.size):
        h[i] = g[i] if low <= x[i] <= high else zero


def backward(g, x, low, high, out=None):
    if np.ndim(low) or np.ndim(high) or g.dtype != x.dtype or g.shape != x.shape or not (g.flags.c_contiguous and x.flags.c_contiguous):
        return reference.backward(g, x, low, high, out)
    h, real = space(out, x.shape, x.dtype), x.dtype.type
    carry_out((_backward, (plain(g).reshape(-1), plain(x).reshape(-1), real(low), real(high), h.reshape(-1))))
    return put(out, h)
