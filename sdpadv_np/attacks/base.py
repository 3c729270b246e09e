"""What all attacks share: how they are called, whose labels they use, and the gradient they follow."""
from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from .. import checks
from ..autodiff import Tensor, grad, ops

LABELS = ("predicted", "true")


def input_gradient(classifier, x, y) -> np.ndarray:
    """d CE(f(x), y) / d x for each image, (N, C, H, W)."""
    t = Tensor(x, requires_grad=True)
    loss = ops.sum(ops.cross_entropy(classifier.logits(t), labels=y))
    return grad(loss, [t])[0].data


@dataclass(frozen=True)
class GradientAttack:
    """An attack that follows the classifier's gradient, as CleverHans 3.0.1 defines it.

    classifier : anything with ``logits(x)``
    eps : largest change of a pixel, in [0, 1]
    labels : "predicted" attacks the classifier's own prediction on x (CleverHans' default, and what
        the paper's figures show), "true" attacks the labels given as y
    seed : of the random start, where there is one
    batch_size : images at a time
    """

    classifier: object
    eps: float = 0.3
    labels: str = "predicted"
    seed: int = 0
    batch_size: int = 500

    def __post_init__(self):
        self._check_eps()
        checks.choice("labels", self.labels, LABELS)
        checks.whole("seed", self.seed, 0)
        checks.whole("batch_size", self.batch_size)

    def _check_eps(self):
        checks.number("eps", self.eps, 0, 1)

    def __call__(self, x, y=None):
        """Adversarial examples for x (N, C, H, W) in [0, 1]; same shape, float32 (the classifier's dtype), x is not changed.

        y (N,) are the true labels; needed if ``labels="true"``, ignored otherwise.
        """
        x = checks.images(x, shape=getattr(self.classifier, "image_shape", None))
        x = x.astype(getattr(self.classifier, "dtype", np.float32), copy=False)
        if self.labels == "true":
            if y is None:
                raise checks.ArgumentError('labels="true" needs the labels: call attack(x, y), or use labels="predicted"')
            y = checks.labels(y, len(x), getattr(self.classifier, "classes", 10))
        rng, parts = np.random.default_rng(self.seed), []
        for start in range(0, len(x), self.batch_size):
            part = slice(start, start + self.batch_size)
            target = y[part] if self.labels == "true" else self.classifier.logits(x[part]).argmax(axis=1)
            parts.append(self._attack(x[part], target, rng))
        return np.concatenate(parts)

    def parameters(self) -> dict:
        """Every parameter but the classifier, to print and store."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "classifier"}

    def _limit(self, x_adv, x):
        """Back within eps of x, and within [0, 1]."""
        return np.clip(x + np.clip(x_adv - x, -self.eps, self.eps), 0, 1)
