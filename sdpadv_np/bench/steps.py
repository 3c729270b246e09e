"""Training steps as they are trained, from a batch's numbers to updated weights: what every peer must do as well.

A contender takes the batches in turns, so that its weights move on as in a training. Without its
optimiser (``Still``) the same step is forward+backward alone.
"""
from __future__ import annotations

import functools
import itertools
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
from .runner import Contender

STEP, GRADIENTS = "step", "forward+backward"
_MANY = 10**6  # epochs, so that no learning rate falls within a benchmark
CRITICS = {
    "784-200-200-1": [Flatten(), Dense(784, 200, "leaky_relu"), Dense(200, 200, "leaky_relu"), Dense(200, 1)],
    "Defense-GAN": [  # Samangouei et al. 2018, the critic of their GAN for 28x28 images
        *(Conv2d(i, o, (5, 5), stride=2, padding="same", activation="leaky_relu") for i, o in ((1, 64), (64, 128), (128, 256))), Flatten(), Dense(4096, 1),
    ],
}


class Still:
    """An optimiser that changes nothing."""

    def __init__(self, store):
        self.store, self.lr, self.t = store, np.zeros(()), 0

    def step(self):
        pass


class CriticTraining:
    """The critic's step of WGAN-GP (Gulrajani et al. 2017, Algorithm 1) on given images: one gradient penalty, differentiated twice."""

    penalty, lr, beta1, beta2 = 10.0, 1e-4, 0.5, 0.9

    def __init__(self, layers, real, fake, mix, seed):
        self.critic = Network("critic", layers)
        self.store = ParameterStore([self.critic], seed)
        self.real, self.fake, self.mix = real, fake, mix  # mix (N, 1, 1, 1): how much of the real image lies in the mixed one
        self.optimiser = Adam(self.store, self.lr, self.beta1, self.beta2)
        self.plan = Plan(self.learn, [self.store])

    def state(self):
        return self.optimiser.state("critic")

    def step(self, chosen, epoch):
        return self.plan(self.real[chosen], self.fake[chosen], self.mix[chosen])

    def learn(self, real, fake, mix):
        mixed = Tensor(mix * real + (1 - mix) * fake, requires_grad=True)
        (slope,) = grad(ops.sum(self.critic(mixed)), [mixed], create_graph=True)
        penalty = ops.mean(ops.square(ops.norm(slope) - 1.0))
        distance = ops.mean(self.critic(Tensor(real))) - ops.mean(self.critic(Tensor(fake)))
        self.store.differentiate(penalty * self.penalty - distance)
        self.optimiser.step()
        return {"distance": distance, "penalty": penalty}


@functools.lru_cache(maxsize=1)
def images():
    """(x, y): 2,560 glyphs, enough that no batch is soon seen again."""
    found = data.load("glyphs")
    return found.x_train[:2560], found.y_train[:2560]


def batches(count: int, size: int, seed: int) -> list[np.ndarray]:
    """The numbers of each batch's images; all of them once."""
    order = np.random.default_rng(seed).permutation(count)
    return [order[i : i + size] for i in range(0, count - size + 1, size)]


def classifier(architecture: str, batch: int, seed: int) -> tuple[ClassifierTraining, dict]:
    """Classifier training, and the stores whose gradients it fills."""
    x, y = images()
    task = ClassifierTraining(ARCHITECTURES[architecture](seed), x, y, x[:1], y[:1], _MANY, batch, 1e-3, seed)
    return task, {"classifier": task.classifier.store}


def sdpadv(architecture: str, batch: int, seed: int, x=None, y=None, model=None) -> tuple[SdpAdvTraining, dict]:
    """The paper's training against an untrained classifier; a generator's weights a little away from where they begin, so that every term has a slope."""
    if x is None:
        x, y = images()
    attack = SdpAdv(model or ARCHITECTURES[architecture](seed), eps=0.1, seed=seed)
    task = SdpAdvTraining(attack, x, y, x[:1], y[:1], _MANY, batch)
    weights = attack.generator.store.data
    weights += 0.02 * np.random.default_rng(seed).standard_normal(weights.shape, np.float32)
    return task, {"generator": attack.generator.store, "discriminator": task.d_store}


def critic(kind: str, batch: int, seed: int) -> tuple[CriticTraining, dict]:
    """WGAN-GP's critic between the glyphs and noise."""
    rng, (x, _) = np.random.default_rng(seed), images()
    task = CriticTraining(CRITICS[kind], x, rng.random(x.shape, np.float32), rng.random((len(x), 1, 1, 1), np.float32), seed)
    return task, {"critic": task.store}


def with_algorithm(network: Network, algorithm: str) -> Network:
    """The network, its convolutions computed by this algorithm from now on."""
    network.layers = [replace(layer, algorithm=algorithm) if isinstance(layer, Conv2d) else layer for layer in network.layers]
    return network


def ours(make, numbers, optimise: bool = True, plan: bool = True, algorithm: str = "auto", tolerance: float = 0.0) -> Contender:
    """The step of ``make() -> (task, stores)`` over the batches ``numbers``.

    plan : replayed from its record (autodiff/plan.py), as trainings are, or carried out in Python each time
    algorithm : of the convolutions
    tolerance : of the results
    """
    task, stores = make()
    with_algorithm(task.critic if hasattr(task, "critic") else task.classifier.network, algorithm)
    live = task.state()
    before = {name: store.data.copy() for name, store in stores.items()}
    if not optimise:
        for name in ("optimiser", "d_optimiser"):
            if hasattr(task, name):
                setattr(task, name, Still(getattr(task, name).store))
    if plan:
        _rehearse(lambda: [task.step(n, 0) for n in (numbers * 2)[:2]], live)
    else:
        task.plan = task.learn
    turns = itertools.cycle(numbers)

    def read(figures):
        return results(figures, {name: (store.gradient, store.data) for name, store in stores.items()}, before, optimise)

    return Contender(lambda: {name: float(loss) for name, loss in task.step(next(turns), 0).items()}, read, tolerance)  # as the epoch loop looks at them


def _rehearse(play, live: dict) -> None:
    """Play, and put the live arrays back as they were: a plan's first call records and its second verifies; what is judged and timed are replays."""
    before = {name: array.copy() for name, array in live.items()}
    play()
    for name, array in live.items():
        array[...] = before[name]


def results(figures: dict, weights: dict, before: dict, optimise: bool) -> dict:
    """What a first step is judged by: the losses, the gradients, and where the optimiser moved the weights.

    weights : {network: (gradient, weights)}, flat
    """
    found = {"losses " + ", ".join(sorted(figures)): np.array([figures[name] for name in sorted(figures)])}
    for name, (gradient, data_) in weights.items():
        found[f"gradient of {name}"] = np.array(gradient)
        if optimise:
            found[f"update of {name}"] = data_ - before[name]
    return found
