"""What the CUDA C implementations share: finding a device, compiling, launching."""
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

FRAME, WARP, MOST_THREADS = 2, 32, 512  # as in bilinear.cuh


def device() -> int:
    return cupy.cuda.Device().id


class Kernels:
    """The kernels of one .cu file for one dtype, on the current device."""

    def __init__(self, name, dtype):
        module = cupy.RawModule(code=source(name), options=options(dtype))
        attributes = cupy.cuda.Device().attributes
        self.itemsize = np.dtype(dtype).itemsize
        self.processors, self.threads_each = attributes["MultiProcessorCount"], attributes["MaxThreadsPerMultiProcessor"]
        self.functions, self.room = {}, {}
        for direction in ("forward", "backward"):
            self.functions[direction] = module.get_function(f"{direction}_tile"), module.get_function(f"{direction}_in_place")
            tile = self.functions[direction][0]
            self.room[direction] = attributes["MaxSharedMemoryPerBlockOptin"] - tile.shared_size_bytes
            tile.max_dynamic_shared_size_bytes = self.room[direction]

    def launch(self, direction, tiles, size, output, arrays, count, channels, *more):
        """Run over ``count`` images, on the current stream.

        tiles : how many copies of an image of that size a block holds in shared memory. If they do
            not fit, the images are read where they are.
        arrays : the kernel's pointers; None for what is not wanted
        """
        if not count:
            return
        (h, w), pixels = size, output[0] * output[1]
        shared = tiles * self.itemsize * (h + 2 * FRAME) * ((w + 2 * FRAME) | 1)
        fits = shared <= self.room[direction]
        rounds = -(-pixels // MOST_THREADS)
        threads = WARP * -(-pixels // (rounds * WARP))  # 28 x 28: two rounds of 416 threads, 94 % busy
        resident = self.processors * max(1, self.threads_each // threads)
        parts = min(-(-pixels // threads), -(-resident // count), 65535) if direction == "forward" and not fits else 1
        pointers = [np.intp(0) if array is None else array for array in arrays]
        numbers = [np.int32(number) for number in (count, channels, *more)]
        self.functions[direction][not fits]((min(count, resident), parts), (threads,), (*pointers, *numbers), shared_mem=shared if fits else 0)


@functools.lru_cache(maxsize=None)
def _kernels(name, dtype, device):
    return Kernels(name, dtype)


def kernels(name, dtype) -> Kernels:
    return _kernels(name, np.dtype(dtype), device())


def tiles_of_backward(needs, slopes) -> int:
    """The image, if its slopes are to be read from it, and the sums of its gradient."""
    return (needs[1] and slopes is None) + needs[0]
