"""How fast is a training step? The paper's trainings, and a double backward, beside PyTorch and JAX."""
from __future__ import annotations

import functools

from . import jaxes, steps, torch_steps, torches
from .goals import Goal
from .runner import Job, Question, absent

CONVOLUTIONS = ("Model A", "SdpAdv on Model A", "WGAN-GP critic Defense-GAN")
_TIES = 2e-3  # with another rounding of the sums a slope switches whose input is 0 but for rounding: 4e-4 between NumPy's and float64 was seen in the critic
_UPDATED = 5e-2  # the same after Adam's first step, which makes much of small gradients
_FLIPPED = {"tolerance": _UPDATED}  # winograd, where "auto" takes it: some ReLUs switch
_OURS = {  # by whether there are convolutions: our ways of doing it, the first is the reference; "ours" is what a user gets
    False: {"ours eager": {"plan": False}, "ours": {}},
    True: {"ours direct": {"algorithm": "direct"}, "ours eager": {"plan": False, **_FLIPPED}, "ours": _FLIPPED},
}


def _jobs(case: str, make, programs, batch: int, settings, peers):
    """The step of a case, and the same without optimiser; ``make(batch, seed)`` gives our task and its stores."""
    batch = min(batch, 16) if settings.quick else batch
    start = functools.partial(make, batch, settings.seed)
    numbers = steps.batches(len(steps.images()[0]), batch, settings.seed)
    for task, optimise in ((steps.STEP, True), (steps.GRADIENTS, False)):
        makers = {name: functools.partial(steps.ours, start, numbers, optimise, **how) for name, how in _OURS[case in CONVOLUTIONS].items()}
        for name, how in peers.items():
            makers[name] = functools.partial(_peer, how, programs[name == jaxes.NAME], start, numbers, optimise)
            if name == "torch.channels_last" and case not in CONVOLUTIONS:
                makers[name] = absent("no convolution here")
            if name == "torch.fused" and not optimise:
                makers[name] = absent("no optimiser here")
        sums = case in CONVOLUTIONS
        tolerances = {f"update of {name}": _UPDATED if sums else 1e-2 for name in ("classifier", "generator", "discriminator", "critic")}
        if sums:
            tolerances["gradient of critic"] = _TIES
        yield Job(case, task, makers, tolerances=tolerances)


def _peer(how, program, start, numbers, optimise):
    return program(how, start()[0], optimise).contender(numbers)


def _load(names, threads):
    """PyTorch's ways, and JAX's."""
    return tuple(a | b for a, b in zip(torches.load(names, threads), jaxes.load(names, threads)))


_CLASSIFIER, _SDPADV, _CRITIC = ((getattr(torch_steps, name), getattr(jaxes, name)) for name in ("ClassifierStep", "SdpAdvStep", "CriticStep"))


CASES = {  # name: (title, our task from (batch, seed), PyTorch's and JAX's program, batch)
    "sdpadv-b": ("SdpAdv on Model B", functools.partial(steps.sdpadv, "B"), _SDPADV, 128),
    "sdpadv-a": ("SdpAdv on Model A", functools.partial(steps.sdpadv, "A"), _SDPADV, 128),
    "model-b": ("Model B", functools.partial(steps.classifier, "B"), _CLASSIFIER, 128),
    "model-a": ("Model A", functools.partial(steps.classifier, "A"), _CLASSIFIER, 128),
    "wgan-gp": ("WGAN-GP critic 784-200-200-1", functools.partial(steps.critic, "784-200-200-1"), _CRITIC, 64),
    "wgan-gp-conv": ("WGAN-GP critic Defense-GAN", functools.partial(steps.critic, "Defense-GAN"), _CRITIC, 50),
}
QUESTION = Question(
    name="train",
    title="Training steps against PyTorch's and JAX's",
    asks="a training step: SdpAdv, classifiers, WGAN-GP's critic",
    cases={name: functools.partial(_jobs, *case) for name, case in CASES.items()},
    quick=("sdpadv-b", "model-b", "wgan-gp"),
    peers=(*torches.VARIANTS, jaxes.NAME),
    default_peers=torches.DEFAULT,
    load=_load,
    against=(*torches.VARIANTS, jaxes.NAME),
    effort={"rounds": 25, "budget": 8.0, "shortest": 0.05},  # a training is steps in a row: a step alone would find what others left in the caches
    goals=(
        Goal("SdpAdv on Model B", steps.STEP, "ours", "torch", 2.7, 2.1),
        Goal("SdpAdv on Model B", steps.STEP, "ours", "torch.compile", 3.0, 2.1),
        Goal("SdpAdv on Model A", steps.STEP, "ours", "torch", 3.5, 2.5),
        Goal("Model B", steps.STEP, "ours", "torch", 2.8, 2.1),
        Goal("Model B", steps.STEP, "ours", "torch.fused", 1.8, 1.5),
        Goal("Model B", steps.GRADIENTS, "ours", "torch", 1.5, 1.3),
        Goal("Model A", steps.STEP, "ours", "torch", 2.5, 1.5),
        Goal("WGAN-GP critic 784-200-200-1", steps.STEP, "ours", "torch", 1.5, 1.0),
        Goal("WGAN-GP critic Defense-GAN", steps.STEP, "ours", "torch", 1.5, 1.0),
    ),
)
