"""Shared by the CUDA C implementations: device detection, compilation, launch."""
from __future__ import annotations

import functools

import numpy as np

from ..runtime.tracing import copy_to
from .cuda_source import options, source

try:
    import cupy
except ImportError as error:
    raise ImportError(
        f"CuPy cannot be imported ({error}); pip install 'sdpadv-np[cuda13]', or [cuda12] for an older driver"
    ) from error
try:
    if not cupy.cuda.runtime.getDeviceCount():
        raise ImportError("CuPy finds no CUDA device")
except cupy.cuda.runtime.CUDARuntimeError as error:
    raise ImportError(f"CuPy finds no CUDA device ({error})") from error

PADDING, WARP, MOST_THREADS = 2, 32, 512  # as in bilinear.cuh


def device() -> int:
    return cupy.cuda.Device().id


class Kernels:
    """The kernels of one .cu file for one dtype, on the current device."""

    def __init__(self, name, dtype):
        module = cupy.RawModule(code=source(name), options=options(dtype))
        attributes = cupy.cuda.Device().attributes
        self.itemsize = np.dtype(dtype).itemsize
        self.processors = attributes["MultiProcessorCount"]
        self.threads_each = attributes["MaxThreadsPerMultiProcessor"]
        self.functions, self.shared_limit = {}, {}
        for direction in ("forward", "backward"):
            in_shared, in_global = (module.get_function(f"{direction}_{memory}") for memory in ("shared", "global"))
            self.functions[direction] = in_shared, in_global
            limit = attributes["MaxSharedMemoryPerBlockOptin"] - in_shared.shared_size_bytes
            in_shared.max_dynamic_shared_size_bytes = self.shared_limit[direction] = limit

    def launch(self, direction, copies, size, output, arrays, count, channels, *more):
        """Run over ``count`` images, on the current stream.

        copies : number of padded images that a block holds in shared memory; if they do not fit, the
            images are read from global memory
        arrays : the kernel's pointers; None for an array that is not needed
        """
        if not count:
            return
        (h, w), pixels = size, output[0] * output[1]
        shared = copies * self.itemsize * (h + 2 * PADDING) * ((w + 2 * PADDING) | 1)
        fits = shared <= self.shared_limit[direction]
        rounds = -(-pixels // MOST_THREADS)
        threads = WARP * -(-pixels // (rounds * WARP))  # 28 x 28: two rounds of 416 threads, 94 % of them busy
        resident = self.processors * max(1, self.threads_each // threads)
        parts = min(-(-pixels // threads), -(-resident // count), 65535) if direction == "forward" and not fits else 1
        pointers = [np.intp(0) if array is None else array for array in arrays]
        numbers = [np.int32(number) for number in (count, channels, *more)]
        function, blocks = self.functions[direction][not fits], (min(count, resident), parts)
        function(blocks, (threads,), (*pointers, *numbers), shared_mem=shared if fits else 0)


@functools.cache
def _kernels(name, dtype, device):
    return Kernels(name, dtype)


def kernels(name, dtype) -> Kernels:
    return _kernels(name, np.dtype(dtype), device())


def run_forward(name, x, positions, numbers, size, derivatives, out):
    """y (N,C,*size), or (y, derivatives (N,2,C,*size)), by the kernel ``name``.

    positions : the arrays that positions are computed from, the sampler's argument first
    numbers : the kernel's last arguments, after the shape of x
    """
    x, *positions = map(cupy.ascontiguousarray, (x, *positions))
    y = cupy.empty((*x.shape[:2], *size), x.dtype)
    saved = cupy.empty((len(x), 2, *y.shape[1:]), x.dtype) if derivatives else None
    kernels(name, x.dtype).launch("forward", 1, x.shape[2:], size, (x, *positions, y, saved), *x.shape, *numbers)
    return copy_to(out, (y, saved) if derivatives else y)


def run_backward(name, g, x, positions, numbers, needs, derivatives, out):
    """The gradients of x and of the first of ``positions``; None for one that is not needed."""
    g, x, *positions = map(cupy.ascontiguousarray, (g, x, *positions))
    derivatives = None if derivatives is None else cupy.ascontiguousarray(derivatives)
    gradients = tuple(cupy.empty(a.shape, x.dtype) if need else None for a, need in zip((x, positions[0]), needs))
    if any(needs):
        copies = (needs[1] and derivatives is None) + needs[0]  # the image, if read, and its gradient's sums
        arrays = (g, x, *positions, derivatives, *gradients)
        kernels(name, x.dtype).launch("backward", copies, x.shape[2:], g.shape[2:], arrays, *x.shape, *numbers)
    return copy_to(out, gradients)
