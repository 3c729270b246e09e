"""Shared by the CUDA C implementations: device detection, compilation, launch."""
from __future__ import annotations

import functools

import numpy as np

from .cuda_source import options, source

try:
    import cupy
except ImportError as error:
    raise ImportError(f"CuPy cannot be imported ({error}); pip install 'sdpadv-np[cuda13]', or [cuda12] for an older driver") from error
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
        self.processors, self.threads_each = attributes["MultiProcessorCount"], attributes["MaxThreadsPerMultiProcessor"]
        self.functions, self.shared_limit = {}, {}
        for direction in ("forward", "backward"):
            self.functions[direction] = module.get_function(f"{direction}_shared"), module.get_function(f"{direction}_global")
            in_shared = self.functions[direction][0]
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


@functools.lru_cache(maxsize=None)
def _kernels(name, dtype, device):
    return Kernels(name, dtype)


def kernels(name, dtype) -> Kernels:
    return _kernels(name, np.dtype(dtype), device())


def copies_for_backward(needs, derivatives) -> int:
    """One for the image, if its derivatives are computed again, and one for the sums of its gradient."""
    return (needs[1] and derivatives is None) + needs[0]
