"""What the Numba CUDA implementations share: finding a device, launching, sums that do not depend on an order.

With NUMBA_ENABLE_CUDASIM=1 they run in Numba's simulator, on NumPy arrays: slow, but there is a
debugger, and no GPU is needed.
"""
from __future__ import annotations

import contextlib

import numpy as np

try:
    from numba import config, cuda
except ImportError as error:
    raise ImportError(f"numba.cuda cannot be imported ({error}); pip install 'sdpadv-np[cuda13]', or [cuda12] for an older driver") from error

SIMULATED = bool(config.ENABLE_CUDASIM)
if SIMULATED:
    xp = np
else:
    from .cuda import cupy as xp  # says what is missing, if it is
    if not cuda.is_available():
        raise ImportError("Numba finds no CUDA device; set NUMBA_ENABLE_CUDASIM=1 for its simulator")

THREADS = 32 if SIMULATED else 128


def launch(kernel, blocks, *arrays):
    """On CuPy's current device and stream, without waiting for it."""
    if SIMULATED:
        writable = (np.array(a) if isinstance(a, np.ndarray) and not a.flags.writeable else a for a in arrays)  # it copies all back
        kernel[blocks, THREADS](*writable)
        return
    with contextlib.ExitStack() as on:
        on.enter_context(cuda.gpus[xp.cuda.Device().id])
        stream = cuda.external_stream(xp.cuda.get_current_stream().ptr)
        kernel[blocks, THREADS, stream](*(cuda.as_cuda_array(a, sync=False) if isinstance(a, xp.ndarray) else a for a in arrays))


def blocks_for(count):
    return -(-count // THREADS)


def steps(g):
    """For the image's gradient: (steps in 1, size of a step), each (N,), so that sums of whole steps fit into int64.

    Integers may be added in any order with the same result, floats may not. Even if all of an image's
    pixels land in one, 2^62 steps are not exceeded. If g holds a NaN or infinity, a step is NaN.
    """
    peak = xp.abs(g).reshape(len(g), g.shape[1] * g.shape[2] * g.shape[3]).max(axis=1).astype(np.float64)
    room = 62 - int(np.ceil(np.log2(g.shape[2] * g.shape[3])))
    finite = xp.isfinite(peak)
    exponent = xp.minimum(room - xp.frexp(xp.where(finite, peak, 0))[1], 1000)
    one = xp.ones(len(g))
    return xp.ldexp(one, exponent), xp.where(finite, xp.ldexp(one, -exponent), np.nan)


@cuda.jit(device=True)
def corners(image, i, j):
    """The pixel (i, j), that to its right, that below, and that below to the right; 0 for those outside."""
    zero = image.dtype.type(0)
    h, w = image.shape
    above, below, left, right = 0 <= i < h, 0 <= i + 1 < h, 0 <= j < w, 0 <= j + 1 < w
    return (image[i, j] if above and left else zero, image[i, j + 1] if above and right else zero,
            image[i + 1, j] if below and left else zero, image[i + 1, j + 1] if below and right else zero)


@cuda.jit(device=True)
def between(a, b, s):
    return a - s * a + s * b  # exactly a at s = 0, and b at 1


@cuda.jit(device=True)
def interpolate(image, i, j, s, t):
    """(value, its slope to the right, its slope downwards) at s right of and t below pixel (i, j)."""
    northwest, northeast, southwest, southeast = corners(image, i, j)
    north, south, west, east = northeast - northwest, southeast - southwest, southwest - northwest, southeast - northeast
    value = between(between(northwest, northeast, s), between(southwest, southeast, s), t)
    return value, north + t * (south - north), west + s * (east - west)


@cuda.jit(device=True)
def target(corner, i, j, s, t, h, w):
    """(inside the image?, row, column, weight) of one of the four pixels, 0 to 3; the transpose of interpolate adds to each.

    The kernels add, not this function: in the simulator each call of a device function exchanges the
    name ``cuda`` of its module, and calls in other threads may find either.
    """
    down, right = divmod(corner, 2)
    weight = (t if down else 1 - t) * (s if right else 1 - s)
    return 0 <= i + down < h and 0 <= j + right < w, i + down, j + right, weight
