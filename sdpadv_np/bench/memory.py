"""How much memory does a training step need, how does it grow with the number of images, and does it grow with time?

Every measurement is made in a new process (memory_child.py); peaks of steps are measured several times.
"""
from __future__ import annotations

import contextlib
import functools
import json
import sys

from ..errors import Error
from . import train
from .jobs import Candidate, Job
from .runner import Benchmark
from .startup import output_of

FUNCTIONS = ("Model A logits", "SdpAdv's generator", "PGD on Model B")
_COUNTS = (250, 1000, 4000, 16000)
_STEPS, _QUICK_STEPS = 10_000, 200


def _process(request: str) -> dict:
    """The answer of memory_child.py.

    Large arrays get pages of their own (MALLOC_MMAP_THRESHOLD_): freed ones are not resident any more, unwritten
    ones not yet.
    """
    environment = {"PYTHONWARNINGS": "ignore", "MALLOC_MMAP_THRESHOLD_": str(2**16)}
    answer = json.loads(output_of(["-m", f"{__package__}.memory_child", request], environment))
    if "inapplicable" in answer:
        raise NotImplementedError(answer["inapplicable"])
    return answer


_once = functools.cache(_process)


def _ask(settings, work: str, name: str, process=_once, **more) -> dict:
    """The answer of a process; ``name`` is one of ours, or a contender's MODULE:FUNCTION on today's search path."""
    common = {"path": sys.path, "threads": settings.threads, "seed": settings.seed, "quick": settings.quick}
    return process(json.dumps({"work": work, "candidate": name, **common, **more}))


def _measured(name: str, job: Job) -> Candidate:
    """A candidate that asks a process for its memory."""
    ask, read = job.parameters["ask"], job.parameters.get("read", lambda answer: answer["bytes"])
    return Candidate(lambda: float(read(ask(name))), lambda answer: {})


def _job(case: str, task: str, parameters: dict, ours: tuple = ("ours",), scan=None) -> Job:
    return Job(case, task, "memory", {name: functools.partial(_measured, name) for name in ours},
               parameters=parameters, scan=scan)


def _steps(case: str, settings):
    """The peak of a training step of `sdpadv bench train`."""
    ask = functools.partial(_ask, settings, "step", process=_once if settings.quick else _process, case=case)
    yield _job(train.CASES[case][0], "peak of a step", {"ask": ask}, ("ours", "ours eager"))


def _images(settings):
    """The peak of functions that work in batches, against the number of images."""
    for function in FUNCTIONS:
        for count in (50, 100) if settings.quick else _COUNTS:
            ask = functools.partial(_ask, settings, "images", function=function, count=count)
            yield _job(function, "peak beside images and result", {"ask": ask}, scan=("images", count))


def _growth_count(settings) -> int:
    return _QUICK_STEPS if settings.quick else _STEPS


def _growth(settings):
    """The resident set along many steps; each candidate's is measured in one process, which answers once."""
    count = _growth_count(settings)
    ask = functools.partial(_ask, settings, "growth", count=count)
    for done in range(0, count + 1, count // 10):
        read = functools.partial(lambda done, answer: answer["resident"][str(done)], done)
        yield _job("SdpAdv on 4x4 images", "resident", {"ask": ask, "read": read}, scan=("steps", done))


def _tables(settings):
    """The plans' own figures, and the growth as numbers."""
    tables: list[tuple] = []
    plans = [(train.CASES[case][0], _ask(settings, "step", "ours", case=case))
             for case in settings.cases if case in train.CASES]
    if plans:
        rows = [(title, f"{answer['plan'] / 1e6:.2f} MB", str(answer["calls"]), f"{answer['recording'] / 1e6:.1f} MB")
                for title, answer in plans]
        heading = "Plans: their own figures (Plan.bytes, Plan.calls), and the memory for recording them"
        tables.append((heading, ("step", "buffers", "calls", "peak of recording and verifying"), rows))
    if "growth" in settings.cases:
        count = _growth_count(settings)
        columns = ("by", "resident at first", f"after {count:,} steps", "in their second half",
                   f"traced allocations in {count // 10:,} more", "Python objects left by these")
        heading = f"Growth over {count:,} steps of SdpAdv on images of 4x4, the cycle collector off at the end"
        tables.append((heading, columns, list(_growth_rows(settings, count))))
    return tables


def _growth_rows(settings, count: int):
    for name in ("ours", *settings.contenders):
        with contextlib.suppress(Error, NotImplementedError):  # listed as missing, with the reason
            answer = _ask(settings, "growth", name, count=count)
            first, *_, last = along = list(answer["resident"].values())
            yield (name.rpartition("=")[0] or name, f"{first / 1e6:.1f} MB", f"{(last - first) / 1e6:+.2f} MB",
                   f"{(last - along[len(along) // 2]) / 1e6:+.2f} MB", f"{answer['traced'] / 1e3:+.1f} kB",
                   f"{answer['objects']:+d}")


BENCHMARK = Benchmark(
    name="memory",
    title="Memory of training steps and attacks",
    description="memory: the peak of a step, of evaluation and attacks against the number of images, "
                "growth over 10,000 steps",
    contract="the same contenders as in `sdpadv bench train`, each in a process of its own",
    cases={**{name: functools.partial(_steps, name) for name in train.CASES}, "images": _images, "growth": _growth},
    default_cases={"cpu": ((*train.CASES, "images", "growth"), ("model-b", "images", "growth"))},
    against=("ours eager",),
    clocks=("reported",),
    measure="bytes",
    rounds=3,
    budget=1e18,  # bytes: no limit
    adapt=lambda contender: functools.partial(_measured, contender.specification),
    extra_tables=_tables,
)
