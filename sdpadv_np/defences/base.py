"""The contract of a defence, and the training that defences share: a batch's images beside disturbed ones."""
from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np

from .. import checks, training, xp
from ..attacks.parameters import Parameters, parameter
from ..errors import ArgumentError
from ..models import Classifier
from ..models.classifier_training import ClassifierTraining


@dataclass(frozen=True)
class Defence(Parameters):
    """A frozen description of how a classifier is trained to withstand attacks.

    A subclass defines :meth:`disturb` and, if that needs random numbers, :meth:`draw`. The loss of a batch is
    (1 - weight) CE(f(x), y) + weight CE(f(x'), y), x' the disturbed images.

    weight : share of the disturbed images in the loss, in (0, 1]
    """

    _: KW_ONLY
    weight: float = parameter(0.5, checks.number, high=1, above=True)


    def draw(self, rng, x) -> tuple:
        """The random arrays that :meth:`disturb` takes for a batch x (N, C, H, W); drawn anew for every step."""
        return ()

    def disturb(self, classifier, x, y, *drawn):
        """The disturbed images x' (N, C, H, W) in [0, 1], an array, for images x and labels y (N,).

        It is part of a recorded step (autodiff/plan.py): arrays in, arrays out, no ``if`` on their values. No
        gradient flows through it.
        """
        raise TypeError(f"{type(self).__name__} is no defence; use one of sd.defences")

    def fit(
        self, classifier, x, y, x_val, y_val, epochs: int = 15, batch_size: int = 128, lr: float = 1e-3, seed: int = 0,
        checkpoint=None, progress: bool = True,
    ):
        """Train ``classifier`` with this defence; all other arguments are those of ``classifier.fit``.

        Returns the classifier, which is used, saved and loaded like any other; its ``settings["defence"]`` says how it
        was defended. The epoch with the best accuracy on the validation images as they are is kept.
        """
        task = self._training(classifier, x, y, x_val, y_val, epochs, batch_size, lr, seed)
        training.train(task, checkpoint, progress, classifier)
        return classifier

    def trained_by(
        self, classifier, x, y, x_val, y_val, epochs: int = 15, batch_size: int = 128, lr: float = 1e-3, seed: int = 0,
    ) -> dict:
        """The ``settings`` of a classifier after :meth:`fit` with the same arguments."""
        task = self._training(classifier, x, y, x_val, y_val, epochs, batch_size, lr, seed)
        return task.settings() | task.learned_from()

    def _training(self, classifier, *data) -> DefenceTraining:
        if not isinstance(classifier, Classifier):
            raise ArgumentError(
                f"classifier is a {type(classifier).__name__}; a defence trains a classifier of this package, "
                "such as sd.models.ModelB()"
            )
        return DefenceTraining(self, classifier, *data)


class DefenceTraining(ClassifierTraining):
    """The training of a classifier with a defence as a task of the epoch loop."""

    def __init__(self, defence: Defence, classifier, *data):
        super().__init__(classifier, *data)
        self.defence, self.title = defence, f"{self.title}, {defence.title}"
        self._epoch, self._rng = -1, np.random.default_rng(0)

    def settings(self):
        return {**super().settings(), "defence": {"name": self.defence.title, **self.defence.parameters()}}

    def step(self, chosen, epoch):
        if epoch != self._epoch:  # a training is resumed at the start of an epoch; the loop's own seed is [seed, epoch]
            self._epoch, self._rng = epoch, np.random.default_rng([self.seed, epoch, 1])
        self.optimiser.lr[...] = self.lr * (1 - self.optimiser.t / self.steps)
        x = self.x[chosen]
        drawn = (xp.like(array.astype(x.dtype), x) for array in self.defence.draw(self._rng, x))
        return self.plan(x, self.targets[chosen], *drawn)

    def learn(self, x, wanted, *drawn):
        """One step of Adam on a batch; the losses before it. Recorded: see autodiff/plan.py."""
        disturbed = self.defence.disturb(self.classifier, x, wanted, *drawn)
        clean = self.loss(self.logits(x), wanted)
        robust = self.loss(self.logits(disturbed), wanted)
        loss = (1 - self.defence.weight) * clean + self.defence.weight * robust
        self.optimiser.descend(loss)
        return {"loss": loss, "loss clean": clean, "loss disturbed": robust}
