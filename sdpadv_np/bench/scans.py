"""How time grows with the number of images and with their size: SdpAdv's generator alone, and its training step.

A contender of the generator gives x_A (N, 1, side, side) of all images of the training, ``start()[0].x``.
"""
from __future__ import annotations

import functools

import numpy as np

from ..models import Classifier, ModelB
from . import steps
from .jobs import Candidate, Job

BATCHES, SIDES = (1, 4, 16, 64, 256, 1024, 4096), (28, 56, 112, 224)
# In large images some positions lie within rounding of a whole pixel, where the sampler's derivative jumps; Adam's
# first step magnifies that.
_JUMPS = {"gradient of generator": 2e-2, "update of generator": 5e-2, "update of discriminator": 5e-2}
_COUNT = 16  # images, when the size grows
FORWARD = "generator forward"


def classifier(side: int, seed: int) -> Classifier:
    """Model B's layers for images of another size."""
    shape = (1, side, side)
    return Classifier(ModelB.layers_for(shape, 10), shape, name="model_b", seed=seed)


def sdpadv(side: int, count: int, seed: int):
    """SdpAdv's training on ``count`` random images, and its stores."""
    rng = np.random.default_rng(seed)
    x, y = rng.random((count, 1, side, side), np.float32), rng.integers(0, 10, count)
    return steps.sdpadv("B", count, seed, x, y, classifier(side, seed))


def step_job(case: str, side: int, count: int, seed: int, scan: tuple) -> Job:
    """The training step, as a job of `sdpadv bench train`."""
    parameters = {"start": functools.partial(sdpadv, side, count, seed), "optimise": True, "convolutions": False,
                  "batches": [np.arange(count)]}
    return Job(case, steps.STEP, "training step", {"ours": steps.ours}, parameters=parameters, tolerance=1e-3,
               tolerances=_JUMPS, scan=scan)


def _generator(job):
    task, _ = job.parameters["start"]()
    return Candidate(lambda: task.generator.distort(task.x).x_a, lambda x_a: {"x_A": x_a})


def _scan(quantity: str, values, settings):
    for value in values[:2] if settings.quick else values:
        side, count = (28, value) if quantity == "images" else (value, _COUNT)
        fixed = "28x28" if quantity == "images" else f"{_COUNT} images"
        job = step_job(f"SdpAdv, {quantity} growing, {fixed}", side, count, settings.seed, (quantity, value))
        yield job
        yield Job(job.case, FORWARD, "generator", {"ours": _generator}, parameters=job.parameters, scan=job.scan)


CASES = {"batch": functools.partial(_scan, "images", BATCHES), "size": functools.partial(_scan, "pixels a side", SIDES)}
