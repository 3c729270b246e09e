"""How long does one operation take? A chain of small ones, which the engine dominates; single ones of training size."""
from __future__ import annotations

import functools
import itertools

import numpy as np

from .. import losses
from ..autodiff import Tensor, grad, ops
from ..autodiff.tensor import raw
from ..models import ModelB
from ..optim import Adam
from . import scans, steps
from .jobs import Candidate, Job
from .runner import Benchmark

CHAIN, LENGTH, ELEMENTS = "chain of 120 on 8 elements", 120, 8
_BATCH = 128


def chain(x, a, b, tanh):
    """x a + b and tanh, again and again: LENGTH operations."""
    for _ in range(LENGTH // 3):
        x = tanh(x * a + b)
    return x


def _chain(settings):
    """The chain forward and backward to x; times are per operation."""
    rng = np.random.default_rng(settings.seed)
    inputs = {name: rng.uniform(0.5, 1, ELEMENTS).astype(np.float32) for name in ("x", "a", "b", "g")}

    def ours(plan, job):
        x, a, b, g = job.inputs.values()

        def both(x):
            start = Tensor(x, requires_grad=True)
            y = chain(start, a, b, ops.tanh)
            return y, grad(y, [start], g)[0]

        call = steps.replayed(both, x) if plan else lambda: both(x)
        return Candidate(call, lambda results: _named(["x"], map(raw, results)))

    yield Job(CHAIN, steps.GRADIENTS, "chain", {f"ours{' plan' * plan}": functools.partial(ours, plan)
              for plan in (False, True)}, inputs, {"gradients": ("x",)}, units=LENGTH)


def _named(gradients, results) -> dict:
    return dict(zip(("y", *(f"gradient of {name}" for name in gradients)), results))


def _single(case, arrays, gradients, operation, function, settings):
    """One operation on ``arrays(rng)``, {name: array}; g, if among them, is the gradient of its result.

    gradients : names of the arrays whose gradients are computed
    function : of the tensors
    """

    def ours(job):
        g = job.inputs.get("g")
        tensors = {name: Tensor(a, requires_grad=True) if name in gradients else a
                   for name, a in job.inputs.items() if name != "g"}

        def call():
            y = function(*tensors.values())
            return [y.data, *(t.data for t in grad(y, [tensors[name] for name in gradients], g))]

        return Candidate(call, functools.partial(_named, gradients))

    inputs = arrays(np.random.default_rng(settings.seed))
    yield Job(case, steps.GRADIENTS, operation, {"ours": ours}, inputs, {"gradients": gradients})


def _layer(rng):
    shapes = {"x": (_BATCH, 784), "W": (784, 200), "b": (200,), "g": (_BATCH, 200)}
    return {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}


def _logits(rng):
    return {"z": rng.standard_normal((_BATCH, 10), np.float32), "y": rng.integers(0, 10, _BATCH)}


def _sampled(rng):
    theta, shape = np.eye(2, 3).ravel() + rng.uniform(-0.15, 0.15, (_BATCH, 6)), (_BATCH, 1, 28, 28)
    x, g = rng.random(shape, np.float32), rng.standard_normal(shape, np.float32)
    return {"x": x, "theta": theta.astype(np.float32), "g": g}


def _adam(settings):
    """Adam's step alone, on the parameters of Model B with a new gradient at each of ten steps."""
    store, rng = ModelB(settings.seed).store, np.random.default_rng(settings.seed)
    gradients = rng.standard_normal((10, store.data.size), np.float32) * np.float32(1e-3)

    def ours(job):
        own = ModelB(settings.seed).store
        optimiser, turns = Adam(own), itertools.cycle(job.inputs["gradients"])

        def call():
            own.gradient = next(turns)
            optimiser.step()
            return own.data

        return Candidate(call, lambda data: {"update": data - job.inputs["weights"]})

    parameters = {"shapes": [t.shape for t in store.tensors.values()], "lr": 1e-3}
    yield Job("Adam on Model B's 199,210 parameters", steps.STEP, "adam", {"ours": ours},
              {"weights": store.data.copy(), "gradients": gradients}, parameters, 1e-2)


_CASES = {
    "chain": _chain,
    "dense": functools.partial(_single, "dense relu 128x784 to 200", _layer, ("x", "W", "b"), "dense",
                               functools.partial(ops.dense, activation="relu")),
    "cross-entropy": functools.partial(_single, "cross_entropy 128x10", _logits, ("z",), "cross_entropy",
                                       lambda z, y: ops.mean(ops.cross_entropy(z, labels=y))),
    "margin": functools.partial(_single, "margin 128x10", _logits, ("z",), "margin",
                                lambda z, y: losses.adversarial(z, y, kappa=2.0)),
    "affine": functools.partial(_single, "affine_sample 128x1x28x28, theta's gradient", _sampled, ("theta",),
                                "affine_sample", functools.partial(ops.affine_sample, convention="half_pixel")),
    "adam": _adam,
}
BENCHMARK = Benchmark(
    name="ops",
    title="Single operations",
    description="single operations: a chain of small ones, typical ones of training size; growth with the size",
    contract="""\
job.operation  job.inputs (float32; y: labels) and results, of the task "forward+backward" unless said
"dense"        x (128, 784), W (784, 200), b (200,), g (128, 200), the gradient of y = relu(x W + b):
               (y, gradients of x, W, b)
"cross_entropy", "margin"   z (128, 10), y (128,): (mean, gradient of z); margin: the mean over images of
               max(z[y] - max of the other z, -2)
"affine_sample"   x (128, 1, 28, 28), theta (128, 6), half_pixel, g (128, 1, 28, 28): (y, gradient of theta)
"chain"        x, a, b, g (8,): (the result of 40 times x = tanh(x a + b), gradient of x)
"adam"         weights (P,), gradients (10, P), task "step": new minus old weights after the first call;
               the n-th call is a step with gradients[n % 10]; job.parameters: lr, shapes of the parameters
"training step", "generator"   of the curves (--scan): see sdpadv_np.bench.scans""",
    cases=_CASES | scans.CASES,
    default_cases={"cpu": (tuple(_CASES), tuple(_CASES))},
    scans=tuple(scans.CASES),
    against=("ours",),
    budget=3.0,
)
