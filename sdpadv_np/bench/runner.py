"""What every question shares: contenders are made, checked against each other, and only then timed in turns.

A question is a list of :class:`Job`. A job names its contenders, each by a function that makes it;
the first one says what the results must be. One that cannot be made, or fails, is named with the
reason and the others go on; one that computes something else ends the benchmark.
"""
from __future__ import annotations

import gc
import time
from dataclasses import asdict, dataclass, field
from typing import Callable

import numpy as np

from .. import checks, xp
from ..errors import ArgumentError, Error
from ..storage.provenance import provenance
from . import goals, timing


class Inapplicable(Exception):
    """This library has no such function."""


@dataclass(frozen=True)
class Contender:
    """``call()`` is what is timed; ``read(call())`` is its results as the reference gives them (CuPy or NumPy arrays).

    ``tolerance`` is that of its results, where the contender rounds more than float32 does.
    """

    call: Callable
    read: Callable = lambda results: results
    tolerance: float = 0.0


def absent(reason: str) -> Callable:
    """The maker of a contender that there cannot be."""

    def make():
        raise Inapplicable(reason)

    return make


@dataclass
class Prepared:
    """Contenders that ran once and were right, and why the others are not among them."""

    calls: dict = field(default_factory=dict)
    first: dict = field(default_factory=dict)  # seconds of the first call
    differences: dict = field(default_factory=dict)  # from the reference
    missing: dict = field(default_factory=dict)
    inapplicable: dict = field(default_factory=dict)


def prepare(makers: dict, check: Callable, wait: Callable = lambda: None) -> Prepared:
    """Make each contender, run it once, and let ``check(name, contender, results)`` give its difference or raise.

    ``wait()`` returns when the device has finished.
    """
    prepared = Prepared()
    for name, make in makers.items():
        try:
            contender = make()
            start = time.perf_counter()
            results = contender.call()
            wait()
        except Inapplicable as reason:
            prepared.inapplicable[name] = str(reason)
        except Exception as error:  # whatever a library raises where it cannot do the task: named in the table, and the others go on
            prepared.missing[name] = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        else:
            prepared.calls[name], prepared.first[name] = contender.call, time.perf_counter() - start
            prepared.differences[name] = check(name, contender, results)
            del results
    return prepared


@dataclass(frozen=True)
class Job:
    """One line of a question: a case and a task, and who takes part.

    makers : {name: function that makes the Contender}; ``read`` of each gives {what: array}, the
        first one's is the reference
    tolerance : the largest relative difference (in the 2-norm) of any array; ``tolerances`` has those of particular ones
    units : pieces of work in a call; every time is per piece
    missing : {name: reason} of those that are known not to take part
    scan : (what grows, its value) of a point in a curve, which stands in the plot and not in the tables
    """

    case: str
    task: str
    makers: dict
    tolerance: float = 1e-4
    tolerances: dict = field(default_factory=dict)
    units: int = 1
    missing: dict = field(default_factory=dict)
    scan: tuple | None = None

    @property
    def title(self) -> str:
        return f"{self.case}, {self.task}"


@dataclass(frozen=True)
class Settings:
    """Everything that a run depends on; made by :meth:`Question.resolve`."""

    cases: tuple[str, ...]
    peers: tuple[str, ...]
    rounds: int
    budget: float  # seconds of one contender in one job
    shortest: float = 2e-3  # seconds of one sample at least, by as many calls one after the other as it takes
    quick: bool = False
    scan: bool = False
    clock: str = "wall"
    threads: int = 1
    seed: int = 0


@dataclass(frozen=True)
class Question:
    """What is asked, of whom.

    cases : {name: function(settings, peers) -> its jobs}; ``peers`` is {name: adapter} of those found
    quick, scans : names of the cases of --quick, and of those that only --scan adds
    load : function(names, threads) -> ({name: adapter}, {name: why it is missing}, {library: version})
    against : contenders that ours are compared with
    clocks : names in timing.CLOCKS
    effort, quick_effort : {"rounds", "budget", "shortest"} of a full run, and with --quick
    """

    name: str
    title: str
    asks: str
    cases: dict
    quick: tuple[str, ...]
    peers: tuple[str, ...]
    default_peers: tuple[str, ...]
    load: Callable
    against: tuple[str, ...]
    goals: tuple[goals.Goal, ...] = ()
    scans: tuple[str, ...] = ()
    clocks: tuple[str, ...] = ("wall", "cpu")
    measure: str = "seconds"  # or bytes
    extras: Callable | None = None  # function(settings, peers) -> further tables, (heading, columns, rows) each
    effort: dict = field(default_factory=lambda: {"rounds": 25, "budget": 8.0})
    quick_effort: dict = field(default_factory=lambda: {"rounds": 3, "budget": 0.1})

    def resolve(self, quick: bool = False, scan: bool = False, **given) -> Settings:
        """The defaults, with what is given (and not None) in their place."""
        given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items() if value is not None}
        cases = self.quick if quick else tuple(name for name in self.cases if name not in self.scans)
        effort = self.quick_effort if quick else self.effort
        settings = Settings(**{"cases": cases + (self.scans if scan else ()), "peers": self.default_peers, **effort, "quick": quick, "scan": scan, "clock": self.clocks[0], **given})
        for name, known in (("cases", self.cases), ("peers", self.peers)):
            for value in getattr(settings, name):
                if value not in known:
                    raise ArgumentError(f"{name}: there is no {value!r}; choose among {', '.join(known)}")
        for name, low in (("rounds", 1), ("threads", 1), ("seed", 0)):
            checks.whole(name, getattr(settings, name), low)
        checks.choice("clock", settings.clock, self.clocks)
        return settings

    def run(self, settings: Settings, say=print) -> dict:
        """Measure everything that ``settings`` ask for; returns the record of it. ``say`` is given one line of progress per job."""
        found, missing, versions = self.load(settings.peers, settings.threads)
        missing = {name: reason for name, reason in missing.items() if name in self.peers}
        for name, reason in missing.items():
            say(f"missing: {name}: {reason}")
        results = []
        with timing.equal_threads(settings.threads) as still_equal:
            for case in settings.cases:
                for job in self.cases[case](settings, found):
                    result = measure(job, settings, self.against, missing, self.measure)
                    still_equal()
                    result["goals"] = [goals.judge(goal, result) for goal in self.goals if not settings.quick and (goal.case, goal.task) == (job.case, job.task)]
                    say(job.title + ("" if job.scan is None else f" ({job.scan[1]} {job.scan[0]})") + ": " + ", ".join(f"{name} {timing.text(c[self.measure]['median'], self.measure)}" for name, c in result["contenders"].items()))
                    for name in result["missing"].keys() - missing.keys():
                        say(f"  missing: {name}: {result['missing'][name]}")
                    results.append(result)
            tables = self.extras(settings, found) if self.extras else []
        return {"question": self.name, "title": self.title, "against": list(self.against), "measure": self.measure, "settings": asdict(settings),
                "device": "CPU", "peers": versions, "made": provenance(), "results": results, "tables": tables}


RATIOS = {"seconds": "times_as_fast_as", "bytes": "times_as_small_as"}


def measure(job: Job, settings: Settings, against=(), missing=None, what: str = "seconds") -> dict:
    """One job: every contender made, run once, checked, and then measured in turns."""
    reference: dict = {}

    def check(name, contender, results):
        got = {what: xp.to_numpy(array) for what, array in contender.read(results).items()}
        if not reference:
            reference.update({what: np.array(array, np.float64) for what, array in got.items()})
        return _difference(name, job, got, reference, next(iter(job.makers)), contender.tolerance)

    prepared = prepare(job.makers, check)
    if next(iter(job.makers)) not in prepared.calls:
        reasons = prepared.missing | prepared.inapplicable
        raise Error(f"{job.title}: {next(iter(job.makers))}, which the others are compared with, fails: {reasons[next(iter(job.makers))]}")
    reference.clear()
    gc.collect()
    samples = timing.interleaved(prepared.calls, settings.rounds, np.random.default_rng(settings.seed), timing.CLOCKS[settings.clock], settings.shortest, settings.budget)
    contenders = {
        name: {
            what: timing.spread(own / job.units), "first_call_seconds": prepared.first[name], "difference_from_reference": prepared.differences[name],
            RATIOS[what]: {peer: timing.ratio(samples[peer], own) for peer in against if peer in samples},
        }
        for name, own in samples.items()
    }
    return {"case": job.case, "task": job.task, "title": job.title, "scan": job.scan, "contenders": contenders,
            "missing": {**(missing or {}), **job.missing, **prepared.missing}, "inapplicable": prepared.inapplicable}


def _difference(name, job, got: dict, reference: dict, reference_name: str, own_tolerance: float) -> float:
    """The largest relative difference; raises if it is too large, or what was computed is something else."""
    refused = "a benchmark of wrong results is refused"
    if got.keys() != reference.keys():
        raise Error(f"{name} gives {', '.join(got)} in {job.title}, {reference_name} gives {', '.join(reference)}; {refused}")
    largest = 0.0
    for what, true in reference.items():
        if got[what].shape != true.shape:
            raise Error(f"{name} gives {what} of {job.title} the shape {list(got[what].shape)}, expected {list(true.shape)}; {refused}")
        difference = float(np.linalg.norm(got[what] - true) / max(np.linalg.norm(true), 1e-30))
        allowed = max(job.tolerances.get(what, job.tolerance), own_tolerance)
        if not difference <= allowed:  # NaN is refused as well
            raise Error(f"{name} differs from {reference_name} by {difference:.2g} in {what} of {job.title} (allowed {allowed:g}); {refused}")
        largest = max(largest, difference)
    return largest
