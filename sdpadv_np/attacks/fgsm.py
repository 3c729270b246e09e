"""FGSM: one step along the gradient (Goodfellow et al. 2015); R+FGSM: a random step before it (Tramèr et al. 2018)."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import checks, xp
from ..errors import ArgumentError
from .base import GradientAttack
from .parameters import parameter

NORMS = ("linf", "l2", "l1")


def steepest(gradient, norm: str):
    """For each image (N, C, H, W) the step of length 1 in ``norm`` of steepest ascent; 0 where the gradient is 0.

    linf: the signs. l2: the scaled gradient. l1: all on the pixels of the largest derivative, shared equally between
    ties, as in CleverHans.
    """
    if norm == "linf":
        return np.sign(gradient)
    axes, size = (1, 2, 3), np.abs(gradient)
    largest = size.max(axis=axes, keepdims=True)
    if norm == "l1":
        hit = (size == largest) & (largest > 0)
        return np.sign(gradient) * hit / np.maximum(hit.sum(axis=axes, keepdims=True), 1).astype(gradient.dtype)
    scaled = gradient / np.where(largest > 0, largest, 1)  # so that squares do not underflow
    length = np.sqrt(np.square(scaled).sum(axis=axes, keepdims=True))
    return scaled / np.where(length > 0, length, 1)


@dataclass(frozen=True)
class FGSM(GradientAttack):
    """x_A = clip(x + eps s), s the steepest step of length 1 in ``norm``; for "linf" s = sign(d CE / d x).

    eps : length of the step in ``norm``; at most 1 for "linf"
    norm : "linf" (the paper's), "l2" or "l1"

    >>> import numpy as np, sdpadv_np as sd
    >>> attack = sd.attacks.FGSM(sd.models.ModelB(), eps=0.1)
    >>> x = np.full((1, 1, 28, 28), 0.5, np.float32)
    >>> round(float(abs(attack(x) - x).max()), 3)
    0.1
    """

    eps: float = parameter(0.3, checks.number, high=float(np.finfo(np.float32).max))
    norm: str = parameter("linf", checks.choice, options=NORMS)

    def __post_init__(self):
        super().__post_init__()
        if self.norm == "linf":
            checks.number("eps", self.eps, high=1)

    @property
    def _reach(self):
        return self.eps if self.norm == "linf" else None

    def _attack(self, x, goal, rng):
        return np.clip(x + self.eps * steepest(self._gradient(x, goal), self.norm), 0, 1)


@dataclass(frozen=True)
class RFGSM(GradientAttack):
    """R+FGSM: x' = clip(x + start sign(N(0, I))), x_A = clip(x' + (eps - start) sign(d CE / d x')).

    start : length of the random step, at most eps. None: the smaller of 0.05, as in Defense-GAN's experiments, and
        eps / 2, as Tramèr et al.
    """

    start: float | None = parameter(None, checks.number, high=1)

    def __post_init__(self):
        super().__post_init__()
        if self.start is not None and self.start > self.eps:
            raise ArgumentError(f"start is {self.start}, more than eps = {self.eps}; the random step is a part of eps: "
                                "give at most that, or None")

    def _attack(self, x, goal, rng):
        drawn = xp.like(rng.standard_normal(x.shape, np.float32), x)
        start = min(0.05, self.eps / 2) if self.start is None else self.start
        started = np.clip(x + start * np.sign(drawn), 0, 1)
        return np.clip(started + (self.eps - start) * np.sign(self._gradient(started, goal)), 0, 1)
