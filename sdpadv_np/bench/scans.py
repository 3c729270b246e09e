"""How time grows with the number of images and with their size: SdpAdv's generator alone, and its training step."""
from __future__ import annotations

import functools

import numpy as np

from ..models import Classifier, ModelB
from . import steps, torch_steps
from .runner import Contender, Job

BATCHES, SIDES = (1, 4, 16, 64, 256, 1024, 4096), (28, 56, 112, 224)
# in large images some positions lie within rounding of a whole pixel, where the sampler's slope jumps; Adam's first step magnifies that
_KINKS = {"gradient of generator": 2e-2, "update of generator": 5e-2, "update of discriminator": 5e-2}
_AT_SIDES = 16  # images, when the size grows
DISTORT = "generator forward"


def classifier(side: int, seed: int) -> Classifier:
    """Model B's layers for images of another size."""
    shape = (1, side, side)
    return Classifier(ModelB.layers_for(shape, 10), shape, name="model_b", seed=seed)


def sdpadv(side: int, count: int, seed: int):
    """SdpAdv's training on ``count`` random images, and its stores."""
    rng = np.random.default_rng(seed)
    x, y = rng.random((count, 1, side, side), np.float32), rng.integers(0, 10, count)
    return steps.sdpadv("B", count, seed, x, y, classifier(side, seed))


def _jobs(what: str, side: int, count: int, settings, peers):
    scan = (what, count if what == "images" else side)
    start, numbers = functools.partial(sdpadv, side, count, settings.seed), [np.arange(count)]
    case = f"SdpAdv, {what} growing" + f", {_AT_SIDES} images" * (what != "images") + ", 28x28" * (what == "images")
    peers = {name: variant for name, variant in peers.items() if name == "torch"}
    makers = {"ours": functools.partial(steps.ours, start, numbers)}
    makers |= {name: functools.partial(_their_step, variant, start, numbers) for name, variant in peers.items()}
    yield Job(case, steps.STEP, makers, 1e-3, _KINKS, scan=scan)
    makers = {"ours": functools.partial(_our_forward, start)} | {name: functools.partial(_their_forward, variant, start) for name, variant in peers.items()}
    yield Job(case, DISTORT, makers, scan=scan)


def _their_step(variant, start, numbers):
    return torch_steps.SdpAdvStep(variant, start()[0], True).contender(numbers)


def _our_forward(start):
    task = start()[0]
    return Contender(lambda: task.generator.distort(task.x).x_a, lambda x_a: {"x_A": x_a})


def _their_forward(variant, start):
    program = torch_steps.SdpAdvStep(variant, start()[0], True)

    def call():
        with variant.torch.no_grad():
            return program.distort(program.x)[3]

    return Contender(call, lambda x_a: {"x_A": x_a.numpy()})


def _scan(what: str, values, settings, peers):
    for value in values[:2] if settings.quick else values:
        side, count = (28, value) if what == "images" else (value, _AT_SIDES)
        yield from _jobs(what, side, count, settings, peers)


CASES = {"batch": functools.partial(_scan, "images", BATCHES), "size": functools.partial(_scan, "pixels a side", SIDES)}
