"""The framework of every benchmark: its cases, its settings, and the run that records every job.

A :class:`Benchmark` has cases; a case gives jobs (jobs.py); a job has candidates of ours, and every contender (see
contenders.py) is one more.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from .. import checks
from ..errors import ArgumentError
from ..storage.provenance import provenance
from . import contenders as contenders_
from . import devices, goals, timing
from .jobs import Job, Settings, measure


@dataclass(frozen=True)
class Option:
    """A further setting of one benchmark, on the command line as well."""

    default: Any
    help: str
    check: Callable  # of (name, value): raises ArgumentError
    arguments: dict = field(default_factory=dict)  # of argparse's add_argument


@dataclass(frozen=True)
class Benchmark:
    """A set of jobs, and how they are measured.

    contract : what a contender is given and must return, for --help
    cases : {name: function(settings) -> iterable of jobs}
    default_cases : {device: (names of the cases of a full run, of those with --quick)}
    scans : names of further cases, which --scan adds
    other_case : function(name) -> the same for a name that ``cases`` does not have; raises ArgumentError
    other_form : how such a name is written
    against : candidates that all others are compared with, after the contenders
    measure : "seconds" or "bytes"
    rounds, budget, shortest : of a full run, see timing.interleaved
    options : {name: Option}
    adapt : function(contender) -> function(job) -> Candidate, where a contender is not called directly
    extra_tables : function(settings) -> further tables, (heading, columns, rows) each
    """

    name: str
    title: str
    description: str
    contract: str
    cases: dict
    default_cases: dict
    against: tuple[str, ...]
    scans: tuple[str, ...] = ()
    other_case: Callable | None = None
    other_form: str = ""
    clocks: tuple[str, ...] = ("wall", "cpu")
    measure: str = "seconds"
    rounds: int = 25
    budget: float = 8.0
    shortest: float = 2e-3
    options: dict = field(default_factory=dict)
    adapt: Callable = lambda contender: contender.function
    extra_tables: Callable = lambda settings: []

    def resolve(self, quick: bool = False, scan: bool = False, device: str = "cpu", **given) -> Settings:
        """The defaults, replaced by the values of ``given`` that are not None."""
        given = {name: tuple(v) if isinstance(v, list) else v for name, v in given.items() if v is not None}
        options = {name: given.pop(name, option.default) for name, option in self.options.items()}
        checks.choice("device", device, tuple(self.default_cases))
        budget = 0.1 if quick and self.measure == "seconds" else self.budget
        values = {"cases": self.default_cases[device][quick] + (self.scans if scan else ()), "clock": self.clocks[0],
                  "rounds": min(self.rounds, 3) if quick else self.rounds, "budget": budget, "shortest": self.shortest}
        settings = Settings(**values | given, quick=quick, scan=scan, device=device, options=options)
        for name in settings.cases:
            self._case(name)
        for name, low in (("rounds", 1), ("threads", 1), ("seed", 0)):
            checks.whole(name, getattr(settings, name), low)
        checks.choice("clock", settings.clock, self.clocks)
        for name, option in self.options.items():
            option.check(name, options[name])
        names = [contenders_.load(specification).name for specification in settings.contenders]
        if len(set(names)) < len(names):
            raise ArgumentError(f"contenders are called {', '.join(names)}; "
                                "write NAME=MODULE:FUNCTION with unequal names")
        return settings

    def _case(self, name: str) -> Callable:
        if name in self.cases:
            return self.cases[name]
        if self.other_case is None:
            raise ArgumentError(f"cases: there is no {name!r}; choose among {', '.join(self.cases)}")
        return self.other_case(name)

    def jobs(self, settings: Settings) -> Iterator[Job]:
        for name in settings.cases:
            yield from self._case(name)(settings)

    def run(self, settings: Settings, say=print, aims=(), missing=None) -> dict:
        """Measure all jobs; returns the record.

        say : called with one line of progress per job
        aims : goals that are judged
        missing : {name: reason} of contenders that do not take part
        """
        device, missing = devices.find(settings.device), missing or {}
        named = [contenders_.load(specification) for specification in settings.contenders]
        against = (*(contender.name for contender in named), *self.against)
        makers, modules = {c.name: self.adapt(c) for c in named}, {c.name: c.module for c in named}
        results: list[dict] = []
        said: dict[str, str] = {}
        with timing.equal_threads(settings.threads, modules.values()) as check_threads:
            for job in self.jobs(settings):
                result = measure(job, settings, makers, against, self.measure, device)
                check_threads()
                result["goals"] = [goals.judge(a, result) for a in aims if (a.case, a.task) == (job.case, job.task)]
                point = "" if job.scan is None else f" ({job.scan[1]} {job.scan[0]})"
                medians = {name: timing.text(c[self.measure]["median"], self.measure)
                           for name, c in result["contenders"].items()}
                say(f"{job.title}{point}: " + ", ".join(f"{name} {text}" for name, text in medians.items()))
                result["missing"] = missing | result["missing"]
                for name, reason in result["missing"].items():
                    if said.get(name) != reason:
                        said[name] = reason
                        say(f"  missing: {name}: {reason}")
                results.append(result)
            tables = self.extra_tables(settings)
        versions = {name: module.__version__ for name, module in modules.items() if hasattr(module, "__version__")}
        return {"benchmark": self.name, "title": self.title, "against": list(against), "measure": self.measure,
                "settings": asdict(settings), "device": device.name, "peers": versions, "made": provenance(),
                "results": results, "tables": tables}
