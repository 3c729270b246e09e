"""What does one operation cost? A chain of small ones, where the engine is all there is, and single ones at training sizes."""
from __future__ import annotations

import functools
import itertools

import numpy as np

from .. import losses
from ..autodiff import Plan, Tensor, grad, ops
from ..models import ModelB
from ..optim import Adam
from . import scans, steps, torches
from .goals import Goal
from .runner import Contender, Job, Question, absent

CHAIN, LENGTH, ELEMENTS = "chain of 120 on 8 elements", 120, 8
_BATCH = 128


def _chain(settings, peers):
    """x a + b and tanh, again and again: forward, then back to x; times are per operation."""
    rng = np.random.default_rng(settings.seed)
    x, a, b, g = (rng.uniform(0.5, 1, ELEMENTS).astype(np.float32) for _ in range(4))

    def apply(x, a, b, tanh):
        for _ in range(LENGTH // 3):
            x = tanh(x * a + b)
        return x

    def both(x):
        start = Tensor(x, requires_grad=True)
        y = apply(start, a, b, ops.tanh)
        return y, grad(y, [start], g)[0]

    def ours():
        return Contender(lambda: both(x), lambda results: _named([r.data for r in results]))

    def replayed():
        plan = Plan(both)
        plan(x), plan(x)  # recorded, verified; from now on replayed
        return Contender(lambda: plan(x), _named)

    def theirs(variant):
        variant.reset()
        start, a_, b_, g_ = map(variant.torch.from_numpy, (x.copy(), a, b, g))
        start.requires_grad_()
        run = variant.compile(lambda x: apply(x, a_, b_, variant.torch.tanh))

        def call():
            y = run(start)
            return y, variant.torch.autograd.grad(y, start, g_)[0]

        return Contender(call, lambda results: _named([r.detach().numpy() for r in results]))

    yield _job(CHAIN, {"ours": ours, "ours plan": replayed}, theirs, peers, units=LENGTH)


def _named(results) -> dict:
    return {f"result {number}": result for number, result in enumerate(results, 1)}


def _job(case, ours, theirs, peers, **more):
    makers = {name: absent("no optimiser here") if name == "torch.fused" else functools.partial(theirs, variant) for name, variant in peers.items()}
    return Job(case, steps.GRADIENTS, {**ours, **makers}, **more)


def _single(case, arrays, wanted, our, their, settings, peers):
    """One operation on ``arrays(rng)``: {name: array}; ``wanted`` names those whose gradients are asked for.

    our(*tensors), their(torch, *tensors): the result; g, if among the arrays, is its gradient.
    """
    given = arrays(np.random.default_rng(settings.seed))
    g = given.pop("g", None)

    def ours():
        tensors = {name: Tensor(a, requires_grad=True) if name in wanted else a for name, a in given.items()}

        def call():
            y = our(*tensors.values())
            return [y.data, *(t.data for t in grad(y, [tensors[name] for name in wanted], g))]

        return Contender(call, _named)

    def theirs(variant):
        variant.reset()
        torch = variant.torch
        tensors = {name: torch.from_numpy(a.copy()).requires_grad_(name in wanted) for name, a in given.items()}
        run, g_ = variant.compile(functools.partial(their, torch)), None if g is None else torch.from_numpy(g)

        def call():
            y = run(*tensors.values())
            return [y, *torch.autograd.grad(y, [tensors[name] for name in wanted], g_)]

        return Contender(call, lambda results: _named([r.detach().numpy() for r in results]))

    yield _job(case, {"ours": ours}, theirs, peers)


def _layer(rng):
    shapes = {"x": (_BATCH, 784), "W": (784, 200), "b": (200,), "g": (_BATCH, 200)}
    return {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}


def _logits(rng):
    return {"z": rng.standard_normal((_BATCH, 10), np.float32), "y": rng.integers(0, 10, _BATCH)}


def _moved(rng):
    theta = np.eye(2, 3).ravel() + rng.uniform(-0.15, 0.15, (_BATCH, 6))
    return {"x": rng.random((_BATCH, 1, 28, 28), np.float32), "theta": theta.astype(np.float32), "g": rng.standard_normal((_BATCH, 1, 28, 28), np.float32)}


def _torch_margin(torch, z, y):
    y = y[:, None]
    return (z.gather(1, y)[:, 0] - z.scatter(1, y, -np.inf).amax(1)).clamp(min=-2.0).mean()


def _torch_sample(torch, x, theta):
    grid = torch.nn.functional.affine_grid(theta.view(-1, 2, 3), list(x.shape), align_corners=False)
    return torch.nn.functional.grid_sample(x, grid, align_corners=False)


def _adam(settings, peers):
    """Adam's step alone, on the parameters of Model B with a new gradient at each of ten steps."""
    store = ModelB(settings.seed).store
    gradients = np.random.default_rng(settings.seed).standard_normal((10, store.data.size), np.float32) * np.float32(1e-3)

    def ours():
        mine = ModelB(settings.seed).store
        optimiser, turns = Adam(mine), itertools.cycle(gradients)

        def call():
            mine.gradient = next(turns)
            optimiser.step()
            return mine.data

        return Contender(call, lambda data: {"update": data - store.data})

    def theirs(variant):
        torch, shapes = variant.torch, [t.shape for t in store.tensors.values()]
        splits = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
        before = np.split(store.data, splits)
        parameters = [torch.from_numpy(a.reshape(shape).copy()).requires_grad_() for a, shape in zip(before, shapes)]
        each = [[torch.from_numpy(a.reshape(shape)) for a, shape in zip(np.split(g, splits), shapes)] for g in gradients]
        optimiser, turns = variant.adam(parameters, 1e-3), itertools.cycle(each)

        def call():
            for parameter, gradient in zip(parameters, next(turns)):
                parameter.grad = gradient
            optimiser.step()
            return parameters

        return Contender(call, lambda after: {"update": np.concatenate([p.detach().numpy().ravel() for p in after]) - store.data})

    makers = {name: functools.partial(theirs, variant) for name, variant in peers.items() if not variant.compiled}  # its optimiser would be torch.fused again
    yield Job("Adam on Model B's 199,210 parameters", steps.STEP, {"ours": ours, **makers}, tolerance=1e-2)


QUESTION = Question(
    name="ops",
    title="Single operations against PyTorch's",
    asks="operations: a chain of small ones, typical ones at training sizes; growth with batch and image size",
    cases={
        "chain": _chain,
        "dense": functools.partial(_single, "dense relu 128x784 to 200", _layer, ("x", "W", "b"), functools.partial(ops.dense, activation="relu"),
                                   lambda torch, x, W, b: torch.relu(torch.addmm(b, x, W))),
        "cross-entropy": functools.partial(_single, "cross_entropy 128x10", _logits, ("z",), lambda z, y: ops.mean(ops.cross_entropy(z, labels=y)),
                                           lambda torch, z, y: torch.nn.functional.cross_entropy(z, y)),
        "margin": functools.partial(_single, "margin 128x10", _logits, ("z",), lambda z, y: losses.adversarial(z, y, kappa=2.0), _torch_margin),
        "affine": functools.partial(_single, "affine_sample 128x1x28x28, theta's gradient", _moved, ("theta",),
                                    functools.partial(ops.affine_sample, convention="half_pixel"), _torch_sample),
        "adam": _adam,
        **scans.CASES,
    },
    quick=("chain", "dense", "cross-entropy", "margin", "affine", "adam"),
    scans=tuple(scans.CASES),
    peers=("torch", "torch.fused", "torch.compile"),
    default_peers=("torch", "torch.fused"),
    load=torches.load,
    against=("torch", "torch.fused", "torch.compile"),
    goals=(Goal(CHAIN, steps.GRADIENTS, "ours", None, 3e-6, 5e-6), Goal(CHAIN, steps.GRADIENTS, "ours plan", None, 1.3e-6, 2e-6)),
    effort={"rounds": 25, "budget": 3.0},
)
