"""Jobs of a benchmark and their candidates: how these are prepared, checked and timed in turns.

A candidate that cannot be made, or fails, is listed with the reason and the others go on; one that gives wrong results
ends the benchmark.
"""
from __future__ import annotations

import gc
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from .. import xp
from ..errors import ArgumentError, Error
from . import devices, timing

RATIOS = {"seconds": "times_as_fast_as", "bytes": "times_as_small_as"}


@dataclass(frozen=True)
class Settings:
    """All parameters of a run; made by :meth:`Benchmark.resolve`."""

    cases: tuple[str, ...]
    rounds: int
    budget: float  # seconds of one candidate in one job
    shortest: float  # minimum length of one sample in seconds
    contenders: tuple[str, ...] = ()  # [NAME=]MODULE:FUNCTION
    quick: bool = False
    scan: bool = False
    clock: str = "wall"
    device: str = "cpu"
    threads: int = 1
    seed: int = 0
    options: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """``call()`` is timed; ``read(call())`` gives its results.

    Results are a dict of arrays by name, a sequence of arrays in the order of the reference's, or a single array.

    tolerance : of its results, where it rounds more than float32 does
    """

    call: Callable
    read: Callable = lambda results: results
    tolerance: float = 0.0


@dataclass(frozen=True)
class Job:
    """One operation on given inputs, and what a contender is called with.

    operation : "affine_sample", "conv2d", ...
    task : "forward", "forward+backward", ...
    candidates : {name: function(job) -> Candidate, or a function without arguments}; ours, the reference first
    inputs : {name: array} on the device of the benchmark
    parameters : {name: value}
    tolerance : the largest relative difference (2-norm) of a result; ``tolerances`` has those of particular results
    units : pieces of work in a call; every time is per piece
    missing : {name: reason} of candidates of ours that cannot be used here
    scan : (quantity, value) of a point of a curve, which is drawn and not listed in the tables
    reference : function() -> (indices, {name: array}): the correct results at these indices of the first axis, which
        ends with the last; None: the results of the first candidate
    bytes : the least that must be moved in memory: a copy of as many bytes is timed as well
    pixels : for the time per pixel
    """

    case: str
    task: str
    operation: str
    candidates: dict
    inputs: dict = field(default_factory=dict)
    parameters: dict = field(default_factory=dict)
    tolerance: float = 1e-4
    tolerances: dict = field(default_factory=dict)
    units: int = 1
    missing: dict = field(default_factory=dict)
    scan: tuple | None = None
    reference: Callable | None = None
    bytes: int = 0
    pixels: int = 0

    @property
    def title(self) -> str:
        return f"{self.case}, {self.task}"

    def candidate(self, make: Callable) -> Candidate:
        """The candidate that ``make``, ours or a contender, prepares for this job."""
        made = make(self)
        return made if isinstance(made, Candidate) else Candidate(made)


def measure(job: Job, settings: Settings, contenders: dict, against=(), what="seconds", device=devices.CPU) -> dict:
    """One job: every candidate is made, run once and checked; then they are measured in turns.

    contenders : {name: function(job) -> Candidate, or a function without arguments}
    against : names of those that all are compared with
    """
    for name in contenders.keys() & (job.candidates.keys() | {"copy"}):
        raise ArgumentError(f"contender {name!r} has the name of one of ours; write NAME={name} with another NAME")
    job = replace(job, inputs={name: device.array(array) for name, array in job.inputs.items()})
    calls, first, differences, failed, inapplicable = _prepare(job, job.candidates | contenders, device)
    gc.collect()
    if job.bytes:
        source, target = (device.array(np.full(job.bytes // 2, value, np.uint8)) for value in (1, 0))
        calls["copy"] = lambda: device.copy(target, source)
    clock, rng = device.clock or timing.CLOCKS[settings.clock], np.random.default_rng(settings.seed)
    samples = timing.interleaved(calls, settings.rounds, rng, clock, settings.shortest, settings.budget)
    copied = samples.pop("copy", None)
    measured = {}
    for name, own in samples.items():
        spread = timing.spread(own / job.units)
        measured[name] = {
            what: spread, "first_call_seconds": first[name], "difference_from_reference": differences[name],
            RATIOS[what]: {peer: timing.ratio(samples[peer], own) for peer in against if peer in samples},
        }
        if job.pixels:
            measured[name]["ns_per_pixel"] = 1e9 * spread["median"] / job.pixels
        if copied is not None:
            measured[name]["share_of_copy"] = timing.ratio(copied, own)
    memory = {} if copied is None else {"bytes": job.bytes, "copy_seconds": timing.spread(copied)}
    return {"case": job.case, "task": job.task, "title": job.title, "scan": job.scan, "ours": list(job.candidates),
            "contenders": measured, "missing": job.missing | failed, "inapplicable": inapplicable, **memory}


def _prepare(job: Job, candidates: dict, device) -> tuple[dict, dict, dict, dict, dict]:
    """({name: call}, {name: seconds of the first call}, {name: difference}, {name: error}, {name: reason})."""
    calls, first, differences, failed, inapplicable = {}, {}, {}, {}, {}
    indices, reference = job.reference() if job.reference else (None, None)
    untouched = {name: np.array(xp.to_numpy(array)) for name, array in job.inputs.items()}
    reference_name = "the reference" if job.reference else next(iter(candidates))
    for name, make in candidates.items():
        try:
            candidate = job.candidate(make)
            start = time.perf_counter()
            results = candidate.call()
            device.wait()
            seconds = time.perf_counter() - start
            got = _by_name(candidate.read(results), reference or {})
        except NotImplementedError as reason:
            inapplicable[name] = str(reason)
        except Exception as error:  # a candidate may fail in any way: it is listed, and the others go on
            at = traceback.extract_tb(error.__traceback__)[-1]
            place = f" ({at.filename.rpartition('/')[2]}, line {at.lineno})" if name not in job.candidates else ""
            failed[name] = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}{place}"
        else:
            if reference is None:
                reference = {key: np.array(array) for key, array in got.items()}
            calls[name], first[name] = candidate.call, seconds
            _check_untouched(job, untouched, name)
            differences[name] = _difference(name, job, got, reference, indices, reference_name, candidate.tolerance)
        if reference is None:
            raise Error(f"{job.title}: {name}, which the others are compared with, fails: "
                        f"{(failed | inapplicable)[name]}")
    return calls, first, differences, failed, inapplicable


def _check_untouched(job: Job, untouched: dict, name: str) -> None:
    """Raise an Error, which names the culprit, if an input is no longer as it was."""
    for key, array in untouched.items():
        if not np.array_equal(xp.to_numpy(job.inputs[key]), array):
            raise Error(f"{name} changes its input {key} in {job.title}; leave the inputs as they are")


def _by_name(results, reference: dict) -> dict:
    """Results as {name: float64 array}; a sequence, or a single array, gets the names of the reference's."""
    if not isinstance(results, dict):
        results = results if isinstance(results, (tuple, list)) else (results,)
        if len(results) != len(reference):
            raise ValueError(f"{len(results)} results, expected {len(reference)}: {', '.join(reference)}")
        results = dict(zip(reference, results))
    found = {name: np.asarray(xp.to_numpy(array)) for name, array in results.items()}
    for name, array in found.items():
        if array.dtype.kind not in "fiub":
            raise TypeError(f"{name} has dtype {array.dtype}, expected real numbers")
    return {name: array.astype(np.float64) for name, array in found.items()}


def _difference(name, job, got: dict, reference: dict, indices, reference_name: str, own_tolerance: float) -> float:
    """The largest relative difference; raises an Error if it is too large, or names or shapes differ."""
    refused, largest = "a benchmark of wrong results is refused", 0.0
    if got.keys() != reference.keys():
        raise Error(f"{name} gives {', '.join(got)} in {job.title}, {reference_name} gives {', '.join(reference)}; "
                    f"{refused}")
    for key, true in reference.items():
        shape = true.shape if indices is None else (indices[-1] + 1, *true.shape[1:])
        if got[key].shape != shape:
            raise Error(f"{name} gives {key} of {job.title} the shape {list(got[key].shape)}, "
                        f"expected {list(map(int, shape))}; {refused}")
        found = got[key] if indices is None else got[key][indices]
        difference = float(np.linalg.norm(found - true) / max(np.linalg.norm(true), 1e-30))
        allowed = max(job.tolerances.get(key, job.tolerance), own_tolerance)
        if not difference <= allowed:  # NaN is refused as well
            raise Error(f"{name} differs from {reference_name} by {difference:.2g} in {key} of {job.title} "
                        f"(allowed {allowed:g}); {refused}")
        largest = max(largest, difference)
    return largest
