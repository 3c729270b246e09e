"""What every public entrance checks, once, in the same words."""
from __future__ import annotations

import math
from numbers import Real

import numpy as np

from . import xp
from .errors import ArgumentError


def number(name: str, value, low: float = 0.0, high: float = math.inf, above: bool = False) -> float:
    """``value`` as a float within [low, high] (or (low, high] if ``above``)."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ArgumentError(f"{name} is {value!r} ({type(value).__name__}); give a number")
    value = float(value)
    if not (low < value if above else low <= value) or not value <= high:
        bounds = f"{'above' if above else 'at least'} {low:g}" + ("" if math.isinf(high) else f" and at most {high:g}")
        raise ArgumentError(f"{name} is {value!r}; it must be {bounds}")
    return value


def whole(name: str, value, low: int = 1) -> int:
    """``value`` as an int of at least ``low``."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise ArgumentError(f"{name} is {value!r} ({type(value).__name__}); give a whole number")
    if value < low:
        raise ArgumentError(f"{name} is {value}; it must be at least {low}")
    return int(value)


def sizes(name: str, value) -> tuple[int, ...]:
    """``value``, a sequence of whole numbers of at least 1, as a tuple."""
    if not isinstance(value, (tuple, list)):
        raise ArgumentError(f"{name} is {value!r} ({type(value).__name__}); give a tuple of sizes, such as (128, 128)")
    return tuple(whole(name, size) for size in value)


def choice(name: str, value, options) -> str:
    """``value`` if it is among ``options``."""
    if value not in options:
        raise ArgumentError(f"{name} is {value!r}; choose one of {', '.join(options)}")
    return value


def images(x, name: str = "x", shape: tuple | None = None):
    """``x`` as a non-empty float32 or float64 array (N, C, H, W) with values in [0, 1].

    ``shape`` is the (C, H, W) that is expected, if anything is.
    """
    x = xp.as_array(x)
    if x.dtype not in xp.FLOATS:
        remedy = f"{name}.astype(np.float32) / 255" if x.dtype.kind in "ui" else f"{name}.astype(np.float32)"
        raise ArgumentError(f"{name} has dtype {x.dtype}; images are float32 (or float64) in [0, 1]: use {remedy}")
    if x.ndim != 4 or (shape is not None and x.shape[1:] != tuple(shape)):
        expected = "(N, C, H, W)" if shape is None else f"(N, {', '.join(map(str, shape))})"
        raise ArgumentError(f"{name} has shape {x.shape}; expected {expected}: use {name}.reshape(...)")
    if x.size == 0:
        raise ArgumentError(f"{name} has shape {x.shape}: there is no image in it")
    low, high = float(x.min()), float(x.max())
    if not (low >= 0 and high <= 1):  # also true for NaN
        raise ArgumentError(f"{name} has values from {low:g} to {high:g}; images must lie in [0, 1] (divide by 255?)")
    return x


def labels(y, count: int, classes: int = 10, name: str = "y"):
    """``y`` as an int64 array (count,) with values in 0..classes-1."""
    y = xp.as_array(y)
    if y.dtype.kind not in "ui":
        raise ArgumentError(f"{name} has dtype {y.dtype}; labels are whole numbers: use {name}.astype(np.int64)")
    if y.shape != (count,):
        raise ArgumentError(f"{name} has shape {y.shape}; expected ({count},), one label per image")
    if count and not (y.min() >= 0 and y.max() < classes):
        raise ArgumentError(f"{name} has labels from {y.min()} to {y.max()}; expected 0 to {classes - 1}")
    return y.astype(np.int64)
