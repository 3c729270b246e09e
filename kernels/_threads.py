"""Parts of a compiled kernel on Python's threads.

Numba's own parallel loops compile everything they call twice more: 15 s for the convolutions, on
top of 10. A kernel that lets go of Python's lock (nogil=True) runs on ordinary threads as well;
handing it to them costs some 30 microseconds a call.
"""
from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numba

_pool: list[ThreadPoolExecutor] = []
os.register_at_fork(after_in_child=_pool.clear)  # threads do not survive it


def parts_of(count, work):
    """In how many parts to do ``count`` things: as many as Numba may use threads, if there is work for them.

    ``work`` counts in pixels of the samplers; waking a thread does not pay for fewer than some 100,000.
    """
    parts = min(count, work // 100_000)
    return 1 if parts <= 1 else min(parts, numba.get_num_threads())  # a question that takes Numba a microsecond


def in_threads(part, count, work, *arguments):
    """part(i, parts, *arguments) for i in range(parts_of(count, work))."""
    in_parts(part, parts_of(count, work), *arguments)


def in_parts(part, parts, *arguments):
    if parts == 1:
        return part(0, 1, *arguments)
    if not _pool:
        _pool.append(ThreadPoolExecutor(numba.config.NUMBA_NUM_THREADS, "sdpadv-kernels"))
    others = [_pool[0].submit(part, i, parts, *arguments) for i in range(1, parts)]
    part(0, parts, *arguments)
    for other in others:
        other.result()
