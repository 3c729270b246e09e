"""SPSA: descent along gradients estimated from predictions alone (Uesato et al. 2018)."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import checks, xp
from ..errors import ArgumentError
from ..kernels import adam
from .base import GradientAttack, uniform
from .parameters import parameter
from .queries import logits

_NUMBERS = 4_000_000  # pixels of the points queried at a time; bounds the memory


@dataclass(frozen=True)
class SPSA(GradientAttack):
    """Lower the margin Z_y - max_{i != y} Z_i (with targets max_{i != t} Z_i - Z_t) within eps of x, from logits alone.

    x_A starts at a point drawn within eps of x. In each of ``steps`` steps, with s_1 ... s_{samples/2}
    drawn from {-1, 1} for every pixel,

        g = mean_j s_j (margin(x_A + delta s_j) - margin(x_A - delta s_j)) / 2,  x_A = limit(x_A - Adam(g)),

    as in CleverHans 3.0.1, except that the queried points are clipped to [0, 1]: a black box
    takes images. The classifier needs no gradients (``sd.models.ExternalClassifier`` without ``vjp``).

    samples : points queried for one estimate, an even number
    delta : their distance from x_A, in every pixel
    lr : Adam's learning rate
    steps : at most this many; CleverHans has no default
    random_start : if not, x_A starts at x
    stop_on_success : an image takes no further step once it is misclassified (or has reached its target), also at the
        outset; this queries less, changes less, and loses no success to a later step. Without it every image takes all
        steps, CleverHans' default

    >>> import numpy as np, sdpadv_np as sd
    >>> W = np.random.default_rng(0).standard_normal((784, 10)).astype(np.float32)
    >>> blackbox = sd.models.ExternalClassifier(lambda x: x.reshape(len(x), -1) @ W)
    >>> x = np.full((2, 1, 28, 28), 0.5, np.float32)
    >>> blackbox.predict(sd.attacks.SPSA(blackbox)(x)) == blackbox.predict(x)
    array([False, False])
    """

    batch_size: int = parameter(100, checks.whole)
    samples: int = parameter(128, checks.whole, low=2)
    delta: float = parameter(0.01, checks.number, above=True)
    lr: float = parameter(0.01, checks.number, above=True)
    steps: int = parameter(100, checks.whole)
    random_start: bool = parameter(True, checks.flag)
    stop_on_success: bool = parameter(True, checks.flag)

    slow = True

    def __post_init__(self):
        super().__post_init__()
        if self.samples % 2:
            raise ArgumentError(f"samples is {self.samples}; it must be even, points come in mirrored pairs")

    def _attack(self, x, goal, rng):
        module = xp.array_module(x)
        x_adv, active = x.copy(), module.arange(len(x))
        if self.stop_on_success:
            active = self._remaining(x, goal, active)[0]
        if self.random_start:
            x_adv[active] = self._limit(x[active] + uniform(rng, self.eps, (len(active), *x.shape[1:]), x), x[active])
        t, m, v = module.zeros((), np.int64), np.zeros_like(x_adv[active]), np.zeros_like(x_adv[active])
        for _ in range(self.steps):
            if self.stop_on_success:
                active, left = self._remaining(x_adv, goal, active)
                m, v = m[left], v[left]
            if not len(active):
                break
            moved = x_adv[active]
            gradient = self._estimate(moved, goal.of(active), rng)
            adam.step(moved.ravel(), gradient.ravel(), m.ravel(), v.ravel(), t, self.lr, 0.9, 0.999, 1e-9)
            x_adv[active] = self._limit(moved, x[active])
        return x_adv

    def _remaining(self, x_adv, goal, active):
        """The active images that have not reached the goal, as indices and as a mask on ``active``."""
        if not len(active):
            return active, active > 0
        left = ~goal.of(active).reached(logits(self.classifier, x_adv[active], goal.images[active]))
        return active[left], left

    def _estimate(self, x, goal, rng):
        """g as above, a few directions at a time."""
        pairs, total = self.samples // 2, np.zeros_like(x)
        at_once = max(1, min(pairs, _NUMBERS // (2 * x.size)))
        for first in range(0, pairs, at_once):
            signs = xp.like(_signs(rng, (min(at_once, pairs - first), *x.shape), x.dtype), x)
            points = np.clip(np.stack([x + self.delta * signs, x - self.delta * signs]), 0, 1)
            labels, images = (np.tile(a, 2 * len(signs)) for a in (goal.labels, goal.images))
            z = self._query(points.reshape(-1, *x.shape[1:]), images)
            up, down = goal._replace(labels=labels, images=images).margin(z).reshape(2, len(signs), len(x))
            total += np.einsum("jn,jnchw->nchw", up - down, signs)
        return total / self.samples

    def _query(self, points, images):
        """The logits of many points, ``batch_size`` at a time."""
        parts = [slice(k, k + self.batch_size) for k in range(0, len(points), self.batch_size)]
        return np.concatenate([logits(self.classifier, points[part], images[part]) for part in parts])


def _signs(rng, shape, dtype):
    """-1 or 1 with equal chance, from one random bit each."""
    count = int(np.prod(shape))
    bits = np.unpackbits(np.frombuffer(rng.bytes(-(-count // 8)), np.uint8), count=count)
    return (2 * bits.astype(dtype) - 1).reshape(shape)
