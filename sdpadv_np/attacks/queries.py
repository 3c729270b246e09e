"""Queries of an attack to the classifier: logits and gradients, checked before use."""
from __future__ import annotations

import contextlib
import functools
import threading
from typing import NamedTuple

import numpy as np

from .. import checks, xp
from ..autodiff import Plan, Tensor, grad, no_grad, ops
from ..autodiff.tensor import enable_grad, raw
from ..errors import ArgumentError, AttackError
from ..models import ExternalClassifier
from ..models.interface import logits_of
from ..nn import store_of


class Goal(NamedTuple):
    """The goal of an attack: away from ``labels`` (N,), or, if ``targeted``, into them.

    images : (N,) numbers of the images in the whole call, for messages
    """

    labels: np.ndarray
    targeted: bool = False
    images: np.ndarray | None = None

    def loss(self, logits):
        """(N,), what gradient attacks increase: see :func:`cross_entropy`."""
        return cross_entropy(logits, self.labels, self.targeted)

    def margin(self, logits):
        """(N,), what margin attacks decrease: see :func:`margin`."""
        return margin(logits, self.labels, self.targeted)

    def reached(self, logits) -> np.ndarray:
        """(N,) booleans, by the predicted class of logits (an array)."""
        hit = logits.argmax(axis=1) == self.labels
        return hit if self.targeted else ~hit

    def of(self, images) -> Goal:
        """The goal of some of the images: an index array, a mask or a slice."""
        return Goal(self.labels[images], self.targeted, None if self.images is None else self.images[images])


def cross_entropy(logits, labels, targeted: bool):
    """(N,), CE(f(x), label), to be increased; -CE(f(x), target) if ``targeted``."""
    loss = ops.cross_entropy(logits, labels=labels)
    return -loss if targeted else loss


def margin(logits, labels, targeted: bool):
    """(N,), Z_y - max of the others, or its negative if ``targeted``: below 0 exactly where the goal is reached."""
    difference = ops.margin(logits, labels=labels)
    return -difference if targeted else difference


class _Plans(threading.local):
    active: dict | None = None  # {(classifier's id, criterion, settings): Plan} in this thread's iterative attack


_plans = _Plans()


@contextlib.contextmanager
def recorded_gradients():
    """Within this block :func:`logits_and_gradient` is recorded once per criterion and replayed."""
    before, _plans.active = _plans.active, {}
    try:
        yield
    finally:
        _plans.active = before


def logits_and_gradient(classifier, x, criterion, *arrays, images=None, **settings) -> tuple[np.ndarray, np.ndarray]:
    """(logits (N, K) at x, d sum(criterion(logits, *arrays, **settings)) / dx, (N, C, H, W)).

    criterion : gives one number per image; a function of a module, so that recorded steps know it again
    arrays : what may change from call to call (labels, weights of the images)
    images : (N,) their numbers, for messages
    settings : constants of the criterion
    """
    # only our own are recorded: others may answer a little otherwise each time, and the time they take is theirs
    if _plans.active is None or store_of(classifier) is None:
        z, gradient = _logits_and_gradient(classifier, criterion, settings, x, *arrays)
    else:
        key = id(classifier), criterion, tuple(sorted(settings.items()))
        if key not in _plans.active:
            step = functools.partial(_logits_and_gradient, classifier, criterion, settings)
            _plans.active[key] = Plan(step, [classifier.store])
        z, gradient = _plans.active[key](x, *arrays)
    return checked_logits(z, len(x), images), checked_gradient(classifier, gradient, images)


@enable_grad()
def _logits_and_gradient(classifier, criterion, settings, x, *arrays):
    t = Tensor(x, requires_grad=True)
    z = logits_of(classifier, t)
    with np.errstate(over="ignore"):  # the sum itself is not used; the logits and the gradient are checked
        total = ops.sum(criterion(z, *arrays, **settings))
    return z.data, grad(total, [t])[0].data


@enable_grad()
def jacobian(classifier, x, classes, images=None) -> tuple[np.ndarray, np.ndarray]:
    """(logits, d Z_k / dx for each k of ``classes`` (N, k), as (N, k, C, H, W)): one forward, k backward passes."""
    t = Tensor(x, requires_grad=True)
    z = logits_of(classifier, t)
    rows = []
    for column in classes.T:
        g = (column[:, None] == xp.array_module(column).arange(z.shape[1])).astype(z.dtype)
        rows.append(checked_gradient(classifier, grad(z, [t], g)[0].data, images))
    return z.data, np.stack(rows, axis=1)


def logits(classifier, x, images=None) -> np.ndarray:
    """The classifier's logits (N, K) at x, checked."""
    with no_grad():
        z = raw(logits_of(classifier, x))
    if not hasattr(z, "shape"):
        raise ArgumentError(f"the classifier's logits are a {type(z).__name__} for {len(x)} images; "
                            f"expected an array ({len(x)}, classes)")
    z = checked_logits(xp.as_array(z), len(x), images)
    if z.min() >= 0 and np.abs(z.sum(axis=1) - 1).max() < 1e-3 and z.shape[1] > 1:
        raise ArgumentError(
            "the classifier returns probabilities (no row has a negative number, each sums to 1); "
            "attacks need logits: return those before the softmax"
        )
    return z


def checked_logits(z, count: int, images=None):
    """``z``, if it is finite logits (count, K)."""
    if z.ndim != 2 or len(z) != count:
        raise ArgumentError(
            f"the classifier's logits have shape {z.shape} for {count} images; expected ({count}, classes)")
    if z.dtype not in xp.FLOATS:
        raise ArgumentError(f"the classifier's logits have dtype {z.dtype}; expected float32 (or float64)")
    if not checks.finite(z):
        raise ArgumentError(f"the classifier's logits at image {_first(~np.isfinite(z), images)} are not finite; "
                            "look at its weights, and at what it does with this image")
    return z


def checked_gradient(classifier, gradient, images=None):
    """``gradient`` (N, C, H, W), if all of it is finite."""
    if checks.finite(gradient):
        return gradient
    whose, remedy = "the classifier's gradient", "look at its weights"
    if isinstance(classifier, ExternalClassifier):
        whose = "the result of your vjp function"
        remedy = "look for a division by 0, a root or a logarithm of 0, or an overflow in it"
    what = "NaN" if np.isnan(gradient).any() else "infinite"
    raise AttackError(f"{whose} is {what} at image {_first(~np.isfinite(gradient), images)}; {remedy}")


def checked_adversarial(method: str, x_adv, x, eps: float | None, images):
    """``x_adv``, made by ``method`` from the batch x, if shape, dtype, range and the distance eps are right."""
    if x_adv.shape != x.shape or x_adv.dtype != x.dtype:
        raise AttackError(f"{method} made {x_adv.dtype}{list(x_adv.shape)} of {x.dtype}{list(x.shape)}; "
                          "an attack keeps shape and dtype")
    if not (x_adv.min() >= 0 and x_adv.max() <= 1):  # also true for NaN
        outside = _first(~((x_adv >= 0) & (x_adv <= 1)), images)
        raise AttackError(
            f"{method}: image {outside} became NaN or left [0, 1]; look at the classifier's logits for it")
    if eps is not None:
        change = x_adv - x
        if max(change.max(), -change.min()) > eps + 1e-6:
            raise AttackError(
                f"{method}: image {_first(np.abs(change) > eps + 1e-6, images)} moved by {np.abs(change).max():.6g}, "
                f"more than eps = {eps:g}; "
                "does the classifier write into the images it is given?"
            )
    return x_adv


def _first(wrong, images) -> int:
    """The number of the first image with a True in ``wrong`` (N, ...)."""
    position = int(wrong.reshape(len(wrong), -1).any(axis=1).argmax())
    return position if images is None else int(images[position])
