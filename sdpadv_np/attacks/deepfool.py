"""DeepFool: repeated steps onto the nearest linearised boundary (Moosavi-Dezfooli et al. 2016)."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import checks, xp
from ..errors import ArgumentError
from .base import Attack
from .parameters import parameter
from .queries import jacobian, logits

_BEYOND = 1e-5  # added to |f_k|: across the boundary, not onto it
_FLAT = 1e-12  # smallest length of w_k: no step and no NaN where the logits are flat


@dataclass(frozen=True)
class DeepFool(Attack):
    """A short way, in L2, across the boundary of the label, as CleverHans 3.0.1 defines it.

    At each x_A = clip(x + r) the classifier is replaced by its tangent. With the classes ordered by
    their logits there, Z_0 that of the label, the boundary to class k lies |f_k| / ||w_k|| away,
    f_k = Z_k - Z_0 and w_k = d f_k / dx; r grows by the step onto the nearest one. Once the
    prediction has left the label (or after ``steps``), x_A = clip(x + (1 + overshoot) r).

    candidates : number of the largest logits that are considered, the label's included
    overshoot : how far x_A goes beyond the boundary, relative to r
    steps : at most this many; an image whose prediction did not change comes back as far as it got

    An image whose prediction is not the label in the first place comes back unchanged. There is no
    targeted form.

    >>> import numpy as np, sdpadv_np as sd
    >>> attack = sd.attacks.DeepFool(sd.models.ModelB())
    >>> x = np.full((2, 1, 28, 28), 0.5, np.float32)
    >>> attack.classifier.predict(attack(x)) == attack.classifier.predict(x)
    array([False, False])
    """

    candidates: int = parameter(10, checks.whole, low=2)
    overshoot: float = parameter(0.02, checks.number)
    steps: int = parameter(50, checks.whole)

    slow = True

    def _attack(self, x, goal, rng):
        if goal.targeted:
            raise ArgumentError("DeepFool has no targeted form; call it without targets, or use CarliniWagner")
        r, active, x_adv = np.zeros_like(x), xp.array_module(x).arange(len(x)), x
        for step in range(self.steps + 1):
            z = logits(self.classifier, x_adv, goal.images[active])
            left = ~goal.of(active).reached(z)
            active = active[left]
            if step == self.steps or not len(active):
                break
            r[active] += self._step(x_adv[left], z[left], goal.images[active])
            x_adv = np.clip(x[active] + r[active], 0, 1)
        return np.clip(x + (1 + self.overshoot) * r, 0, 1)

    def _step(self, x, z, images):
        """From x, whose logits z are largest at the label, the step onto the nearest boundary of the tangent."""
        order = np.argsort(-z, axis=1, kind="stable")[:, : self.candidates]
        z, gradients = jacobian(self.classifier, x, order, images)
        z = np.take_along_axis(z, order, axis=1)
        f, w = z[:, 1:] - z[:, :1], gradients[:, 1:] - gradients[:, :1]
        with np.errstate(over="ignore"):
            length = np.sqrt(np.square(w).sum(axis=(2, 3, 4)))
        # the unit of w: 1, unless the square of w overflows
        unit = np.where(np.isfinite(length), 1, np.abs(w).max(axis=(2, 3, 4))).astype(w.dtype)
        if not np.isfinite(length).all():
            w = w / unit[:, :, None, None, None]
            length = np.sqrt(np.square(w).sum(axis=(2, 3, 4)))
        length = np.maximum(length, _FLAT)
        distance = (np.abs(f) + _BEYOND) / unit / length
        nearest = xp.array_module(x).arange(len(x)), distance.argmin(axis=1)
        return (distance / length)[nearest][:, None, None, None] * w[nearest]
