"""MIM: iterative FGSM with momentum (Dong et al. 2018)."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import checks
from .base import GradientAttack


@dataclass(frozen=True)
class MIM(GradientAttack):
    """m = decay m + g / mean|g|,  x_A = limit(x_A + step sign(m)), ``steps`` times from x.

    Defaults are CleverHans 3.0.1's (eps_iter 0.06, nb_iter 10, decay_factor 1).
    """

    step: float = 0.06
    steps: int = 10
    decay: float = 1.0

    iterative = True

    def __post_init__(self):
        super().__post_init__()
        checks.number("step", self.step, 0, 1)
        checks.whole("steps", self.steps)
        checks.number("decay", self.decay)

    def _attack(self, x, goal, rng):
        x_adv, momentum = x, np.zeros_like(x)
        for _ in range(self.steps):
            gradient = self._gradient(x_adv, goal)
            scale = np.abs(gradient).mean(axis=(1, 2, 3), keepdims=True)
            momentum = self.decay * momentum + gradient / np.maximum(scale, 1e-12)
            x_adv = self._limit(x_adv + self.step * np.sign(momentum), x)
        return x_adv
