"""What one process needs: run as ``python -m sdpadv_np.bench.memory_child JSON``, prints JSON. Used by memory.py.

The resident set is read from /proc, so this needs Linux. Every measurement comes after a run of the
same kind: what compiling and loading need is not counted.
"""
from __future__ import annotations

import ctypes
import functools
import gc
import json
import sys
import tracemalloc
from pathlib import Path

import numpy as np

from ..attacks import PGD
from . import scans, steps, timing, torch_steps, torches, train

_STEPS = 20  # what a step leaves behind for the next ones has piled up by then, if it does
_FIRST = 100  # images, so that every kernel is loaded that more of them need


def resident(which: str = "VmRSS") -> int:
    """Bytes of the process in memory now, or the most there were (VmHWM) since :func:`forget_peak`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(which):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {which}")


def forget_peak() -> int:
    """Give back what is free, start the count of the peak anew, and return what is resident."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return resident()


def step(case: str, contender: str, seed: int, batch: int) -> dict:
    """The most that twenty training steps need beside images and weights: gradients, moments, intermediate results, our plan.

    Of a plan there are also its own figures, and the most that recording and verifying it took.
    """
    _, make, (program, _), _ = train.CASES[case]

    def contend():
        made, numbers = make(batch, seed), steps.batches(len(steps.images()[0]), batch, seed)
        if contender.startswith("ours"):
            return made[0], functools.partial(steps.ours, lambda: made, numbers, plan=contender == "ours")
        theirs = program(torches.load([contender])[0][contender], made[0], True)
        return made[0], functools.partial(theirs.contender, numbers)

    contend()[1]().call()
    task, begin = contend()
    before = forget_peak()
    measured = begin()
    recording = resident("VmHWM") - before
    forget_peak()
    for _ in range(_STEPS):
        measured.call()
    plan = {"plan": task.plan.bytes, "calls": task.plan.calls, "recording": recording} if contender == "ours" else {}
    return {"bytes": resident("VmHWM") - before, **plan}


def images(function: str, count: int, seed: int) -> dict:
    """The most that a function of images needs beside the images and its result."""
    (task, _), x = steps.sdpadv("A" if function == "Model A logits" else "B", 1, seed), np.random.default_rng(seed).random((count, 1, 28, 28), np.float32)
    call = {"Model A logits": task.classifier.logits, "SdpAdv's generator": task.generator, "PGD on Model B": PGD(task.classifier, eps=0.1, steps=2)}[function]
    call(x[:_FIRST])
    before = forget_peak()
    result = call(x)
    return {"bytes": resident("VmHWM") - before - result.nbytes}


def growth(contender: str, seed: int, count: int) -> dict:
    """Resident bytes along ``count`` steps of SdpAdv on images of 4x4; then, over a tenth as many more, what Python's objects do."""
    start, numbers = functools.partial(scans.sdpadv, 4, 8, seed), [np.arange(8)]
    call = (steps.ours(start, numbers) if contender == "ours" else torch_steps.SdpAdvStep(torches.load([contender])[0][contender], start()[0], True).contender(numbers)).call
    timing.wall(call, max(count // 100, 1))
    forget_peak()
    along = {0: resident()}
    for done in range(count // 10, count + 1, count // 10):
        timing.wall(call, count // 10)
        along[done] = resident()
    gc.collect()
    gc.disable()  # what only the cycle collector could free is counted
    tracemalloc.start()
    timing.wall(call, count // 10)  # until Python's free lists have been filled under its eyes
    objects, traced = len(gc.get_objects()), tracemalloc.get_traced_memory()[0]
    timing.wall(call, count // 10)
    return {"resident": along, "objects": len(gc.get_objects()) - objects, "traced": tracemalloc.get_traced_memory()[0] - traced}


def main(request: str) -> None:
    asked = json.loads(request)
    threads, function = asked.pop("threads"), {f.__name__: f for f in (step, images, growth)}[asked.pop("work")]
    torches.load([asked.get("contender", "")])
    with timing.equal_threads(threads):
        print(json.dumps(function(**asked)))


if __name__ == "__main__":
    main(sys.argv[1])
