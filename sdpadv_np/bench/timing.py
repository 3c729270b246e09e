"""Time candidates against each other: in one process, in turns, in a random order that is drawn anew for each round.

On a shared machine absolute times drift by a factor of two within minutes, but two neighbours in one round suffer
much the same. A ratio is therefore taken within each round, and its median over the rounds is reported with the
quartiles; likewise for the times themselves.
"""
from __future__ import annotations

import contextlib
import functools
import importlib
import math
import os
import time

import numpy as np

from .. import checks
from ..errors import ArgumentError, Error
from ..kernels.runtime import threads as _kernel_threads

_FEWEST = 3  # samples of a candidate, however slow it is


def _elapsed(now, call, count: int) -> float:
    """Seconds by the clock ``now`` that ``count`` calls take."""
    start = now()
    for _ in range(count):
        call()
    return now() - start


wall = functools.partial(_elapsed, time.perf_counter)
cpu = functools.partial(_elapsed, time.process_time)  # of all threads; on a busy machine, waiting is not counted


def reported(call, count: int) -> float:
    """The number that the call returns, times ``count``: for candidates that measure something other than time."""
    return call() * count


CLOCKS = {"wall": wall, "cpu": cpu, "reported": reported}


def cuda_events(cupy):
    """A clock like :func:`wall` for work on the GPU: from before the first call is queued until the last one has ended.

    The events lie on the legacy default stream, where CuPy and PyTorch both queue their work.
    """
    start, stop = cupy.cuda.Event(), cupy.cuda.Event()

    def clock(call, count):
        start.record(cupy.cuda.Stream.null)
        wall(call, count)
        stop.record(cupy.cuda.Stream.null)
        stop.synchronize()
        return cupy.cuda.get_elapsed_time(start, stop) / 1e3

    return clock


def _repetitions(call, clock, shortest: float) -> tuple[int, float]:
    """(calls per sample for it to last ``shortest`` seconds, seconds of that sample)."""
    count = 1
    while (seconds := clock(call, count)) < shortest:
        estimate = math.ceil(1.2 * count * shortest / max(seconds, 1e-9))
        count = min(max(estimate, 2 * count), 100 * count)  # the first sample may be slow, or near 0
    return count, seconds


def interleaved(
    calls: dict, rounds: int, rng, clock=wall, shortest: float = 2e-3, budget: float = math.inf
) -> dict[str, np.ndarray]:
    """Seconds per call of each candidate in each round: {name: (rounds,)}, NaN in a round that it did not take part in.

    calls : {name: function without arguments}
    rng : draws the order of each round
    shortest : minimum length of one sample in seconds, reached by repeating the call
    budget : seconds that a candidate may use; a slower one takes part in every 2nd, 4th, 8th, ... round only (but in
        three at least), so that any two candidates meet in the rounds of the rarer one

    >>> clock = lambda call, n: n * (2.0 if call is sum else 1.0)
    >>> samples = interleaved({"a": sum, "b": max}, 4, np.random.default_rng(0), clock)
    >>> samples["a"].tolist(), ratio(samples["a"], samples["b"])["median"]
    ([2.0, 2.0, 2.0, 2.0], 2.0)
    """
    counts, every = {}, dict.fromkeys(calls, 1)
    for name, call in calls.items():
        with _named(name):
            counts[name], seconds = _repetitions(call, clock, shortest)
        while seconds * math.ceil(rounds / every[name]) > budget and math.ceil(rounds / (2 * every[name])) >= _FEWEST:
            every[name] *= 2
    samples = {name: np.full(rounds, np.nan) for name in calls}
    for k in range(rounds):
        for name in (list(calls)[i] for i in rng.permutation(len(calls))):
            if k % every[name] == 0:
                with _named(name):
                    samples[name][k] = clock(calls[name], counts[name]) / counts[name]
    return samples


@contextlib.contextmanager
def _named(name: str):
    """An error of a candidate's call names it: a user's own program may fail at any time."""
    try:
        yield
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise Error(f"{name} fails while it is timed, after a first call that was right ({reason:.200})") from error


def spread(samples) -> dict:
    """Median, quartiles and number of the samples that are not NaN."""
    taken = samples[~np.isnan(samples)]
    low, median, high = np.percentile(taken, (25, 50, 75)).tolist()
    return {"median": median, "low": low, "high": high, "samples": len(taken)}


def ratio(a, b) -> dict:
    """The spread of a/b over the rounds that both took part in."""
    return spread(a / b)


def text(value: float, measure: str = "seconds") -> str:
    """A time, or a number of bytes, with a suitable unit.

    >>> text(0.0123), text(4.1e-6), text(2), text(2.5e6, "bytes")
    ('12.3 ms', '4.1 us', '2 s', '2.5 MB')
    """
    if measure == "bytes":
        return f"{value / 1e6:.3g} MB"
    for unit, size in (("s", 1), ("ms", 1e-3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-6:.3g} us"


@contextlib.contextmanager
def equal_threads(count: int, modules=()):
    """Within this context BLAS, OpenMP, our kernels and ``modules`` compute with ``count`` threads.

    modules : modules (or objects) with ``get_threads()`` and ``set_threads(count)``; others are ignored

    Gives a function that raises an Error if one of them has changed its number of threads.
    """
    if checks.whole("threads", count) > (os.cpu_count() or 1):
        raise ArgumentError(f"threads is {count}; this machine has {os.cpu_count()} cores")
    try:
        limits = importlib.import_module("threadpoolctl").threadpool_limits
    except ImportError as error:
        raise ArgumentError("candidates get equal threads through threadpoolctl; "
                            "install it with: pip install 'sdpadv-np[cli]'") from error
    pools = [_kernel_threads, *(m for m in modules if hasattr(m, "get_threads") and hasattr(m, "set_threads"))]
    before = [pool.get_threads() for pool in pools]

    def check():
        for pool in pools:
            if (now := pool.get_threads()) != count:
                raise Error(f"{pool.__name__} has changed from {count} to {now} threads during the benchmark; "
                            "its times would not be comparable")

    with limits(count):
        try:
            for pool in pools:
                pool.set_threads(count)
            yield check
        finally:
            for pool, value in zip(pools, before):
                pool.set_threads(value)
