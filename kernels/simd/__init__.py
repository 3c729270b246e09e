"""SIMD vectors for Numba kernels, with the operations and names of Highway.

A :class:`Vec` (vector.py) is 64 bytes: 16 lanes of float32 or 8 of float64, which the compiler keeps in registers;
where registers are shorter, LLVM splits it. It is a value like any other in a compiled function, so a kernel reads
like its formula. Linear interpolation of a row at the positions p, for example:

    for k in range(0, n, simd.lanes(p)):                        # 16 at a time
        x = simd.load(p, k)                                     # p[k], p[k + 1], ..., p[k + 15]
        j = simd.floor(x)
        left, right = simd.gather_pairs(row, 0, simd.to_int(j))  # row[j] and row[j + 1] of each lane
        y = left + (x - j) * (right - left)                     # operators work lane by lane
        simd.store_n(out, k, y, n - k)                          # the last vector may be cut off

Arrays are 1-D and contiguous; an array's dtype gives the type of the vector.

    lanes(array)                        lanes of a vector of the array's elements
    zeros(array)                        all lanes 0
    load, store                         array[k], array[k + 1], ...
    load_n, store_n                     the first n lanes; others are read as 0 and not written
    load_interleaved4,                  a[0], b[0], c[0], d[0], a[1], ... from and to four vectors
    store_interleaved4
    gather_pairs(array, start, index)   array[start + index] and the element after it
    add4                                four elements added to four others
    + - *                               of two vectors, or of a vector and a number; p * a + b may become one FMA
    floor, to_int, clamp                lane by lane
    mask_between, select_within         lanes of values in an interval, others 0 or another value
    slide_up(first, vec)                lanes moved up by one
    sum_of_lanes(vec)                   a number, summed in a fixed order
    activate(vec, activation)           linear, ReLU or leaky ReLU

Why not plain loops: Numba does not vectorise a gather, because the output might alias the image, and LLVM is tuned
against gathers for some processors. NUMBA_BOUNDSCHECK=1 checks all bounds. Everything is defined at module level,
since compiled kernels are cached (kernels/runtime/cache.py) only if what they call can be found by name.
"""
from .activation import activate
from .arithmetic import clamp, floor, lanes, mask_between, select_within, slide_up, sum_of_lanes, to_int, zeros
from .memory import add4, gather_pairs, load, load_interleaved4, load_n, store, store_interleaved4, store_n

__all__ = [
    "activate", "add4", "clamp", "floor", "gather_pairs", "lanes", "load", "load_interleaved4", "load_n",
    "mask_between", "select_within", "slide_up", "store", "store_interleaved4", "store_n", "sum_of_lanes", "to_int",
    "zeros",
]
