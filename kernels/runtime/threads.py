"""The one thread pool: parts of a compiled kernel on Python's threads.

A kernel that releases Python's lock (nogil=True) runs on ordinary threads; handing it to them costs some
30 microseconds a call. Numba's own parallel loops would compile everything they call once more, set OpenMP's number
of threads for the whole process, spin on the cores that others need, and hang in a forked child. No result depends
on the number of threads: kernels are split so that each element is summed in one part.

Arguments stay plain at this boundary: a named tuple costs each call a microsecond of Numba's type check.
"""
from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

_MIN_WORK = 100_000  # pixels of work per thread that make up for waking it
_VARIABLES = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")  # process pools set them: joblib both, Dask the second


def _max_threads() -> int:
    """The cores that this process may use, or fewer by the environment."""
    for name in _VARIABLES:
        if (text := os.environ.get(name, "")).isdecimal() and int(text):
            return int(text)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


MAX_THREADS = _max_threads()


class _Limit(threading.local):
    count = MAX_THREADS


_limit = _Limit()
_pool: list[ThreadPoolExecutor] = []
_making = threading.Lock()


def _after_fork():
    """A forked child has none of its parent's threads, and perhaps its lock, held by one of them."""
    global _making
    _pool.clear()
    _making = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def get_threads() -> int:
    """The most threads that kernels called from this thread compute in."""
    return _limit.count


def set_threads(count: int) -> None:
    """Let kernels called from this thread compute in at most ``count`` threads, this one included."""
    _limit.count = max(1, count)


def part_count(count, work):
    """The number of parts for ``count`` items: one per thread if the work, in pixels sampled, is enough for each."""
    return max(1, min(count, work // _MIN_WORK, _limit.count))


def parallel_for(part, count, work, *arguments):
    """part(i, parts, *arguments) for i in range(part_count(count, work)), in parallel."""
    run_parts(part, part_count(count, work), *arguments)


def run_parts(part, parts, *arguments):
    if parts == 1:
        return part(0, 1, *arguments)
    others = []
    for i in range(1, parts):
        try:
            others.append(_workers().submit(part, i, parts, *arguments))
        except RuntimeError:  # no thread can be started: a limit of the system, or the interpreter is about to end
            part(i, parts, *arguments)
    part(0, parts, *arguments)
    for other in others:
        other.result()


def _workers() -> ThreadPoolExecutor:
    with _making:
        if not _pool:
            _pool.append(ThreadPoolExecutor(MAX_THREADS, "sdpadv-kernels"))
        return _pool[0]
