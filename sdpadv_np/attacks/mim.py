"""MIM: iterative FGSM with momentum (Dong et al. 2018)."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import checks
from .base import GradientAttack
from .parameters import parameter


@dataclass(frozen=True)
class MIM(GradientAttack):
    """m = decay m + g / mean|g|,  x_A = limit(x_A + step sign(m)), ``steps`` times from x.

    Defaults are CleverHans 3.0.1's (eps_iter 0.06, nb_iter 10, decay_factor 1).
    """

    step: float = parameter(0.06, checks.number, high=1)
    steps: int = parameter(10, checks.whole)
    decay: float = parameter(1.0, checks.number)

    iterative = True

    def _attack(self, x, goal, rng):
        x_adv, momentum = x, np.zeros_like(x)
        for _ in range(self.steps):
            gradient = self._gradient(x_adv, goal)
            momentum = self.decay * momentum + gradient / np.maximum(_mean_size(gradient), 1e-12)
            x_adv = self._limit(x_adv + self.step * np.sign(momentum), x)
        return x_adv


def _mean_size(gradient):
    """mean|g| of each image (N, 1, 1, 1), also where the sum overflows."""
    size, axes = np.abs(gradient), {"axis": (1, 2, 3), "keepdims": True}
    with np.errstate(over="ignore"):
        mean = size.mean(**axes)
    if np.isfinite(mean).all():
        return mean
    return np.where(np.isfinite(mean), mean, (size / size[0].size).sum(**axes))
