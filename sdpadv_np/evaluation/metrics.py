"""Metrics of an attack: the accuracy that is left, the distances of the images, and the time."""
from __future__ import annotations

import functools
import time
from dataclasses import asdict, dataclass

import numpy as np

from .. import checks, xp
from ..attacks.parameters import classifier_like
from ..deprecation import RenamedAttribute
from ..errors import ArgumentError
from ..models.chunks import in_chunks
from ..models.interface import classes_of, image_shape_of, logits_of
from ..nn import reading


@dataclass(frozen=True)
class Evaluation:
    """The figures of an attack on ``count`` images, as :func:`evaluate` measures them."""

    accuracy: float  # share of x_A still classified as the true label; lower is the better attack
    clean_accuracy: float  # share of x
    success_rate: float  # share of the correctly classified x whose x_A is misclassified
    l2sq: float  # mean over the images of the sum of squared changes (the paper's "L2" column)
    linf: float  # largest change of any pixel
    seconds_per_100: float  # to make x_A, per 100 images
    count: int

    seconds = RenamedAttribute("seconds_per_100", "0.2")

    def as_dict(self) -> dict:
        return asdict(self)


def evaluate(classifier, attack, x, y) -> Evaluation:
    """Attack images x (N, C, H, W) in [0, 1] with true labels y (N,), and measure.

    attack : called as ``attack(x, y)``; None leaves the images as they are

    Raises ArgumentError for arguments, or results of the attack, that are not what they should be.

    >>> import numpy as np, sdpadv_np as sd
    >>> f, x, y = sd.models.ModelB(), np.full((4, 1, 28, 28), 0.5, np.float32), np.zeros(4, np.int64)
    >>> round(sd.evaluate(f, sd.attacks.FGSM(f, eps=0.1), x, y).linf, 3)
    0.1
    """
    classifier_like("classifier", classifier)
    if attack is not None and (isinstance(attack, type) or not callable(attack)):
        raise ArgumentError(
            f"attack is {getattr(attack, '__name__', repr(attack))!s:.60}, which cannot be called as attack(x, y); "
            "give an attack such as sd.attacks.FGSM(classifier), after the classifier"
        )
    x = checks.images(x, shape=image_shape_of(classifier))
    y = checks.labels(y, len(x), classes_of(classifier))
    with reading(classifier):
        x_adv, seconds = x, 0.0
        if attack is not None:
            x_adv, seconds = timed(attack, x, y)
            if x_adv.shape != x.shape:
                raise ArgumentError(
                    f"the attack returned shape {x_adv.shape} for images of shape {x.shape}; it must keep the shape"
                )
            checks.images(x_adv, "what the attack returned")
        return measure(classifier, x, y, x_adv, seconds)


def timed(attack, x, y, **further):
    """(x_A, seconds) of ``attack(x, y, **further)``, with copies of x and y (or None), which it may write into."""
    few = {name: array[:2] for name, array in further.items()}
    xp.synchronize(attack(x[:2].copy(), None if y is None else y[:2].copy(), **few))  # compiles and loads; not timed
    given = x.copy(), None if y is None else y.copy()
    started = time.perf_counter()
    x_adv = attack(*given, **further)
    xp.synchronize(x_adv)
    return x_adv, time.perf_counter() - started


def measure(classifier, x, y, x_adv, seconds: float = 0.0) -> Evaluation:
    """The metrics of adversarial images x_adv (N, C, H, W) of x; ``seconds`` is the time that all of them took."""
    x_adv, y, logits = xp.like(x_adv, x), xp.like(y, x), functools.partial(logits_of, classifier)
    right_before, right_after = (in_chunks(logits, images).argmax(axis=1) == y for images in (x, x_adv))
    change = x_adv.astype(np.float64) - x
    return Evaluation(
        accuracy=float(right_after.mean()),
        clean_accuracy=float(right_before.mean()),
        success_rate=float((right_before & ~right_after).sum() / max(right_before.sum(), 1)),
        l2sq=float(np.square(change).sum(axis=(1, 2, 3)).mean()),
        linf=float(np.abs(change).max()),
        seconds_per_100=100 * seconds / len(x),
        count=len(x),
    )
