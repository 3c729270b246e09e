"""Timing in turns, on a clock that the test controls."""
import math
import time

import numpy as np
import pytest

from sdpadv_np.bench import timing
from sdpadv_np.errors import ArgumentError, Error
from sdpadv_np.kernels.runtime import threads


class Clock:
    """Each candidate is the number of seconds that one call takes; the machine slows down as time goes on."""

    def __init__(self, drift=0.0):
        self.calls, self.drift = [], drift

    def __call__(self, seconds, count):
        self.calls.append((seconds, count))
        return seconds * count * (1 + self.drift * len(self.calls))


def test_a_sample_lasts_long_enough_by_repetition():
    clock = Clock()
    samples = timing.interleaved({"fast": 1e-5, "slow": 0.1}, 4, np.random.default_rng(0), clock, shortest=2e-3)
    counts = dict(clock.calls)  # the last, that is, those of the rounds
    assert counts[0.1] == 1 and 2e-3 <= counts[1e-5] * 1e-5 < 4e-3
    np.testing.assert_allclose(samples["fast"], 1e-5)
    np.testing.assert_allclose(samples["slow"], 0.1)


def test_a_call_below_the_clocks_resolution_ends_too():
    timing.interleaved({"nothing": 1e-12}, 1, np.random.default_rng(0), Clock())


def test_each_round_has_everybody_once_in_an_order_of_its_own():
    clock = Clock()
    timing.interleaved({"a": 1.0, "b": 2.0, "c": 3.0}, 20, np.random.default_rng(0), clock)
    rounds = [tuple(s for s, _ in clock.calls[3:][i : i + 3]) for i in range(0, 60, 3)]
    assert len(clock.calls) == 63 and all(sorted(r) == [1.0, 2.0, 3.0] for r in rounds) and len(set(rounds)) > 3


def test_ratios_within_a_round_bear_drift_that_times_do_not():
    samples = timing.interleaved({"a": 2.0, "b": 1.0}, 50, np.random.default_rng(0), Clock(drift=0.05))
    assert timing.ratio(samples["a"], samples["b"])["median"] == pytest.approx(2, rel=0.05)
    assert timing.spread(samples["a"])["high"] > 1.5 * timing.spread(samples["a"])["low"]


def test_the_slow_sit_out_rounds_but_never_all_and_meet_each_other():
    calls = {"quick": 0.01, "slow": 1.0, "slower": 9.0}
    samples = timing.interleaved(calls, 24, np.random.default_rng(0), Clock(), budget=8.0)
    taken = {name: set(np.flatnonzero(~np.isnan(s))) for name, s in samples.items()}
    assert len(taken["quick"]) == 24 and len(taken["slow"]) == 6 and len(taken["slower"]) == 3
    assert taken["slower"] < taken["slow"] < taken["quick"]
    assert timing.ratio(samples["slower"], samples["slow"]) == {"median": 9.0, "low": 9.0, "high": 9.0, "samples": 3}


def test_spread():
    found = timing.spread(np.array([1.0, 2.0, math.nan, 3.0, 4.0, 5.0]))
    assert found == {"median": 3.0, "low": 2.0, "high": 4.0, "samples": 5}


def test_the_wall_clock_calls_as_often_as_it_is_asked():
    calls = []
    assert timing.wall(lambda: calls.append(0), 5) > 0 and len(calls) == 5


def test_cuda_events_surround_the_calls():
    """On a stand-in for CuPy that notes its calls."""
    calls, stream = [], object()

    class Event:
        def record(self, where):
            assert where is stream
            calls.append("record")

        def synchronize(self):
            calls.append("synchronize")

    class cupy:
        class cuda:
            Stream = type("Stream", (), {"null": stream})
            get_elapsed_time = staticmethod(lambda start, stop: 1500.0)  # milliseconds

    cupy.cuda.Event = Event
    assert timing.cuda_events(cupy)(lambda: calls.append("call"), 2) == 1.5
    assert calls == ["record", "call", "call", "record", "synchronize"]


def test_threads_are_set_and_set_back():
    from threadpoolctl import threadpool_info

    before, pools = threads.get_threads(), threadpool_info()
    with timing.equal_threads(1):
        assert threads.get_threads() == 1
        assert all(pool["num_threads"] == 1 for pool in threadpool_info() if pool["user_api"] == "blas")
    assert threads.get_threads() == before
    assert [p["num_threads"] for p in threadpool_info()][: len(pools)] == [p["num_threads"] for p in pools]
    for count, words in ((0, "threads is 0"), (100_000, "this machine has")):
        with pytest.raises(ArgumentError, match=words), timing.equal_threads(count):
            pass


def test_a_library_that_changes_its_threads_under_way_ends_the_benchmark(monkeypatch):
    """Numba's first parallel kernel once set OpenMP's number of threads, and PyTorch's: it was 20 times slower."""
    with timing.equal_threads(1) as check_threads:
        check_threads()
        monkeypatch.setattr(threads._limit, "count", 2)
        with pytest.raises(Error, match="runtime.threads has changed from 1 to 2 threads"):
            check_threads()


def test_the_processors_clock_does_not_count_sleep():
    assert timing.cpu(lambda: time.sleep(0.05), 1) < 0.04 < timing.wall(lambda: time.sleep(0.05), 1)


def test_a_candidate_may_report_its_own_measure():
    samples = timing.interleaved({"a": lambda: 7.0}, 2, np.random.default_rng(0), timing.reported)
    assert samples["a"].tolist() == [7.0, 7.0]
