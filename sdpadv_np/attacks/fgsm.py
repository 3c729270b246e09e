"""FGSM: one step along the sign of the gradient (Goodfellow et al. 2015)."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .base import GradientAttack, input_gradient


@dataclass(frozen=True)
class FGSM(GradientAttack):
    """x_A = clip(x + eps sign(d CE / d x)).

    >>> import numpy as np, sdpadv_np as sd
    >>> attack = sd.attacks.FGSM(sd.models.ModelB(), eps=0.1)
    >>> x = np.full((1, 1, 28, 28), 0.5, np.float32)
    >>> round(float(abs(attack(x) - x).max()), 3)
    0.1
    """

    def _attack(self, x, y, rng):
        return np.clip(x + self.eps * np.sign(input_gradient(self.classifier, x, y)), 0, 1)
