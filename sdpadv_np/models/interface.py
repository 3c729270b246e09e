"""What is believed of a classifier that may be anybody's, and how it is asked: "anything with ``logits(x)``"."""
from __future__ import annotations

from numbers import Integral

import numpy as np

from .. import checks, xp
from ..autodiff import Tensor
from ..autodiff.tensor import enable_grad
from ..errors import ArgumentError, AttackError
from ..nn import store_of


def logits_of(classifier, x):
    """``classifier.logits(x)``; one that is not ours gets no memory that anybody else reads, whatever it does with it.

    An array is handed over as a copy. A Tensor stays the one that is differentiated, with numbers that cannot be
    written to: written over, they would give the derivative at another point.
    """
    if store_of(classifier) is not None:
        return classifier.logits(x)
    if not isinstance(x, Tensor):
        with enable_grad():  # it may differentiate by itself
            return classifier.logits(x.copy())
    x.data = _sealed(x.data)
    try:
        return classifier.logits(x)
    except ValueError as error:
        if "read-only" in str(error):
            raise AttackError(f"the classifier's logits(x) writes into the numbers of the Tensor x ({error}); let it make new ones: y = x * 2, or work on x.data.copy()") from error
        raise


def _sealed(array):
    """The same numbers, read-only; on a GPU, where there is no such thing, a copy."""
    if xp.device_of(array) == "cuda":
        return array.copy()
    array = array.view()
    array.flags.writeable = False
    return array


def dtype_of(classifier) -> np.dtype:
    """What to compute in: its ``dtype`` where that is NumPy's float32 or float64; float32 for all else, such as PyTorch's."""
    try:
        return checks.real_dtype("dtype", getattr(classifier, "dtype", None))
    except ArgumentError:
        return np.dtype(np.float32)


def classes_of(classifier) -> int | None:
    """How many classes it has, where its ``classes`` is a number; None where it is not, a list of names for instance: then the logits tell."""
    given = getattr(classifier, "classes", None)
    return int(given) if isinstance(given, Integral) and not isinstance(given, bool) else None


def image_shape_of(classifier) -> tuple[int, int, int] | None:
    """(C, H, W), where its ``image_shape`` is three numbers."""
    given = getattr(classifier, "image_shape", None)
    fits = isinstance(given, (tuple, list)) and len(given) == 3 and all(isinstance(size, Integral) and size > 0 for size in given)
    return tuple(map(int, given)) if fits else None
