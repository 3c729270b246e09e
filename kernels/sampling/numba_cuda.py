"""Shared by the Numba CUDA implementations: device detection, launch, sums that do not depend on an order.

With NUMBA_ENABLE_CUDASIM=1 they run in Numba's simulator, on NumPy arrays: slow, but with a debugger and
without a GPU.
"""
from __future__ import annotations

import contextlib

import numpy as np

try:
    from numba import config, cuda
except ImportError as error:
    raise ImportError(
        f"numba.cuda cannot be imported ({error}); pip install 'sdpadv-np[cuda13]', or [cuda12] for an older driver"
    ) from error

SIMULATED = bool(config.ENABLE_CUDASIM)
if SIMULATED:
    xp = np
else:
    from .cuda import cupy as xp  # type: ignore[no-redef]  # its ImportError says what is missing
    if not cuda.is_available():
        raise ImportError("Numba finds no CUDA device; set NUMBA_ENABLE_CUDASIM=1 for its simulator")

THREADS = 32 if SIMULATED else 128


def launch(kernel, blocks, *arrays):
    """On CuPy's current device and stream, without waiting for it."""
    if SIMULATED:
        # The simulator copies all arrays back.
        read_only = [isinstance(a, np.ndarray) and not a.flags.writeable for a in arrays]
        kernel[blocks, THREADS](*(np.array(a) if locked else a for a, locked in zip(arrays, read_only)))
        return
    with contextlib.ExitStack() as on:
        on.enter_context(cuda.gpus[xp.cuda.Device().id])
        stream = cuda.external_stream(xp.cuda.get_current_stream().ptr)
        arrays = (cuda.as_cuda_array(a, sync=False) if isinstance(a, xp.ndarray) else a for a in arrays)
        kernel[blocks, THREADS, stream](*arrays)


def blocks_for(count):
    return -(-count // THREADS)


def steps(g):
    """(number of steps in 1, size of a step), each (N,), so that sums of integer steps fit into int64.

    The result of adding integers does not depend on the order, that of floats does. Even if all pixels of
    an image are added to one, the sum is below 2^62 steps. If g holds a NaN or infinity, the step is NaN.
    """
    peak = xp.abs(g).reshape(len(g), g.shape[1] * g.shape[2] * g.shape[3]).max(axis=1).astype(np.float64)
    bits = 62 - int(np.ceil(np.log2(g.shape[2] * g.shape[3])))
    finite = xp.isfinite(peak)
    exponent = xp.minimum(bits - xp.frexp(xp.where(finite, peak, 0))[1], 1000)
    one = xp.ones(len(g))
    return xp.ldexp(one, exponent), xp.where(finite, xp.ldexp(one, -exponent), np.nan)


def image_gradient(kernel, x, g, *positions):
    """The gradient of x by a kernel that adds g, at ``positions``, in integer steps."""
    sums = xp.zeros(x.shape, np.int64)
    if len(x):
        per_unit, size = steps(g)
        launch(kernel, blocks_for(len(g) * g.shape[2] * g.shape[3]), g, *positions, per_unit, sums)
        sums = sums * size[:, None, None, None]
    return sums.astype(x.dtype)


@cuda.jit(device=True)
def corners(image, i, j):
    """The pixel (i, j), that to its right, that below, and that below to the right; 0 for those outside."""
    zero = image.dtype.type(0)
    h, w = image.shape
    above, below, left, right = 0 <= i < h, 0 <= i + 1 < h, 0 <= j < w, 0 <= j + 1 < w
    return (
        image[i, j] if above and left else zero, image[i, j + 1] if above and right else zero,
        image[i + 1, j] if below and left else zero, image[i + 1, j + 1] if below and right else zero,
    )


@cuda.jit(device=True)
def between(a, b, s):
    return a - s * a + s * b  # exactly a at s = 0, and b at 1


@cuda.jit(device=True)
def interpolate(image, i, j, s, t):
    """(value, derivatives along x and y) at s right of and t below pixel (i, j)."""
    northwest, northeast, southwest, southeast = corners(image, i, j)
    north, south = northeast - northwest, southeast - southwest
    west, east = southwest - northwest, southeast - northeast
    value = between(between(northwest, northeast, s), between(southwest, southeast, s), t)
    return value, north + t * (south - north), west + s * (east - west)


@cuda.jit(device=True)
def target(corner, i, j, s, t, h, w):
    """(inside the image?, row, column, weight) of corner 0 to 3, to which the transpose of interpolate adds.

    The kernels add, not this function: in the simulator each call of a device function replaces the
    name ``cuda`` of its module, and calls in other threads may see either.
    """
    down, right = divmod(corner, 2)
    weight = (t if down else 1 - t) * (s if right else 1 - s)
    return 0 <= i + down < h and 0 <= j + right < w, i + down, j + right, weight
