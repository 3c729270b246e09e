"""How many threads compute.

The products of these networks are small. Two threads of BLAS gain 8 % on a quiet machine; beside
Numba's, or on a busy one, each waits for the other's in a loop, and a step takes two to ten times as
long (benchmarks/LOG.md). They also decide the last bits of a result. So there is one, unless
somebody says otherwise.
"""
from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading

_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_decided = [False]


@contextlib.contextmanager
def threads(count: int):
    """Within this context NumPy's BLAS and the Numba kernels use ``count`` threads."""
    with contextlib.ExitStack() as stack:
        if not _limit_blas(stack, count):
            print("sdpadv: threadpoolctl is not installed, BLAS decides on its threads; pip install 'sdpadv-np[cli]'", file=sys.stderr)
        try:
            import numba
        except ImportError:
            pass  # the kernels say so themselves
        else:
            stack.callback(numba.set_num_threads, numba.get_num_threads())
            numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))
        stack.callback(_decided.__setitem__, 0, _decided[0])
        _decided[0] = True
        yield


class _One:
    """How many are within :func:`one_blas_thread`, in all threads; the limit is the process's, the first sets it and the last lifts it."""

    lock, count, limit = threading.Lock(), 0, None


@contextlib.contextmanager
def one_blas_thread():
    """The same of BLAS alone, for one thread, unless it was decided on: by :func:`threads`, or by the environment.

    So the last bits of a result are the same within a training and outside. 10 microseconds.
    """
    if _decided[0] or any(os.environ.get(name) for name in _VARIABLES):
        yield
        return
    with _One.lock:
        if not _One.count:
            _One.limit = contextlib.ExitStack()
            _limit_blas(_One.limit, 1, _known)
        _One.count += 1
    try:
        yield
    finally:
        with _One.lock:
            _One.count -= 1
            if not _One.count:
                _One.limit.close()


@functools.cache
def _known(controller):
    """The BLAS libraries found at first: to look for them anew takes as long as a hundred limits."""
    return controller()


def _limit_blas(stack, count: int, found=lambda controller: controller()) -> bool:
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return False
    stack.enter_context(found(ThreadpoolController).limit(limits=count, user_api="blas"))
    return True
