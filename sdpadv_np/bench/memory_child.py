"""The memory that one process needs: run as ``python -m sdpadv_np.bench.memory_child JSON``, prints JSON for memory.py.

The resident set is read from /proc, so this needs Linux. Every measurement follows a run of the same kind, so that
memory for compiling and loading is not counted.
"""
from __future__ import annotations

import ctypes
import functools
import gc
import json
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..attacks import PGD
from . import contenders, scans, steps, timing, train

_STEPS = 20  # so many that memory which steps leave behind has accumulated
_FIRST = 100  # images, so that every kernel that more images need is loaded


def resident(which: str = "VmRSS") -> int:
    """Bytes of the process in memory now, or the most there were (VmHWM) since :func:`forget_peak`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(which):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {which}")


def forget_peak() -> int:
    """Return free memory to the system, restart the count of the peak, and return the resident bytes."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return resident()


def step(make, case: str, name: str, settings) -> dict:
    """The most that twenty training steps need beside images and weights: gradients, moments, results, our plan.

    For a plan also its own figures, and the peak of recording and verifying it.
    """
    job = train.job(case, settings)
    make = make or job.candidates[name]
    job.candidate(make).call()
    made = job.parameters["start"]()
    job = replace(job, parameters=job.parameters | {"start": lambda: made})
    measured = job.candidate(make) if name not in job.candidates else None  # a contender's copies of the weights
    before = forget_peak()
    measured = measured or job.candidate(make)
    recording = resident("VmHWM") - before
    forget_peak()
    for _ in range(_STEPS):
        measured.call()
    plan = {"plan": made[0].plan.bytes, "calls": made[0].plan.calls, "recording": recording} if name == "ours" else {}
    return {"bytes": resident("VmHWM") - before, **plan}


def images(make, function: str, count: int, settings) -> dict:
    """The most that a function of images needs beside the images and its result."""
    if make:
        raise NotImplementedError("this job is for ours alone")
    task, _ = steps.sdpadv("A" if function == "Model A logits" else "B", 1, settings.seed)
    x = np.random.default_rng(settings.seed).random((count, 1, 28, 28), np.float32)
    call = {"Model A logits": task.classifier.logits, "SdpAdv's generator": task.generator,
            "PGD on Model B": PGD(task.classifier, eps=0.1, steps=2)}[function]
    call(x[:_FIRST])
    before = forget_peak()
    result = call(x)
    return {"bytes": resident("VmHWM") - before - result.nbytes}


def growth(make, count: int, settings) -> dict:
    """Resident bytes along ``count`` steps of SdpAdv on 4x4 images; growth of Python objects in a tenth more."""
    job = scans.step_job("SdpAdv on 4x4 images", 4, 8, settings.seed, ("steps", count))
    call = job.candidate(make or job.candidates["ours"]).call
    timing.wall(call, max(count // 100, 1))
    forget_peak()
    along = {0: resident()}
    for done in range(count // 10, count + 1, count // 10):
        timing.wall(call, count // 10)
        along[done] = resident()
    gc.collect()
    gc.disable()  # so that objects which only the cycle collector could free are counted
    tracemalloc.start()
    timing.wall(call, count // 10)  # until Python's free lists are filled while it traces
    objects, traced = len(gc.get_objects()), tracemalloc.get_traced_memory()[0]
    timing.wall(call, count // 10)
    return {"resident": along, "objects": len(gc.get_objects()) - objects,
            "traced": tracemalloc.get_traced_memory()[0] - traced}


def main(text: str) -> None:
    request = json.loads(text)
    work, path, threads, seed = (request.pop(name) for name in ("work", "path", "threads", "seed"))
    sys.path += [folder for folder in path if folder not in sys.path]
    settings = train.BENCHMARK.resolve(request.pop("quick", False), threads=threads, seed=seed)
    name = request.pop("candidate", "ours")
    contender = contenders.load(name) if ":" in name else None
    with timing.equal_threads(threads, [contender.module] if contender else []):
        measures: dict[str, Callable[..., dict]] = {
            "step": functools.partial(step, name=name), "growth": growth, "images": images,
        }
        try:
            answer = measures[work](make=contender and contender.function, settings=settings, **request)
        except NotImplementedError as error:
            answer = {"inapplicable": str(error)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1])
