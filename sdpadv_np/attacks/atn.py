"""ATN: a network that changes the classifier's probabilities as given, and the image little (Baluja & Fischer 2018)."""
from __future__ import annotations

import functools
from dataclasses import KW_ONLY, dataclass

from .. import checks, xp
from ..autodiff import Tensor, ops
from ..models import ATNGenerator
from ..models.atn import FORMS
from ..models.chunks import in_chunks
from ..models.interface import logits_of
from ..optim import Adam
from .amortised import AmortisedAttack, AmortisedTraining
from .parameters import parameter
from .queries import logits


def rerank(p, classes, alpha: float):
    """r_alpha: probabilities p (N, K) with p_t := alpha max(p) for t of ``classes`` (N,), divided by their new sum.

    Class t then leads, and the order of the others is kept.

    >>> import numpy as np
    >>> rerank(np.array([[0.8, 0.2, 0.0]]), np.array([1]), alpha=1.5).round(3).tolist()
    [[0.4, 0.6, 0.0]]
    """
    r = p.copy()
    r[xp.array_module(p).arange(len(p)), classes] = alpha * p.max(axis=1)
    return r / r.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class ATN(AmortisedAttack):
    """Adversarial transformation network: fit once, then one forward pass per image.

    Minimises mean [ beta ||x_A - x||^2 + ||softmax f(x_A) - r_alpha(softmax f(x), t)||^2 ]. (The paper writes L2,
    squared or not; not squared, the images move ten times as far for the same accuracy.) With ``target=t`` it is the
    targeted attack of the paper, one network for each class; without, t is the second most likely class of f(x).

    Parameters
    ----------
    classifier, target, seed : see :class:`~sdpadv_np.attacks.amortised.AmortisedAttack`
    form, hidden : see sdpadv_np.models.ATNGenerator
    alpha : desired ratio of the probability of t to that of the leading class
    beta : weight of the distance of the images
    lr : Adam's learning rate

    >>> import sdpadv_np as sd
    >>> data = sd.data.load("glyphs")
    >>> f = sd.models.ModelB().fit(data.x_train, data.y_train, data.x_val, data.y_val, epochs=3, progress=False)
    >>> attack = sd.attacks.ATN(f, target=3)
    >>> attack = attack.fit(data.x_train, data.y_train, data.x_val, data.y_val, epochs=2, progress=False)
    >>> attack(data.x_test).shape == data.x_test.shape
    True
    """

    _: KW_ONLY
    form: str = parameter("p-atn", checks.choice, options=FORMS)
    hidden: tuple = parameter((512, 512), checks.sizes)
    alpha: float = parameter(1.5, checks.number, low=1, above=True)
    beta: float = parameter(0.01, checks.number)
    lr: float = parameter(1e-3, checks.number, above=True)

    def _generator(self, image_shape):
        return ATNGenerator(self.form, self.hidden, image_shape, self.seed, dtype=self.dtype, device=self.device)

    def _training(self, *arguments):
        return ATNTraining(self, *arguments)


class ATNTraining(AmortisedTraining):
    """ATN's training as a task of the epoch loop (training/loop.py)."""

    def __init__(self, attack, *data):
        super().__init__(attack, *data)
        self.optimiser = Adam(self.generator.store, attack.lr)
        self.plan, self.targets = self.recorded(), self._targets()

    def _targets(self):
        """(count, K): r_alpha of the classifier's probabilities, a constant of the training."""
        p = ops.softmax(in_chunks(functools.partial(logits, self.classifier), self.x))
        classes = p.argsort(axis=1)[:, -2] if self.attack.target is None else self.attack.target
        return rerank(p, classes, self.attack.alpha)

    def state(self):
        return self.optimiser.state("g")

    def update(self, chosen, epoch):
        return self.plan(self.x[chosen], self.targets[chosen])

    def learn(self, x, targets):
        """One step of Adam; the losses before it. Recorded: see autodiff/plan.py."""
        x_adv = self.generator.transform(Tensor(x))
        distance = ops.sum(ops.square(x_adv - x)) / len(x)
        answer = ops.sum(ops.square(ops.softmax(logits_of(self.classifier, x_adv)) - targets)) / len(x)
        self.optimiser.descend(answer + self.attack.beta * distance)
        return {"L_x": distance, "L_y": answer}
