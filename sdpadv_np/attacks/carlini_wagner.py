"""Carlini & Wagner's L2 attack (2017): the smallest change that still fools, found by descent and a search over c."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import checks, xp
from ..autodiff import ops
from ..kernels import adam
from .base import Attack, Nearest
from .parameters import parameter
from .queries import logits_and_gradient, margin

_PIXELS = (1, 2, 3)
_UNBOUNDED = 1e10  # the upper bound of c before the first success
_REPEAT = 10  # from this many rounds on, the last one repeats the largest c that is needed


@dataclass(frozen=True)
class CarliniWagner(Attack):
    """min ||x_A - x||^2 + c max(0, margin + kappa) over w, x_A = (tanh(w) + 1) / 2, as CleverHans 3.0.1 defines it.

    margin is Z_y - max_{i != y} Z_i, or with targets max_{i != t} Z_i - Z_t: below -kappa the
    image counts as a success. Each round descends with Adam from x; after it every image's own c
    goes down after a success, half way to the largest c that failed, and up after a failure: tenfold
    while no c has succeeded, else half way to the smallest that did. The success nearest to x over
    all rounds is returned; **an image without one comes back unchanged**.

    kappa : by how much the logit of another class must exceed the label's
    lr : Adam's learning rate, on w
    initial_c : c of the first round
    search_steps : rounds, each with another c
    steps : of Adam in a round
    abort_early : an image leaves the round once a tenth of the steps has lowered its loss by less than 0.01 % (in
        CleverHans, once that holds for the sum over the batch, of one image by default). It saves time and may cost a
        little: the loss could have fallen later

    An image's result does not depend on the others of its batch.

    >>> import numpy as np, sdpadv_np as sd
    >>> attack = sd.attacks.CarliniWagner(sd.models.ModelB(), steps=100)
    >>> x = np.full((2, 1, 28, 28), 0.5, np.float32)
    >>> attack.classifier.predict(attack(x)) == attack.classifier.predict(x)
    array([False, False])
    """

    batch_size: int = parameter(100, checks.whole)
    kappa: float = parameter(0.0, checks.number)
    lr: float = parameter(5e-3, checks.number, above=True)
    initial_c: float = parameter(1e-2, checks.number, above=True)
    search_steps: int = parameter(5, checks.whole)
    steps: int = parameter(1000, checks.whole)
    abort_early: bool = parameter(True, checks.flag)

    slow = True
    iterative = True

    def _attack(self, x, goal, rng):
        best, full = Nearest(x.copy()), xp.array_module(x).full
        low, high, c = full(len(x), 0.0), full(len(x), _UNBOUNDED), full(len(x), self.initial_c)
        for round_ in range(self.search_steps):
            if round_ == self.search_steps - 1 and self.search_steps >= _REPEAT:
                c = high
            success = self._descend(x, goal, c, best)
            high, low = np.where(success, np.minimum(high, c), high), np.where(success, low, np.maximum(low, c))
            c = np.where(high < _UNBOUNDED, (low + high) / 2, 10 * c)
        return best.results

    def _descend(self, x, goal, c, best) -> np.ndarray:
        """One round from x with each image's c (N,); ``best`` gets every success. Returns which images had one (N,)."""
        run, full = _Run(x, goal, c), xp.array_module(x).full
        success, every, before = full(len(x), False), max(1, self.steps // 10), full(len(x), np.inf)
        for step in range(self.steps):
            x_adv, l2sq, margin = run.evaluate(self.classifier, self.kappa)
            won = margin < -self.kappa
            success[run.images[won]] = True
            best.offer(run.images[won], x_adv[won], l2sq[won])
            if self.abort_early and step % every == 0:
                loss = l2sq + run.c * np.maximum(margin + self.kappa, 0)
                falling = loss <= 0.9999 * before
                if not falling.any():
                    break
                before = loss[falling]
                run.keep(falling)
            run.descend(self.lr)
        return success


def _hinge(logits, labels, c, targeted, kappa):
    """(N,), c max(0, margin + kappa)."""
    return c * ops.relu(margin(logits, labels, targeted) + kappa)



class _Run:
    """The images still descending: ``images`` (n,) their indices in the batch, w and Adam's moments (n, C, H, W)."""

    def __init__(self, x, goal, c):
        module = xp.array_module(x)
        self.x, self.goal, self.c = x, goal, c.astype(x.dtype)
        self.images, self.t = module.arange(len(x)), module.zeros((), np.int64)
        self.w = np.arctanh(x.dtype.type(0.999999) * (2 * x - 1))
        self.m, self.v, self.gradient = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)

    def keep(self, some):
        """Continue with some of the images, a mask."""
        for name in ("x", "c", "images", "w", "m", "v", "gradient"):
            setattr(self, name, getattr(self, name)[some])
        self.goal = self.goal.of(some)

    def evaluate(self, classifier, kappa):
        """(x_A, ||x_A - x||^2, margin) at w; the gradient of the loss with respect to w is kept for ``descend``."""
        tanh = np.tanh(self.w)
        x_adv = (tanh + 1) / 2
        change = x_adv - self.x
        z, g = logits_and_gradient(
            classifier, x_adv, _hinge, self.goal.labels, self.c,
            images=self.goal.images, targeted=self.goal.targeted, kappa=kappa)
        self.gradient = (g + 2 * change) * ((1 - tanh * tanh) / 2)
        return x_adv, np.square(change).sum(axis=_PIXELS), self.goal.margin(z)

    def descend(self, lr):
        """One step of Adam; it is elementwise, so the batch is one long vector."""
        adam.step(self.w.ravel(), self.gradient.ravel(), self.m.ravel(), self.v.ravel(), self.t, lr, 0.9, 0.999, 1e-8)
