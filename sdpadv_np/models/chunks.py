"""Functions of many images, computed in chunks of bounded memory."""
from __future__ import annotations

from .. import training, xp

_CHUNK = 500  # images at a time; bounds the memory of the convolutions


def in_chunks(function, x, where=None, size: int = _CHUNK):
    """function(x), computed on ``size`` images at a time and written into one array of x's kind.

    where : an array; each chunk is computed on its device. None: on x's.

    BLAS has one thread meanwhile, as in training, so that the last bits do not depend on other threads.
    """
    def part(start):
        chunk = x[start : start + size]
        return xp.like(function(chunk if where is None else xp.like(chunk, where)), x)

    with training.one_blas_thread():
        first = part(0)
        if len(x) <= size:
            return first
        result = xp.array_module(first).empty((len(x), *first.shape[1:]), first.dtype)
        result[:size] = first
        for start in range(size, len(x), size):
            result[start : start + size] = part(start)
    return result
