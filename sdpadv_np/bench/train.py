"""How fast is a training step? The paper's trainings and a double backward, recorded and replayed, or eager."""
from __future__ import annotations

import functools
from collections.abc import Callable

from . import steps
from .jobs import Job
from .runner import Benchmark

# With another order of summation a ReLU whose input is 0 but for rounding may switch: 4e-4 between the gradients in
# NumPy and in float64 was seen in the critic. Adam's first step magnifies small gradients; Winograd switches more.
_SWITCHED, _UPDATED = 2e-3, 5e-2


def job(case: str, settings, optimise: bool = True, batch: int | None = None) -> Job:
    """The training step of CASES[case], or the same without an optimiser."""
    title, make, full, convolutions = CASES[case]
    size = batch or (min(full, 16) if settings.quick else full)
    batches = steps.batches(len(steps.images()[0]), size, settings.seed)
    parameters = {"start": functools.partial(make, size, settings.seed), "batches": batches, "optimise": optimise,
                  "convolutions": convolutions}
    ours: dict[str, dict] = {"ours eager": {"plan": False}, "ours": {}}  # the reference, and how users train
    if convolutions:
        ours = {"ours direct": {"algorithm": "direct"}, "ours eager": {"plan": False, "tolerance": _UPDATED},
                "ours": {"tolerance": _UPDATED}}
    networks = ("classifier", "generator", "discriminator", "critic")
    tolerances = {f"update of {name}": _UPDATED if convolutions else 1e-2 for name in networks}
    if convolutions:
        tolerances["gradient of critic"] = _SWITCHED
    return Job(title, steps.STEP if optimise else steps.GRADIENTS, "training step",
               {name: functools.partial(steps.ours, **how) for name, how in ours.items()},
               parameters=parameters, tolerances=tolerances)


def _jobs(case: str, settings):
    return (job(case, settings, optimise) for optimise in (True, False))


# {name: (title, function(batch, seed) -> (training, {name: parameter store}), batch, whether it has convolutions)}
CASES: dict[str, tuple[str, Callable, int, bool]] = {
    "sdpadv-b": ("SdpAdv on Model B", functools.partial(steps.sdpadv, "B"), 128, False),
    "sdpadv-a": ("SdpAdv on Model A", functools.partial(steps.sdpadv, "A"), 128, True),
    "model-b": ("Model B", functools.partial(steps.classifier, "B"), 128, False),
    "model-a": ("Model A", functools.partial(steps.classifier, "A"), 128, True),
    "wgan-gp": ("WGAN-GP critic 784-200-200-1", functools.partial(steps.critic, "784-200-200-1"), 64, False),
    "wgan-gp-conv": ("WGAN-GP critic Defense-GAN", functools.partial(steps.critic, "Defense-GAN"), 50, True),
}
BENCHMARK = Benchmark(
    name="train",
    title="Training steps",
    description="training steps: SdpAdv, classifiers, WGAN-GP's critic",
    contract="""\
job.operation  "training step"
job.task       "step", or "forward+backward": without the optimiser
job.parameters start() -> (training, {name: parameter store}): our training at its beginning, with networks and images;
               batches: for each step the indices of its images; optimise; convolutions: whether there are any
results        {"losses A, B, ...": values, "gradient of NAME": ..., "update of NAME": new minus old weights} of the
               first step, each flat in the order of the parameter store: sdpadv_np.bench.steps.results makes it""",
    cases={name: functools.partial(_jobs, name) for name in CASES},
    default_cases={"cpu": (tuple(CASES), ("sdpadv-b", "model-b", "wgan-gp"))},
    against=("ours eager",),
    shortest=0.05,  # a training is many steps in a row: a single step would find other candidates' data in the caches
)
