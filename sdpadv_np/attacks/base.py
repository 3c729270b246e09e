"""The base of all attacks: calls, batches and goals.

An attack is a small frozen description. ``attack(x, y)`` cuts the images into batches, makes the Goal of each batch,
and passes both to the method's ``_attack``, whose result it checks. Batches bound the memory; an image's result depends
on its batch only through random draws and the last bits (the sign of a derivative near 0 may change).
"""
from __future__ import annotations

import contextlib
from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from .. import checks, xp
from ..errors import ArgumentError, AttackError, Error
from ..models.interface import classes_of, dtype_of, image_shape_of
from ..nn import reading, store_of
from ..training import Progress, one_blas_thread
from .parameters import Parameters, classifier_like, parameter
from .queries import Goal, checked_adversarial, logits, logits_and_gradient, recorded_gradients

LABELS = ("predicted", "true")


@dataclass(frozen=True)
class Attack(Parameters):
    """``attack(x, y)`` makes adversarial examples.

    classifier : anything with ``logits(x)``, for gradients of recorded Tensors too; it gets arrays as copies. Its
        ``classes`` (a number), ``image_shape`` (three numbers) and ``dtype`` (NumPy's float32 or float64) are used
        if it has them; attributes of these names with other values are ignored
    labels : "predicted" attacks the classifier's own prediction on x (CleverHans' default, as in the paper's
        figures), "true" attacks the labels given as y
    seed : of the random draws, where there are any
    batch_size : images at a time
    """

    classifier: object = field(metadata={"check": classifier_like})
    _: KW_ONLY
    labels: str = parameter("predicted", checks.choice, options=LABELS)
    seed: int = parameter(0, checks.whole, low=0)
    batch_size: int = parameter(500, checks.whole)

    slow = False  # whether to show a progress bar
    iterative = False  # whether it asks for the same gradient of one batch many times

    @property
    def _reach(self) -> float | None:
        """The largest change of a pixel, where that is bounded."""
        return None

    def __call__(self, x, y=None, targets=None, progress: bool = True):
        """Adversarial examples for x (N, C, H, W) in [0, 1], in the classifier's dtype; x is not changed.

        NumPy arrays give NumPy arrays, CuPy's give CuPy's; the batches are computed on the classifier's device.

        y : (N,) true labels; needed if ``labels="true"``, ignored otherwise
        targets : (N,) classes into which each image is to be moved, instead of away from its label
        progress : show a bar with the time left, if the attack is slow and standard error a terminal
        """
        return self._in_batches(self._made, x, y, targets, progress)

    def _in_batches(self, method, x, y, targets, progress):
        """method(x, goal, rng) of each batch, concatenated; x, y and targets are a call's arguments, checked here."""
        if self.classifier is None:
            raise ArgumentError(f"this {self.title} was made without a classifier; give one")
        x = checks.images(x, shape=image_shape_of(self.classifier))
        x = x.astype(dtype_of(self.classifier), order="C", copy=False)  # methods write through flat views of a batch
        aim = self._aim(y, targets, len(x))
        store = store_of(self.classifier)
        place = x if store is None else store.data
        rng, result = np.random.default_rng(self.seed), None
        with reading(self.classifier), contextlib.ExitStack() as stack:
            if store is not None:
                stack.enter_context(one_blas_thread())
            if self.iterative:
                stack.enter_context(recorded_gradients())
            bar = stack.enter_context(Progress(self.title, len(x), progress and self.slow, unit="image"))
            for start in range(0, len(x), self.batch_size):
                part = slice(start, start + self.batch_size)
                try:
                    here = xp.like(xp.array_module(x).ascontiguousarray(x[part]), place)
                    images = xp.array_module(here).arange(start, start + len(here))
                    z = logits(self.classifier, here, images)
                    if aim is not None and aim.max() >= z.shape[1]:
                        raise ArgumentError(
                            f"{'y' if targets is None else 'targets'} has labels up to {aim.max()}; "
                            f"the classifier's logits are {z.shape[1]} wide, expected 0 to {z.shape[1] - 1}"
                        )
                    labels = z.argmax(axis=1) if aim is None else xp.like(aim[part], here)
                    goal = Goal(labels, targets is not None, images)
                    made = xp.like(method(here, goal, rng), x)
                except Error:
                    raise
                except Exception as error:
                    raise AttackError(
                        f"{self.title}: images {start} to {start + len(x[part]) - 1} of {len(x)}: "
                        f"{type(error).__name__}: {error}"
                    ) from error
                if result is None:
                    result = xp.array_module(made).empty((len(x), *made.shape[1:]), made.dtype)
                result[part] = made  # at once, so that no second copy is held at the end
                bar.update(steps=len(x[part]))
        return result

    def _aim(self, y, targets, count):
        """The labels to leave or the targets to reach, (count,); None where the predictions are to be left."""
        classes = classes_of(self.classifier)
        if targets is not None:
            if self.labels == "true" and y is not None:
                raise ArgumentError(
                    'y and targets: labels="true" leaves the labels y, targets= moves into targets; give one of them'
                )
            return checks.labels(targets, count, classes, "targets")
        if self.labels != "true":
            return None
        if y is None:
            raise ArgumentError('labels="true" needs the labels: call attack(x, y), or use labels="predicted"')
        return checks.labels(y, count, classes)

    def _made(self, x, goal, rng):
        """The method's result for one batch, checked."""
        return checked_adversarial(self.title, self._attack(x, goal, rng), x, self._reach, goal.images)

    def _attack(self, x, goal: Goal, rng):
        """Adversarial examples for one batch."""
        raise TypeError(f"{type(self).__name__} is no attack; use one of sd.attacks")


def uniform(rng, reach: float, shape, like):
    """Numbers drawn from [-reach, reach], in the dtype and on the device of the array ``like``."""
    return xp.like(rng.uniform(-reach, reach, shape).astype(like.dtype), like)


class Nearest:
    """For each image of a batch the least distorting result that reached its goal, its ``start`` while none did.

    results : (N, ...) adversarial images, or flows; ``start`` itself, which is changed
    distortion : (N,), infinite where there is none
    """

    def __init__(self, start):
        self.results, self.distortion = start, xp.array_module(start).full(len(start), np.inf)

    @property
    def any(self):
        """A mask (N,): the images that have such a result."""
        return np.isfinite(self.distortion)

    def offer(self, images, results, distortion):
        """Results that reached the goals of the images with these numbers."""
        nearer = distortion < self.distortion[images]
        self.results[images[nearer]], self.distortion[images[nearer]] = results[nearer], distortion[nearer]


@dataclass(frozen=True)
class GradientAttack(Attack):
    """An attack that follows the classifier's gradient, as CleverHans 3.0.1 defines it.

    eps : largest change of a pixel, in [0, 1]
    """

    eps: float = parameter(0.3, checks.number, high=1)

    @property
    def _reach(self):
        return self.eps

    def _gradient(self, x, goal):
        """d loss / dx."""
        return logits_and_gradient(self.classifier, x, goal, Goal.loss)[1]

    def _limit(self, x_adv, x):
        """Back within eps of x, and within [0, 1]."""
        return np.clip(x + np.clip(x_adv - x, -self.eps, self.eps), 0, 1)
