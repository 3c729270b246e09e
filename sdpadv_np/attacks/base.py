"""What all attacks share: how they are called, what they aim at, and the classifier's answers, checked.

An attack is a small frozen description. ``attack(x, y)`` cuts the images into batches, settles what
each batch aims at (a Goal), and hands it to ``_attack`` of the method, whose result it checks. Batches
bound the memory; an image's result depends on the batch it lies in only through random draws.
"""
from __future__ import annotations

import contextlib
import threading
from dataclasses import KW_ONLY, dataclass, fields
from typing import NamedTuple

import numpy as np

from .. import checks, xp
from ..autodiff import Plan, Tensor, grad, no_grad, ops
from ..errors import ArgumentError, AttackError, Error
from ..models import Foreign
from ..training import Progress

LABELS = ("predicted", "true")


class Goal(NamedTuple):
    """What an attack aims at: away from ``labels`` (N,), or, if ``targeted``, into them."""

    labels: np.ndarray
    targeted: bool = False

    def climb(self, logits):
        """(N,), what gradient attacks increase: CE(f(x), label), or -CE(f(x), target)."""
        loss = ops.cross_entropy(logits, labels=self.labels)
        return -loss if self.targeted else loss

    def margin(self, logits):
        """(N,), what margin attacks decrease, below 0 exactly where the goal is reached: Z_y - max of the others, or its negative."""
        margin = ops.margin(logits, labels=self.labels)
        return -margin if self.targeted else margin

    def reached(self, logits) -> np.ndarray:
        """(N,) booleans, by the predicted class of logits (an array)."""
        hit = logits.argmax(axis=1) == self.labels
        return hit if self.targeted else ~hit

    def of(self, images) -> Goal:
        """The goal of some of the images: an index array, a mask or a slice."""
        return Goal(self.labels[images], self.targeted)


class _Plans(threading.local):
    active = None  # {(function's name, targeted): Plan} while an iterative attack runs in this thread


_plans = _Plans()


@contextlib.contextmanager
def recorded_slopes():
    """Within this block :func:`slope` of a goal is recorded once and replayed; the plans' memory is let go at its end."""
    before, _plans.active = _plans.active, {}
    try:
        yield
    finally:
        _plans.active = before


def slope(classifier, x, function) -> tuple[np.ndarray, np.ndarray]:
    """(logits, gradient): logits (N, K) at x, and d sum(function(logits)) / dx, (N, C, H, W); function gives one number per image."""
    goal = getattr(function, "__self__", None)
    ours = hasattr(classifier, "store") or isinstance(classifier, Foreign)  # of others it is not known whether they can be recorded
    if _plans.active is None or not ours or not isinstance(goal, Goal):
        return _slope(classifier, x, function)
    key = id(classifier), function.__name__, goal.targeted
    if key not in _plans.active:

        def step(x, labels):
            return _slope(classifier, x, getattr(Goal(labels, key[2]), key[1]))

        _plans.active[key] = Plan(step, [classifier.store] if hasattr(classifier, "store") else [])
    return _plans.active[key](x, goal.labels)


def _slope(classifier, x, function):
    t = Tensor(x, requires_grad=True)
    z = classifier.logits(t)
    return z.data, grad(ops.sum(function(z)), [t])[0].data


def jacobian(classifier, x, classes) -> tuple[np.ndarray, np.ndarray]:
    """(logits, d Z_k / dx for each k of ``classes`` (N, k), as (N, k, C, H, W)): one forward pass, k backward passes."""
    t = Tensor(x, requires_grad=True)
    z = classifier.logits(t)
    rows = []
    for column in classes.T:
        g = (column[:, None] == xp.array_module(column).arange(z.shape[1])).astype(z.dtype)
        rows.append(grad(z, [t], g)[0].data)
    return z.data, np.stack(rows, axis=1)


def logits(classifier, x) -> np.ndarray:
    """The classifier's logits (N, K) at x, believed only after they were looked at."""
    with no_grad():
        z = classifier.logits(x)
    if not hasattr(z, "shape") or len(z.shape) != 2 or len(z) != len(x):
        raise ArgumentError(f"the classifier's logits have shape {getattr(z, 'shape', None)} for {len(x)} images; expected ({len(x)}, classes)")
    if not np.isfinite(z).all():
        raise ArgumentError(f"the classifier's logits at image {int(np.argmax(~np.isfinite(z).all(axis=1)))} of the batch are not finite; look at its weights")
    if z.min() >= 0 and np.abs(z.sum(axis=1) - 1).max() < 1e-3 and z.shape[1] > 1:
        raise ArgumentError("the classifier returns probabilities (no row has a negative number, each sums to 1); attacks need logits: return those before the softmax")
    return z


@dataclass(frozen=True)
class Attack:
    """``attack(x, y)`` makes adversarial examples.

    classifier : anything with ``logits(x)``
    labels : "predicted" attacks the classifier's own prediction on x (CleverHans' default, and what
        the paper's figures show), "true" attacks the labels given as y
    seed : of the random draws, where there are any
    batch_size : images at a time
    """

    classifier: object
    _: KW_ONLY
    labels: str = "predicted"
    seed: int = 0
    batch_size: int = 500

    slow = False  # whether a progress bar is worth its line
    iterative = False  # whether it asks for the same slope of one batch many times

    def __post_init__(self):
        checks.choice("labels", self.labels, LABELS)
        checks.whole("seed", self.seed, 0)
        checks.whole("batch_size", self.batch_size)

    def __call__(self, x, y=None, targets=None, progress: bool = True):
        """Adversarial examples for x (N, C, H, W) in [0, 1]; same shape, float32 (the classifier's dtype), x is not changed.

        NumPy arrays give NumPy arrays, CuPy's give CuPy's; in between each batch lies where the classifier does.

        y : (N,) true labels; needed if ``labels="true"``, ignored otherwise
        targets : (N,) classes into which each image is to be moved, instead of away from its label
        progress : show a bar with ETA, where the attack is slow and somebody watches
        """
        return self._in_batches(self._attack, x, y, targets, progress)

    def _in_batches(self, method, x, y, targets, progress):
        """method(x, goal, rng) of each batch, put together; x, y and targets are those of a call, and checked here."""
        x = checks.images(x, shape=getattr(self.classifier, "image_shape", None))
        x = x.astype(getattr(self.classifier, "dtype", np.float32), order="C", copy=False)  # methods write through flat views of a batch
        classes = getattr(self.classifier, "classes", 10)
        if targets is not None:
            aim = checks.labels(targets, len(x), classes, "targets")
        elif self.labels == "true":
            if y is None:
                raise ArgumentError('labels="true" needs the labels: call attack(x, y), or use labels="predicted"')
            aim = checks.labels(y, len(x), classes)
        else:
            aim = None
        place = self.classifier.store.data if hasattr(self.classifier, "store") else x
        rng, result = np.random.default_rng(self.seed), None
        with recorded_slopes() if self.iterative else contextlib.nullcontext(), Progress(type(self).__name__, len(x), progress and self.slow, unit="image") as bar:
            for start in range(0, len(x), self.batch_size):
                part = slice(start, start + self.batch_size)
                try:
                    here = xp.like(x[part], place)
                    z = logits(self.classifier, here)
                    goal = Goal(z.argmax(axis=1) if aim is None else xp.like(aim[part], here), targets is not None)
                    made = xp.like(method(here, goal, rng), x)
                except Error:
                    raise
                except Exception as error:
                    raise AttackError(f"{type(self).__name__}: images {start} to {start + len(x[part]) - 1} of {len(x)}: {type(error).__name__}: {error}") from error
                if result is None:
                    result = xp.array_module(made).empty((len(x), *made.shape[1:]), made.dtype)
                result[part] = made  # at once, so that no second copy is held at the end
                bar.update(steps=len(x[part]))
        return result

    def _attack(self, x, goal: Goal, rng):
        """Adversarial examples for one batch."""
        raise TypeError(f"{type(self).__name__} is no attack; use one of sd.attacks")

    def parameters(self) -> dict:
        """Every parameter but the classifier, to print and store."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "classifier"}


@dataclass(frozen=True)
class GradientAttack(Attack):
    """An attack that follows the classifier's gradient, as CleverHans 3.0.1 defines it.

    eps : largest change of a pixel, in [0, 1]
    """

    eps: float = 0.3

    def __post_init__(self):
        super().__post_init__()
        self._check_eps()

    def _check_eps(self):
        checks.number("eps", self.eps, 0, 1)

    def _gradient(self, x, goal):
        """d climb / dx."""
        return slope(self.classifier, x, goal.climb)[1]

    def _limit(self, x_adv, x):
        """Back within eps of x, and within [0, 1]."""
        return np.clip(x + np.clip(x_adv - x, -self.eps, self.eps), 0, 1)
