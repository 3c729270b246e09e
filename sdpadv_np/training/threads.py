"""How many threads compute.

The products of these networks are small. Two threads of BLAS gain 8 % on a quiet machine; beside
Numba's, or on a busy one, each waits for the other's in a loop, and a step takes two to ten times as
long (benchmarks/LOG.md). They also decide the last bits of a result. So there is one, unless
somebody says otherwise.
"""
from __future__ import annotations

import contextlib
import os
import sys

from ..kernels._threads import get_threads, set_threads

_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_decided = [False]


@contextlib.contextmanager
def threads(count: int):
    """Within this context NumPy's BLAS and the kernels called from this thread use ``count`` threads."""
    with contextlib.ExitStack() as stack:
        if not _limit_blas(stack, count):
            print("sdpadv: threadpoolctl is not installed, BLAS decides on its threads; pip install 'sdpadv-np[cli]'", file=sys.stderr)
        stack.callback(set_threads, get_threads())
        set_threads(count)
        stack.callback(_decided.__setitem__, 0, _decided[0])
        _decided[0] = True
        yield


@contextlib.contextmanager
def one_blas_thread():
    """The same of BLAS alone, for one thread, unless it was decided on: by :func:`threads`, or by the environment."""
    with contextlib.ExitStack() as stack:
        if not _decided[0] and not any(os.environ.get(name) for name in _VARIABLES):
            _limit_blas(stack, 1)
        yield


def _limit_blas(stack, count: int) -> bool:
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return False
    stack.enter_context(threadpool_limits(count, user_api="blas"))
    return True
