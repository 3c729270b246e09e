"""Adversarial training on FGSM images (Goodfellow et al. 2015), as CleverHans implements it and the paper uses it."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import checks
from ..attacks.base import LABELS
from ..attacks.parameters import parameter
from ..autodiff import Tensor, grad, ops
from .base import Defence


@dataclass(frozen=True)
class AdvTrain(Defence):
    """Half of the loss is that of x' = clip(x + eps sign(d CE(f(x), label) / d x)), made anew in every step.

    The paper's figures are for eps 0.3. As its Tables 1 and 2 show, the classifier withstands FGSM, but not PGD, SdAdv
    or SdpAdv.

    eps : largest change of a pixel
    labels : "predicted" (CleverHans' default) lets x' leave the classifier's own prediction, "true" the label

    >>> import sdpadv_np as sd
    >>> d, f = sd.data.load("glyphs"), sd.models.ModelB()
    >>> f = sd.defences.AdvTrain(eps=0.1).fit(f, d.x_train, d.y_train, d.x_val, d.y_val, epochs=2, progress=False)
    >>> f.settings["defence"]
    {'name': 'AdvTrain', 'weight': 0.5, 'eps': 0.1, 'labels': 'predicted'}
    """

    eps: float = parameter(0.3, checks.number, high=1)
    labels: str = parameter("predicted", checks.choice, options=LABELS)

    def disturb(self, classifier, x, y):
        t = Tensor(x, requires_grad=True)
        logits = classifier.logits(t)
        labels = y if self.labels == "true" else logits.data.argmax(axis=1)
        (gradient,) = grad(ops.sum(ops.cross_entropy(logits, labels=labels)), [t])
        return np.clip(x + self.eps * np.sign(gradient.data), 0, 1)
