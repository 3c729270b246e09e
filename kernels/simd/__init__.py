"""Vectors for Numba kernels: 16 float32 or 8 float64 that the compiler keeps in registers.

Numba's own loops do not vectorise a gather (the output might alias the image, and some processors
are tuned against it). Here a vector is a value like any other, so that a kernel reads like its
formula, with ``p * a + b`` meaning sixteen of them:

    p = lanes.load(array, k)                  array[k], array[k + 1], ...
    j = lanes.floor(p)
    left, right = lanes.pairs(array, 0, whole(j))   array[0 + j] and array[0 + j + 1]
    lanes.store(array, k, left + (p - j) * (right - left))

LLVM splits them for processors whose registers are shorter. Arrays are 1-D and contiguous. Bounds
are checked if Numba's are (NUMBA_BOUNDSCHECK=1). All stands at module level: a compiled kernel can
be kept for later processes (kernels/runtime/cache.py) only if what it calls can be found again by its name.
"""
from .arithmetic import after, clamp, floor, total, where_between, whole, width, within, zeros
from .memory import add_quad, load, load_quads, load_some, pairs, store, store_quads, store_some
from .activation import activated

__all__ = [
    "activated", "add_quad", "after", "clamp", "floor", "load", "load_quads", "load_some", "pairs", "store", "store_quads", "store_some",
    "total", "where_between", "whole", "width", "within", "zeros",
]
