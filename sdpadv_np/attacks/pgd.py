"""PGD: FGSM repeated in small steps from a random start (Madry et al. 2018); BIM: without the random start."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import checks
from .base import GradientAttack, uniform
from .parameters import parameter


@dataclass(frozen=True)
class PGD(GradientAttack):
    """``steps`` times x_A = limit(x_A + step sign(d CE / d x_A)), from a point drawn within eps of x.

    Defaults are CleverHans 3.0.1's (eps_iter 0.05, nb_iter 10); Madry et al. use 40 steps of 0.01.
    """

    step: float = parameter(0.05, checks.number, high=1)
    steps: int = parameter(10, checks.whole)
    random_start: bool = parameter(True, checks.flag)

    iterative = True

    def _attack(self, x, goal, rng):
        x_adv = x
        if self.random_start:
            x_adv = np.clip(x + uniform(rng, self.eps, x.shape, x), 0, 1)
        for _ in range(self.steps):
            x_adv = self._limit(np.clip(x_adv + self.step * np.sign(self._gradient(x_adv, goal)), 0, 1), x)
        return x_adv


@dataclass(frozen=True)
class BIM(PGD):
    """PGD that starts at x (Kurakin et al. 2017)."""

    random_start: bool = parameter(False, checks.flag)
