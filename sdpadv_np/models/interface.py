"""The interface of a classifier: "anything with ``logits(x)``"; nothing else that it offers is taken on trust."""
from __future__ import annotations

from collections.abc import Callable
from numbers import Integral

import numpy as np

from .. import checks, xp
from ..autodiff import Tensor, ops
from ..autodiff.tensor import enable_grad
from ..errors import ArgumentError, AttackError
from ..nn import store_of


class Predictor:
    """The predictions of a classifier, from its ``logits(x)``."""

    logits: Callable

    def predict(self, x):
        """The predicted labels (N,)."""
        return self.logits(x).argmax(axis=1)

    def probabilities(self, x):
        """softmax of the logits, (N, K)."""
        return ops.softmax(self.logits(x))


def logits_of(classifier, x):
    """``classifier.logits(x)``, with our memory protected from a classifier of another library.

    Such a classifier gets an array as a copy. A Tensor is passed on, because it is differentiated, with read-only
    data: overwritten, it would give the derivative at another point.
    """
    if store_of(classifier) is not None:
        return classifier.logits(x)
    if not isinstance(x, Tensor):
        with enable_grad():  # the classifier may differentiate by itself
            return classifier.logits(x.copy())
    x.data = read_only(x.data)
    try:
        return classifier.logits(x)
    except ValueError as error:
        if "read-only" in str(error):
            raise AttackError(
                f"the classifier's logits(x) writes into the numbers of the Tensor x ({error}); "
                "let it make new ones: y = x * 2, or work on x.data.copy()"
            ) from error
        raise


def read_only(array):
    """A read-only view; a copy on a GPU, where there are no such views."""
    if xp.device_of(array) == "cuda":
        return array.copy()
    array = array.view()
    array.flags.writeable = False
    return array


def dtype_of(classifier) -> np.dtype:
    """The dtype to compute in: the classifier's where that is NumPy's float32 or float64, otherwise float32."""
    try:
        return checks.real_dtype("dtype", getattr(classifier, "dtype", None))
    except ArgumentError:
        return np.dtype(np.float32)


def classes_of(classifier) -> int | None:
    """The number of classes, where ``classifier.classes`` is a number; otherwise None."""
    given = getattr(classifier, "classes", None)
    return int(given) if isinstance(given, Integral) and not isinstance(given, bool) else None


def image_shape_of(classifier) -> tuple[int, ...] | None:
    """(C, H, W), where ``classifier.image_shape`` is three numbers; otherwise None."""
    given = getattr(classifier, "image_shape", None)
    if not isinstance(given, (tuple, list)) or len(given) != 3:
        return None
    return tuple(map(int, given)) if all(isinstance(size, Integral) and size > 0 for size in given) else None
