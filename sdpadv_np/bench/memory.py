"""How much memory does a training step need, what grows with the number of images, and does anything grow with time?

Every measurement is a process of its own (memory_child.py); peaks of steps are measured several times.
"""
from __future__ import annotations

import functools
import json
import os
import subprocess
import sys

from ..errors import Error
from . import torches, train
from .runner import Contender, Job, Question

FUNCTIONS = ("Model A logits", "SdpAdv's generator", "PGD on Model B")
_COUNTS = (250, 1000, 4000, 16000)
_STEPS, _QUICK_STEPS = 10_000, 200


@functools.lru_cache(maxsize=None)
def _once(request: str) -> dict:
    return _process(request)


def _process(request: str) -> dict:
    """What memory_child.py answers. Larger arrays get pages of their own, so that what is freed is no longer resident and what was never written not yet."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "MALLOC_MMAP_THRESHOLD_": str(2**16)}
    done = subprocess.run([sys.executable, "-m", f"{__package__}.memory_child", request], capture_output=True, text=True, env=environment)
    if done.returncode:
        raise Error(f"the process failed: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout)


def _request(settings, work: str, **more) -> str:
    return json.dumps({"work": work, "threads": settings.threads, "seed": settings.seed, **more})


def _step_request(settings, case: str, name: str) -> str:
    return _request(settings, "step", case=case, contender=name, batch=16 if settings.quick else train.CASES[case][3])


def _contender(process, request: str, read=lambda answer: answer["bytes"]) -> Contender:
    return Contender(lambda: float(read(process(request))), lambda answer: {})


def _steps(case: str, settings, peers):
    """The peak of a training step, for each case of `sdpadv bench train`."""
    title = train.CASES[case][0]
    names = ("ours", "ours eager", *(name for name in peers if name != "torch.channels_last" or title in train.CONVOLUTIONS))
    process = _once if settings.quick else _process
    makers = {name: functools.partial(_contender, process, _step_request(settings, case, name)) for name in names}
    yield Job(title, "peak of a step", makers)


def _images(settings, peers):
    """The peak of functions that work in batches, against the number of images."""
    for function in FUNCTIONS:
        for count in (50, 100) if settings.quick else _COUNTS:
            make = functools.partial(_contender, _once, _request(settings, "images", function=function, count=count))
            yield Job(function, "peak beside images and result", {"ours": make}, scan=("images", count))


def _growth_request(settings, contender):
    return _request(settings, "growth", contender=contender, count=_QUICK_STEPS if settings.quick else _STEPS)


def _growth(settings, peers):
    """The resident set along many steps; each contender's is one process, asked once."""
    count = _QUICK_STEPS if settings.quick else _STEPS
    for done in range(0, count + 1, count // 10):
        makers = {name: functools.partial(_contender, _once, _growth_request(settings, name), functools.partial(_resident_after, done)) for name in _growing(peers)}
        yield Job("SdpAdv on 4x4 images", "resident", makers, scan=("steps", done))


def _resident_after(done, answer):
    return answer["resident"][str(done)]


def _tables(settings, peers):
    """What the plans say of themselves, and what grew, in figures."""
    found = []
    if plans := [(case, _once(_step_request(settings, case, "ours"))) for case in settings.cases if case in train.CASES]:
        rows = [(train.CASES[case][0], f"{answer['plan'] / 1e6:.2f} MB", str(answer["calls"]), f"{answer['recording'] / 1e6:.1f} MB") for case, answer in plans]
        found.append(("Plans, by their own account (Plan.bytes, Plan.calls), and what making them takes", ("step", "buffers", "calls", "peak of recording and verifying"), rows))
    if "growth" in settings.cases:
        count = _QUICK_STEPS if settings.quick else _STEPS
        columns = ("by", "resident at first", f"after {count:,} steps", "in their second half", f"traced allocations in {count // 10:,} more", "Python objects left by these")
        rows = [_growth_row(name, _once(_growth_request(settings, name))) for name in _growing(peers)]
        found.append((f"Growth over {count:,} steps of SdpAdv on images of 4x4, the cycle collector off at the end", columns, rows))
    return found


def _growth_row(name, answer):
    along = list(answer["resident"].values())
    return (name, f"{along[0] / 1e6:.1f} MB", f"{(along[-1] - along[0]) / 1e6:+.2f} MB", f"{(along[-1] - along[len(along) // 2]) / 1e6:+.2f} MB",
            f"{answer['traced'] / 1e3:+.1f} kB", f"{answer['objects']:+d}")


def _growing(peers):
    return "ours", *(name for name in peers if name == "torch")


QUESTION = Question(
    name="memory",
    title="Memory of training steps and attacks",
    asks="memory: the peak of a step, of evaluation and attacks against the number of images, growth over 10,000 steps",
    cases={**{name: functools.partial(_steps, name) for name in train.CASES}, "images": _images, "growth": _growth},
    quick=("model-b", "images", "growth"),
    peers=("torch", "torch.channels_last"),
    default_peers=("torch", "torch.channels_last"),
    load=torches.load,
    against=("torch", "torch.channels_last"),
    clocks=("told",),
    measure="bytes",
    extras=_tables,
    effort={"rounds": 3, "budget": 1e18},  # no limit; of bytes
    quick_effort={"rounds": 1, "budget": 1e18},
)
