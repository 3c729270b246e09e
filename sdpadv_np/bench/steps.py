"""Training steps as in a training, from the indices of a batch to updated weights.

A candidate takes the batches in turns, so that its weights change as in a training. With an optimiser that does
nothing the same step is forward and backward alone.
"""
from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .. import data
from ..attacks import SdpAdv
from ..attacks.sdpadv_training import SdpAdvTraining
from ..autodiff import Plan, Tensor, grad, ops
from ..models import ARCHITECTURES
from ..models.classifier import ClassifierTraining
from ..nn import Conv2d, Dense, Flatten, Network, ParameterStore
from ..optim import Adam
from .jobs import Candidate

STEP, GRADIENTS = "step", "forward+backward"
_EPOCHS = 10**6  # so many that no learning rate falls within a benchmark
_DEFENSE_GAN = [  # Samangouei et al. 2018, the critic of their GAN for 28x28 images
    *(Conv2d(*channels, (5, 5), stride=2, padding="same", activation="leaky_relu")
      for channels in ((1, 64), (64, 128), (128, 256))),
    Flatten(), Dense(4096, 1),
]
_DENSE = [Flatten(), Dense(784, 200, "leaky_relu"), Dense(200, 200, "leaky_relu"), Dense(200, 1)]
CRITICS = {"784-200-200-1": _DENSE, "Defense-GAN": _DEFENSE_GAN}


class FrozenOptimiser(Adam):
    """An optimiser that changes nothing."""

    def step(self):
        pass


class CriticTraining:
    """The critic's step of WGAN-GP (Gulrajani et al. 2017, Algorithm 1): its penalty is differentiated twice."""

    penalty, lr, beta1, beta2 = 10.0, 1e-4, 0.5, 0.9

    def __init__(self, layers, real, fake, mix, seed):
        self.critic = Network("critic", layers)
        self.store = ParameterStore([self.critic], seed)
        self.real, self.fake, self.mix = real, fake, mix  # mix (N, 1, 1, 1): weight of the real image
        self.optimiser = Adam(self.store, self.lr, self.beta1, self.beta2)
        self.plan = Plan(self.learn, [self.store])

    def state(self):
        return self.optimiser.state("critic")

    def step(self, chosen, epoch):
        return self.plan(self.real[chosen], self.fake[chosen], self.mix[chosen])

    def learn(self, real, fake, mix):
        mixed = Tensor(mix * real + (1 - mix) * fake, requires_grad=True)
        (gradient,) = grad(ops.sum(self.critic(mixed)), [mixed], create_graph=True)
        penalty = ops.mean(ops.square(ops.norm(gradient) - 1.0))
        distance = ops.mean(self.critic(Tensor(real))) - ops.mean(self.critic(Tensor(fake)))
        self.optimiser.descend(penalty * self.penalty - distance)
        return {"distance": distance, "penalty": penalty}


@functools.lru_cache(maxsize=1)
def images():
    """(x, y): 2,560 glyphs, enough that a batch is not repeated soon."""
    found = data.load("glyphs")
    return found.x_train[:2560], found.y_train[:2560]


def batches(count: int, size: int, seed: int) -> list[np.ndarray]:
    """The indices of each batch's images; every image once."""
    return list(np.random.default_rng(seed).permutation(count)[: count - count % size].reshape(-1, size))


def classifier(architecture: str, batch: int, seed: int) -> tuple[ClassifierTraining, dict]:
    """Classifier training, and the stores whose gradients it fills."""
    x, y = images()
    task = ClassifierTraining(ARCHITECTURES[architecture](seed), x, y, x[:1], y[:1], _EPOCHS, batch, 1e-3, seed)
    return task, {"classifier": task.classifier.store}


def sdpadv(architecture: str, batch: int, seed: int, x=None, y=None, model=None) -> tuple[SdpAdvTraining, dict]:
    """The paper's training against an untrained classifier, its weights shifted so that no gradient is 0."""
    if x is None:
        x, y = images()
    attack = SdpAdv(model or ARCHITECTURES[architecture](seed), eps=0.1, seed=seed)
    task = SdpAdvTraining(attack, x, y, x[:1], y[:1], _EPOCHS, batch)
    weights = attack.generator.store.data
    weights += 0.02 * np.random.default_rng(seed).standard_normal(weights.shape, np.float32)
    return task, {"generator": attack.generator.store, "discriminator": task.d_store}


def critic(kind: str, batch: int, seed: int) -> tuple[CriticTraining, dict]:
    """WGAN-GP's critic between the glyphs and noise."""
    rng, (x, _) = np.random.default_rng(seed), images()
    noise, mix = rng.random(x.shape, np.float32), rng.random((len(x), 1, 1, 1), np.float32)
    task = CriticTraining(CRITICS[kind], x, noise, mix, seed)
    return task, {"critic": task.store}


def with_algorithm(network: Network, algorithm: str) -> Network:
    """The network, with this algorithm for its convolutions from now on."""
    network.layers = [replace(layer, algorithm=algorithm) if isinstance(layer, Conv2d) else layer
                      for layer in network.layers]
    return network


def ours(job, plan: bool = True, algorithm: str = "auto", tolerance: float = 0.0) -> Candidate:
    """The training step of a job.

    plan : replayed from its record (autodiff/plan.py), as trainings are, or executed in Python each time
    algorithm : of the convolutions
    tolerance : of the results
    """
    (task, stores), batches, optimise = job.parameters["start"](), job.parameters["batches"], job.parameters["optimise"]
    with_algorithm(task.critic if hasattr(task, "critic") else task.classifier.network, algorithm)
    state = task.state()
    before = {name: store.data.copy() for name, store in stores.items()}
    if not optimise:
        for name in ("optimiser", "d_optimiser"):
            if hasattr(task, name):
                setattr(task, name, FrozenOptimiser(getattr(task, name).store))
    if plan:
        _record(lambda: [task.step(n, 0) for n in (batches * 2)[:2]], state)
    else:
        task.plan = task.learn
    turns = itertools.cycle(batches)

    def call():
        return {name: float(loss) for name, loss in task.step(next(turns), 0).items()}  # as the epoch loop reads them

    def read(losses):
        weights = {name: (store.gradient, store.data) for name, store in stores.items()}
        return results(losses, weights, before, optimise)

    return Candidate(call, read, tolerance)


def replayed(function, x, stores=()) -> Callable:
    """Calls ``function(x)`` replayed from its plan, which is recorded and verified here."""
    plan = Plan(function, stores)
    plan(x), plan(x)
    return lambda: plan(x)


def _record(play, state: dict) -> None:
    """Play two steps and restore the state: a plan's first call records, the second verifies, later ones replay."""
    before = {name: array.copy() for name, array in state.items()}
    play()
    for name, array in state.items():
        array[...] = before[name]


def results(losses: dict, weights: dict, before: dict, optimise: bool) -> dict:
    """The results of a first step: the losses, the gradients, and the change of the weights by the optimiser.

    weights : {network: (gradient, weights)}, flat; before : {network: weights at the beginning}
    """
    found = {"losses " + ", ".join(sorted(losses)): np.array([losses[name] for name in sorted(losses)])}
    for name, (gradient, after) in weights.items():
        found[f"gradient of {name}"] = np.array(gradient)
        if optimise:
            found[f"update of {name}"] = after - before[name]
    return found
