"""Vectors for Numba kernels: 16 float32 or 8 float64 that the compiler keeps in registers.

Numba's own loops do not vectorise a gather (the output might alias the image, and some processors
are tuned against it). Here a vector is a value like any other, so that a kernel reads like its
formula, with ``p * a + b`` meaning sixteen of them:

    p = simd.load(array, k)                  array[k], array[k + 1], ...
    j = simd.floor(p)
    left, right = simd.gather_pairs(array, 0, simd.to_int(j))   array[0 + j] and array[0 + j + 1]
    simd.store(array, k, left + (p - j) * (right - left))

LLVM splits them for processors whose registers are shorter. Arrays are 1-D and contiguous. Bounds
are checked if Numba's are (NUMBA_BOUNDSCHECK=1). All stands at module level: a compiled kernel can
be kept for later processes (kernels/runtime/cache.py) only if what it calls can be found again by its name.
"""
from .activation import activate
from .arithmetic import clamp, floor, lanes, mask_between, select_within, slide_up, sum_of_lanes, to_int, zeros
from .memory import add4, gather_pairs, load, load_interleaved4, load_n, store, store_interleaved4, store_n

__all__ = [
    "activate", "add4", "clamp", "floor", "gather_pairs", "lanes", "load", "load_interleaved4", "load_n", "mask_between", "select_within", "slide_up",
    "store", "store_interleaved4", "store_n", "sum_of_lanes", "to_int", "zeros",
]
