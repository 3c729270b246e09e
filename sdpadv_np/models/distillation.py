"""Substitutes for classifiers that only answer queries, distilled from the answers.

Hinton et al. 2015; Papernot et al. 2017.
"""
from __future__ import annotations

import copy

import numpy as np

from .. import checks, training, xp
from ..autodiff import ops
from ..errors import ArgumentError
from .classifier import ARCHITECTURES, Classifier, ClassifierTraining


class Queries:
    """``predict`` as a function that counts its queries and checks every answer.

    predict : callable, x (N, C, H, W) -> probabilities (N, K), or predicted labels (N,)
    count : number of images queried so far

    >>> import numpy as np, sdpadv_np as sd
    >>> ask = sd.models.Queries(lambda x: np.zeros(len(x), np.int64), classes=3)
    >>> ask(np.zeros((2, 1, 28, 28), np.float32)).tolist(), ask.count
    ([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]], 2)
    """

    def __init__(self, predict, classes: int = 10):
        if not callable(predict):
            raise ArgumentError(f"predict is a {type(predict).__name__}; give a function x -> probabilities "
                                f"(N, {classes}) or labels (N,), such as f.probabilities or f.predict")
        self.predict, self.classes, self.count = predict, checks.whole("classes", classes, 2), 0

    def __call__(self, x) -> np.ndarray:
        """(N, K) float32: probabilities, or 1 at the label where only labels are given."""
        self.count += len(x)
        name, answer = "what predict returned", self.predict(x.copy())  # it may write into its argument
        p = _read(name, answer)
        if p.ndim == 1:
            return xp.array_module(p).eye(self.classes, dtype=np.float32)[checks.labels(p, len(x), self.classes, name)]
        return _probabilities(name, p, len(x), self.classes).astype(np.float32)


def _read(name: str, value):
    """``value``, an array or a list, as an array of NumPy or CuPy."""
    try:
        return checks.unmasked(name, xp.as_array(value))
    except ValueError as error:  # rows of several lengths
        raise ArgumentError(f"{name} is no array: {error}; give probabilities, one row per image") from None


def _probabilities(name: str, p, count: int, classes: int):
    """``p`` as an array of probabilities (count, classes): numbers of at least 0, each row with the sum 1."""
    p = _read(name, p)
    if p.shape != (count, classes):
        labels = p.shape == (count,) and name.isidentifier()
        remedy = f"; of labels take np.eye({classes}, dtype=np.float32)[{name}]" if labels else ""
        raise ArgumentError(f"{name} has shape {p.shape} for {count} images; expected ({count}, {classes}), "
                            f"a probability of each class{remedy}")
    if p.dtype.kind not in "fiub":
        raise ArgumentError(f"{name} has dtype {p.dtype}; expected probabilities (float32 or float64)")
    right = (p.min(axis=1) >= 0) & (np.abs(p.sum(axis=1) - 1) < 1e-3)  # also false for NaN
    if not right.all():
        raise ArgumentError(
            f"{name} has rows that are no probabilities (at least 0, with sum 1), "
            f"the first for image {int(right.argmin())} of {count}; take the softmax of logits")
    return p


def distil(
    x, p, x_val, p_val, architecture: str | Classifier = "B", epochs: int = 15, batch_size: int = 128, lr: float = 1e-3,
    seed: int = 0, checkpoint=None, progress: bool = True,
) -> Classifier:
    """A classifier trained to give images x (N, C, H, W) the probabilities p (N, K).

    The loss is the cross-entropy -sum p log softmax(Z); the epoch is kept whose prediction agrees most often with
    p_val on x_val. With labels, p of ones and zeros, this is the ordinary training.

    architecture : "A" or "B", whose layers are fitted to C, H, W and K; or a network of your own, of which a copy is
        trained from its present weights
    p, p_val : any kind of real number; ArgumentError for rows that are no probabilities

    >>> import sdpadv_np as sd
    >>> data = sd.data.load("glyphs")
    >>> f = sd.models.ModelB().fit(data.x_train, data.y_train, data.x_val, data.y_val, epochs=2, progress=False)
    >>> ask = sd.models.Queries(f.probabilities)
    >>> x, x_val = data.x_train, data.x_val
    >>> g = sd.models.distil(x, ask(x), x_val, ask(x_val), epochs=2, seed=1, progress=False)
    >>> bool((g.predict(data.x_test) == f.predict(data.x_test)).mean() > 0.9)
    True
    """
    x, p = checks.images(x), _read("p", p)
    if p.ndim != 2 or p.shape[1] < 2:
        p = _probabilities("p", p, len(x), getattr(architecture, "classes", 10))  # raises ArgumentError
    classifier = substitute(architecture, x.shape[1:], p.shape[1], seed)
    task = _Distillation(classifier, x, p, x_val, p_val, epochs, batch_size, lr, seed)
    training.train(task, checkpoint, progress, classifier)
    return classifier


def substitute(architecture: str | Classifier, image_shape, classes: int, seed: int) -> Classifier:
    """The untrained classifier of ``architecture`` for these images and classes; of a network of one's own, a copy."""
    if isinstance(architecture, Classifier):
        return copy.copy(architecture)
    kind = ARCHITECTURES[checks.choice("architecture", architecture, ARCHITECTURES)]
    if (tuple(image_shape), classes) == (kind.image_shape, kind.classes):
        return kind(seed=seed)
    name, layers = f"model_{architecture.lower()}", kind.layers_for(image_shape, classes)
    return Classifier(layers, image_shape, classes, name, seed)


class _Distillation(ClassifierTraining):
    """Training on probabilities instead of labels."""

    def __init__(self, classifier, x, p, x_val, p_val, *options):
        shape = classifier.image_shape
        x, x_val = checks.images(x, "x", shape), checks.images(x_val, "x_val", shape)
        given = ("p", p, len(x)), ("p_val", p_val, len(x_val))
        p, p_val = (_probabilities(*one, classifier.classes).astype(classifier.dtype, copy=False) for one in given)
        super().__init__(classifier, x, p.argmax(axis=1), x_val, p_val.argmax(axis=1), *options)
        self.targets, self.targets_val = (xp.like(array, classifier.store.data) for array in (p, p_val))
        self.title = f"substitute {classifier.title}"

    def settings(self):
        return {**super().settings(), "trained on": "probabilities"}

    def loss(self, logits, targets):
        """mean -sum_k p_k log softmax(Z)_k."""
        return -ops.sum(targets * ops.log_softmax(logits)) / len(targets)
