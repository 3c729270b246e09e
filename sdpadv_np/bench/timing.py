"""Timing contenders against each other: in one process, in turns, in an order drawn anew each round.

On a shared machine the absolute times drift by a factor of two within minutes. What two neighbours
of one round suffer is much the same, so a ratio is taken within each round, and the median of these
ratios is reported with its quartiles; likewise the times themselves.
"""
from __future__ import annotations

import contextlib
import importlib
import math
import os
import sys
import time

import numpy as np

from .. import checks
from ..kernels.runtime import threads as kernel_threads  # so that it is among the modules whose threads are set
from ..errors import ArgumentError, Error

_THREADS = {"torch": ("get_num_threads", "set_num_threads"), kernel_threads.__name__: ("get_threads", "set_threads"), "cv2": ("getNumThreads", "setNumThreads")}
_FEWEST = 3  # samples of a contender, however slow it is


def wall(call, count: int) -> float:
    """Seconds that ``count`` calls take on the CPU."""
    start = time.perf_counter()
    for _ in range(count):
        call()
    return time.perf_counter() - start


def cpu(call, count: int) -> float:
    """Seconds of the processor that ``count`` calls use, in all threads: on a busy machine, without the waits for one's turn."""
    start = time.process_time()
    for _ in range(count):
        call()
    return time.process_time() - start


def told(call, count: int) -> float:
    """What the call itself says, times ``count``: for contenders that measure something else than time."""
    return call() * count


CLOCKS = {"wall": wall, "cpu": cpu, "told": told}


def cuda_events(cupy):
    """A clock like :func:`wall` for work on the GPU: from before the first call is queued until the last has ended there.

    The events lie on the legacy default stream, where CuPy and PyTorch both queue their work.
    """
    start, stop = cupy.cuda.Event(), cupy.cuda.Event()

    def clock(call, count):
        start.record(cupy.cuda.Stream.null)
        for _ in range(count):
            call()
        stop.record(cupy.cuda.Stream.null)
        stop.synchronize()
        return cupy.cuda.get_elapsed_time(start, stop) / 1e3

    return clock


def _repetitions(call, clock, shortest: float) -> tuple[int, float]:
    """(calls per sample so that it lasts ``shortest`` seconds, seconds of that sample)."""
    count = 1
    while (seconds := clock(call, count)) < shortest:
        wanted = math.ceil(1.2 * count * shortest / max(seconds, 1e-9))
        count = min(max(wanted, 2 * count), 100 * count)  # the first call may have been a slow one, or below the clock's resolution
    return count, seconds


def interleaved(calls: dict, rounds: int, rng, clock=wall, shortest: float = 2e-3, budget: float = math.inf) -> dict[str, np.ndarray]:
    """Seconds per call of each contender in each round: {name: (rounds,)}, NaN in a round that it sat out.

    calls : {name: function without arguments}
    rng : draws the order of each round
    shortest : seconds that one sample lasts at least, by as many calls as it takes
    budget : seconds that a contender may use; a slower one takes part in every 2nd, 4th, 8th, ...
        round only (but in three at least), so that any two contenders meet in the rounds of the rarer one

    >>> samples = interleaved({"a": sum, "b": max}, 4, np.random.default_rng(0), clock=lambda call, n: n * (2.0 if call is sum else 1.0))
    >>> samples["a"].tolist(), ratio(samples["a"], samples["b"])["median"]
    ([2.0, 2.0, 2.0, 2.0], 2.0)
    """
    counts, every = {}, {}
    for name, call in calls.items():
        counts[name], seconds = _repetitions(call, clock, shortest)
        every[name] = 1
        while seconds * math.ceil(rounds / every[name]) > budget and math.ceil(rounds / (2 * every[name])) >= _FEWEST:
            every[name] *= 2
    samples = {name: np.full(rounds, np.nan) for name in calls}
    names = list(calls)
    for k in range(rounds):
        for name in (names[i] for i in rng.permutation(len(names))):
            if k % every[name] == 0:
                samples[name][k] = clock(calls[name], counts[name]) / counts[name]
    return samples


def spread(samples) -> dict:
    """Median and quartiles of the samples that are not NaN, and how many these are."""
    taken = samples[~np.isnan(samples)]
    low, median, high = np.percentile(taken, (25, 50, 75)).tolist()
    return {"median": median, "low": low, "high": high, "samples": len(taken)}


def ratio(a, b) -> dict:
    """How ``a`` compares with ``b`` in the rounds that both took part in: the spread of a/b."""
    return spread(a / b)


def text(value: float, measure: str = "seconds") -> str:
    """A time, or a number of bytes, with the unit that suits it.

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
def equal_threads(count: int):
    """Within this context BLAS, OpenMP, our kernels and every library imported so far compute with ``count`` threads.

    Gives a function that raises if one of them no longer does.
    """
    if checks.whole("threads", count) > (os.cpu_count() or 1):
        raise ArgumentError(f"threads is {count}; this machine has {os.cpu_count()} cores")
    try:
        limits = importlib.import_module("threadpoolctl").threadpool_limits
    except ImportError as error:
        raise ArgumentError("contenders get equal threads through threadpoolctl; install it with: pip install 'sdpadv-np[cli]'") from error
    present = [(sys.modules[name], *functions) for name, functions in _THREADS.items() if name in sys.modules]
    before = [getattr(module, get)() for module, get, _ in present]

    def still():
        for module, get, _ in present:
            if (now := getattr(module, get)()) != count:
                raise Error(f"{module.__name__} has changed from {count} to {now} threads during the benchmark; its times would not be comparable")

    with limits(count):
        try:
            for module, _, put in present:
                getattr(module, put)(count)
            yield still
        finally:
            for (module, _, put), value in zip(present, before):
                getattr(module, put)(value)
