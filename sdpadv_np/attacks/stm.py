"""STM: the worst of many rotations and translations of each image (Engstrom et al. 2019).

CleverHans calls it SpatialTransformationMethod.
"""
from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from .. import checks, xp
from ..errors import ArgumentError
from ..kernels import affine_sample
from .base import Attack
from .parameters import parameter
from .queries import logits


def _axis(name, value, most) -> tuple[float, float, int]:
    """``value`` as (lowest, highest, how many)."""
    if not isinstance(value, (tuple, list, np.ndarray)) or len(value) != 3:
        raise ArgumentError(f"{name} is {value!r}; give (lowest, highest, how many), such as {name}=(-0.1, 0.1, 2)")
    lowest = checks.number(f"{name}'s lowest", value[0], -most, most)
    return (lowest, checks.number(f"{name}'s highest", value[1], lowest, most),
            checks.whole(f"{name}'s how many", value[2]))


@dataclass(frozen=True)
class STM(Attack):
    """Of all candidates (dx, dy, angle) each image keeps the one with the largest CE(f(x_A), label).

    With targets, the one with the smallest CE to the target. No gradient is needed, only logits. The
    defaults are those of CleverHans 3.0.1's class: 24 candidates, the identity not among them.

    dx, dy : (lowest, highest, how many) shifts, in fractions of the image, at most 1; the image moves to
        the left by dx of its width and up by dy of its height, as CleverHans has it
    angle : (lowest, highest, how many) rotations about the centre, in degrees, counter-clockwise
    n_samples : None tries the whole grid, dx outermost; a number tries that many draws from the three
        lists instead, the same for every image
    shift_twice : False rotates and shifts in one resampling. True does what CleverHans 3.0.1 does: rotate
        the image on a black margin, then translate it *twice* (so that it moves by twice dx and dy), each
        with its own bilinear resampling, and cut the margin off. With it candidates, their order, the
        choice and the resampling are CleverHans' up to rounding; not its black border option (0 by
        default), nor, on images that are not square, its measuring dx by the height and dy by the width.

    >>> import numpy as np, sdpadv_np as sd
    >>> attack = sd.attacks.STM(sd.models.ModelB())
    >>> x = np.random.default_rng(0).random((2, 1, 28, 28), np.float32)
    >>> len(attack.candidates()), attack(x).shape, attack.transformation(x).shape
    (24, (2, 1, 28, 28), (2, 3))
    """

    dx: tuple = parameter((-0.1, 0.1, 2), _axis, most=1)
    dy: tuple = parameter((-0.1, 0.1, 2), _axis, most=1)
    angle: tuple = parameter((-30.0, 30.0, 6), _axis, most=360)
    n_samples: int | None = parameter(None, checks.whole)
    shift_twice: bool = parameter(False, checks.flag)

    slow = True

    def candidates(self) -> np.ndarray:
        """(K, 3): dx and dy in fractions of the image, the angle in degrees."""
        axes = [np.linspace(*axis) for axis in (self.dx, self.dy, self.angle)]
        if self.n_samples is None:
            return np.array(list(itertools.product(*axes)))
        rng = np.random.default_rng(self.seed)
        return np.stack([rng.choice(axis, self.n_samples) for axis in axes], axis=1)

    def transformation(self, x, y=None, targets=None, progress: bool = True):
        """The candidate (N, 3) that ``attack(x, y, targets)`` chooses for each image: dx, dy, degrees."""
        chosen = self._in_batches(lambda *batch: self._worst(*batch)[1], x, y, targets, progress)
        return xp.like(self.candidates(), chosen)[chosen]

    def transform(self, x, candidate):
        """x (N, C, H, W) moved by one (dx, dy, angle)."""
        dx, dy, angle = candidate
        if not self.shift_twice:
            return _read(x, angle, dx, dy)
        height, width = x.shape[2:]
        margin = math.ceil(max(height, width) * math.sqrt(2) / 2 - min(height, width) / 2)  # keeps all corners
        padded = np.pad(x, ((0, 0), (0, 0), (margin, margin), (margin, margin)))
        wide, high = width / padded.shape[3], height / padded.shape[2]
        for step in ((angle, 0.0, 0.0), (0.0, dx * wide, dy * high), (0.0, dx * wide, dy * high)):
            padded = _read(padded, *step)
        return padded[:, :, margin : margin + height, margin : margin + width]

    def _attack(self, x, goal, rng):
        return self._worst(x, goal, rng)[0]

    def _worst(self, x, goal, rng):
        """(the worst images, which candidates they are); one candidate of all images is in memory at a time."""
        full = xp.array_module(x).full
        x_adv, chosen, most = x.copy(), full(len(x), 0), full(len(x), -np.inf)
        for k, candidate in enumerate(self.candidates()):
            moved = self.transform(x, candidate)
            loss = goal.loss(logits(self.classifier, moved, goal.images))
            worse = loss > most
            x_adv[worse], chosen[worse], most[worse] = moved[worse], k, loss[worse]
        return x_adv, chosen


def _read(x, angle, dx, dy):
    """x rotated about the centre, then shifted to the left by dx and up by dy, in one resampling; black outside."""
    height, width = x.shape[2:]
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    rotation = np.array([[c, -s * height / width], [s * width / height, c]])  # where the image spans [-1, 1]
    theta = np.column_stack([rotation, rotation @ (2 * dx, 2 * dy)]).astype(x.dtype)
    theta = np.tile(xp.like(theta, x), (len(x), 1, 1))
    return np.clip(affine_sample.forward(x, theta), 0, 1)  # rounding may leave this range
