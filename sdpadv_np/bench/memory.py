"""How much memory does a training step need, how does it grow with the number of images, and does it grow with time?

Every measurement is made in a new process (memory_child.py); peaks of steps are measured several times.
"""
from __future__ import annotations

import functools
import json
import os
import subprocess
import sys

from ..errors import Error
from . import train
from .jobs import Candidate, Job
from .runner import Benchmark

FUNCTIONS = ("Model A logits", "SdpAdv's generator", "PGD on Model B")
_COUNTS = (250, 1000, 4000, 16000)
_STEPS, _QUICK_STEPS = 10_000, 200


def _process(request: str) -> dict:
    """The answer of memory_child.py.

    Large arrays get pages of their own (MALLOC_MMAP_THRESHOLD_): freed ones are not resident any more, unwritten
    ones not yet.
    """
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "MALLOC_MMAP_THRESHOLD_": str(2**16)}
    command = [sys.executable, "-m", f"{__package__}.memory_child", request]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise Error(f"the process failed: {done.stderr.strip().splitlines()[-1]}")
    answer = json.loads(done.stdout)
    if "inapplicable" in answer:
        raise NotImplementedError(answer["inapplicable"])
    return answer


_once = functools.cache(_process)


def _request(settings, work: str, **more) -> str:
    """The search path for modules, which contenders may be on, goes along."""
    common = {"path": sys.path, "threads": settings.threads, "seed": settings.seed}
    return json.dumps({"work": work, **common, **more})


def _measured(name: str, job: Job) -> Candidate:
    """A candidate that asks a process for its memory; ``name`` is one of ours, or a contender's MODULE:FUNCTION."""
    ask, read = job.parameters["ask"], job.parameters.get("read", lambda answer: answer["bytes"])
    return Candidate(lambda: float(read(ask(name))), lambda answer: {})


def _job(case: str, task: str, ours: tuple, parameters: dict, scan=None) -> Job:
    return Job(case, task, "memory", {name: functools.partial(_measured, name) for name in ours},
               parameters=parameters, scan=scan)


def _step_request(settings, case: str, name: str) -> str:
    return _request(settings, "step", case=case, candidate=name, quick=settings.quick)


def _steps(case: str, settings):
    """The peak of a training step of `sdpadv bench train`."""
    ask = _once if settings.quick else _process
    parameters = {"ask": lambda name: ask(_step_request(settings, case, name))}
    yield _job(train.CASES[case][0], "peak of a step", ("ours", "ours eager"), parameters)


def _images(settings):
    """The peak of functions that work in batches, against the number of images."""
    for function in FUNCTIONS:
        for count in (50, 100) if settings.quick else _COUNTS:
            request = _request(settings, "images", function=function, count=count)
            ask = functools.partial(_images_answer, request)
            yield _job(function, "peak beside images and result", ("ours",), {"ask": ask}, ("images", count))


def _images_answer(request: str, name: str) -> dict:
    if name != "ours":
        raise NotImplementedError("this job is for ours alone")
    return _once(request)


def _growth_answer(settings, name: str) -> dict:
    count = _QUICK_STEPS if settings.quick else _STEPS
    return _once(_request(settings, "growth", candidate=name, count=count))


def _growth(settings):
    """The resident set along many steps; each candidate's is measured in one process, which answers once."""
    count = _QUICK_STEPS if settings.quick else _STEPS
    for done in range(0, count + 1, count // 10):
        parameters = {"ask": functools.partial(_growth_answer, settings),
                      "read": functools.partial(lambda done, answer: answer["resident"][str(done)], done)}
        yield _job("SdpAdv on 4x4 images", "resident", ("ours",), parameters, ("steps", done))


def _tables(settings):
    """The plans' own figures, and the growth as numbers."""
    tables: list[tuple] = []
    plans = [(case, _once(_step_request(settings, case, "ours"))) for case in settings.cases if case in train.CASES]
    if plans:
        rows = [(train.CASES[case][0], f"{answer['plan'] / 1e6:.2f} MB", str(answer["calls"]),
                 f"{answer['recording'] / 1e6:.1f} MB") for case, answer in plans]
        heading = "Plans: their own figures (Plan.bytes, Plan.calls), and the memory for recording them"
        tables.append((heading, ("step", "buffers", "calls", "peak of recording and verifying"), rows))
    if "growth" in settings.cases:
        count = _QUICK_STEPS if settings.quick else _STEPS
        columns = ("by", "resident at first", f"after {count:,} steps", "in their second half",
                   f"traced allocations in {count // 10:,} more", "Python objects left by these")
        heading = f"Growth over {count:,} steps of SdpAdv on images of 4x4, the cycle collector off at the end"
        rows = [_growth_row(settings, name) for name in ("ours", *settings.contenders)]
        tables.append((heading, columns, [row for row in rows if row]))
    return tables


def _growth_row(settings, name):
    try:
        answer = _growth_answer(settings, name)
    except (Error, NotImplementedError):  # listed as missing, with the reason
        return None
    along = list(answer["resident"].values())
    return (name.rpartition("=")[0] or name, f"{along[0] / 1e6:.1f} MB", f"{(along[-1] - along[0]) / 1e6:+.2f} MB",
            f"{(along[-1] - along[len(along) // 2]) / 1e6:+.2f} MB", f"{answer['traced'] / 1e3:+.1f} kB",
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
