"""The checks of arguments that all public functions share; they return Python's numbers, or checked arrays."""
from __future__ import annotations

import contextlib
import math
from collections.abc import Collection
from numbers import Integral, Real
from typing import Any

import numpy as np

from . import xp
from .errors import ArgumentError


def _scalar(name: str, value: Any, kind: type, remedy: str) -> Any:
    """``value``, or the number in an array without axes, if it is of this kind (bool counts as bool alone)."""
    scalar = value.item() if xp.is_array(value) and value.ndim == 0 else value
    is_bool = isinstance(scalar, (bool, np.bool_))
    if not (is_bool if kind is bool else isinstance(scalar, kind) and not is_bool):
        raise ArgumentError(f"{name} is {value!r} ({type(value).__name__}); give {remedy}")
    return scalar


def number(name: str, value: object, low: float = 0.0, high: float = math.inf, above: bool = False) -> float:
    """``value`` as a finite float in [low, high], or in (low, high] if ``above``."""
    given = _scalar(name, value, Real, "a number")
    try:
        result = float(given)
    except OverflowError:  # 10**400
        result = math.inf if given > 0 else -math.inf
    if not (low < result if above else low <= result) or not result <= high or math.isinf(result):
        is_pixels = high == 1 and 1 < result <= 255 and name.startswith(("eps", "step", "start"))
        raise ArgumentError(
            f"{name} is {result!r}; it must be {'above' if above else 'at least'} {low:g} and "
            f"{'finite' if math.isinf(high) else f'at most {high:g}'}"
            + f"; for pixels of 0 to 255 divide by 255: {name}={result:g}/255" * is_pixels
        )
    return result


def whole(name: str, value: object, low: int = 1) -> int:
    """``value`` as an int of at least ``low``."""
    result = int(_scalar(name, value, Integral, "a whole number"))
    if result < low:
        raise ArgumentError(f"{name} is {result}; it must be at least {low}")
    return result


def threads(value: object) -> int:
    """``value`` as a number of threads; at most 4096, because libraries take a C int and no machine has more cores."""
    if (count := whole("threads", value)) > 4096:
        raise ArgumentError(f"threads is {count}; it must be at most 4096, and is best at most the number of cores")
    return count


def flag(name: str, value: object) -> bool:
    """``value``, True or False, as a bool."""
    return bool(_scalar(name, value, bool, "True or False"))


def real_dtype(name: str, value: Any) -> np.dtype[Any]:
    """``value`` as np.float32 or np.float64, the two dtypes that carry gradients."""
    with contextlib.suppress(TypeError, ValueError):
        dtype: np.dtype[Any] = np.dtype(value)
        if value is not None and dtype in xp.FLOATS:  # NumPy reads None as float64
            return dtype
    raise ArgumentError(f"{name} is {value!r}; choose np.float32 or np.float64")


def sizes(name: str, value: Any) -> tuple[int, ...]:
    """``value``, a sequence of whole numbers of at least 1, as a tuple."""
    if not isinstance(value, (tuple, list)) and not (xp.is_array(value) and value.ndim == 1):
        raise ArgumentError(f"{name} is {value!r} ({type(value).__name__}); give a tuple of sizes, such as (128, 128)")
    return tuple(whole(name, size) for size in value)


def image_shape(name: str, value: object) -> tuple[int, int, int]:
    """``value`` as (C, H, W)."""
    shape = sizes(name, value)
    if len(shape) != 3:
        raise ArgumentError(f"{name} is {value!r}; give (C, H, W), such as (1, 28, 28)")
    return shape


def choice(name: str, value: object, options: Collection[str]) -> str:
    """``value`` if it is one of ``options``."""
    if not isinstance(value, str) or value not in options:
        raise ArgumentError(f"{name} is {value!r}; choose one of {', '.join(options)}")
    return str(value)


def finite(array: Any) -> bool:
    """Whether all numbers of a float array are finite; one fast pass over memory if they are."""
    flat = array.ravel()
    with np.errstate(over="ignore"):  # the squares may overflow where the numbers are finite
        return bool(np.isfinite(np.dot(flat, flat))) or bool(np.isfinite(flat).all())


def unmasked(name: str, array: Any) -> Any:
    """``array``; one of NumPy's masked arrays, in which no element may be masked, as an ordinary array."""
    if not isinstance(array, np.ndarray) or not hasattr(array, "mask"):
        return array
    if (mask := np.ma.getmaskarray(array)).any():
        raise ArgumentError(
            f"{name} is a masked array with {mask.sum()} elements masked, which are no numbers: "
            f"put some in their place, {name}.filled(0) for instance"
        )
    return array.data


def images(x: Any, name: str = "x", shape: tuple[int, ...] | None = None) -> Any:
    """``x`` as a non-empty float32 or float64 array (N, C, H, W) with values in [0, 1].

    shape : the expected (C, H, W); any if None
    """
    x = unmasked(name, xp.as_array(x))
    if x.dtype.newbyteorder("=") not in xp.FLOATS:
        raise ArgumentError(
            f"{name} has dtype {x.dtype}; images are float32 (or float64) in [0, 1]: {_as_floats(x, name)}"
        )
    x = x.astype(x.dtype.newbyteorder("="), copy=False)
    if x.ndim != 4 or (shape is not None and x.shape[1:] != tuple(shape)):
        expected = "(N, C, H, W)" if shape is None else f"(N, {', '.join(map(str, shape))})"
        raise ArgumentError(f"{name} has shape {x.shape}; expected {expected}{_reshaped(x.shape, name, shape)}")
    if x.size == 0:
        raise ArgumentError(f"{name} has shape {x.shape}: there is no image in it")
    low, high = float(x.min()), float(x.max())
    if not (low >= 0 and high <= 1):  # also true for NaN
        raise ArgumentError(_outside(x, name, low, high))
    return x


def _as_floats(x: Any, name: str) -> str:
    """How to convert an array of another dtype to images."""
    if x.dtype.kind in "ui":
        return f"use {name}.astype(np.float32) / {np.iinfo(x.dtype).max if x.dtype.kind == 'u' else 255}"
    if x.dtype.kind in "fb":
        return f"use {name}.astype(np.float32)"
    return "give an array of numbers" if x.dtype.kind != "c" else f"use {name}.real.astype(np.float32)"


def _reshaped(given: tuple[int, ...], name: str, shape: tuple[int, ...] | None) -> str:
    """How to reshape images of another shape to (N, C, H, W)."""
    def fits(candidate: tuple[int, ...]) -> bool:
        return len(candidate) == 4 and (candidate[1] in (1, 3, 4) if shape is None else candidate[1:] == tuple(shape))

    channels_last = tuple(given[k] for k in (0, 3, 1, 2)) if len(given) == 4 else ()
    remedies = [
        (channels_last, "the channels come second: use {}.transpose(0, 3, 1, 2)"),
        ((1, *given), "for a single image use {}[None]"),
        ((1, 1, *given), "for a single image use {}[None, None]"),
        ((*given[:1], 1, *given[1:]), "use {}[:, None]"),
    ]
    for candidate, remedy in remedies:
        if fits(candidate):
            return ": " + remedy.format(name)
    if shape is not None and given and math.prod(given[1:]) == math.prod(shape):
        return f": use {name}.reshape(-1, {', '.join(map(str, shape))})"
    return ""


def _outside(x: Any, name: str, low: float, high: float) -> str:
    """The message for images with values from ``low`` to ``high``, beyond [0, 1]."""
    first = int((~((x >= 0) & (x <= 1))).any(axis=(1, 2, 3)).argmax())
    if not (math.isfinite(low) and math.isfinite(high)):
        what = "NaN" if math.isnan(low) or math.isnan(high) else "an infinite value"
        return f"{name}[{first}] holds {what}; images must lie in [0, 1]: look at where they come from"
    got = (
        f"{name} has values from {low:.9g} to {high:.9g} (the first image is {name}[{first}]); "
        "images must lie in [0, 1]: "
    )
    if low >= -1e-3 and high <= 1 + 1e-3:
        return got + f"that is rounding, use {name}.clip(0, 1)"
    if low >= 0 and 10 < high <= 255:
        return got + f"divide by 255? {name} / 255"
    if low >= -1 and high <= 1:
        return got + f"if -1 is black, use ({name} + 1) / 2"
    return got + "if they were normalised (mean, standard deviation), undo that, and do it within the classifier"


def labels(y: Any, count: int, classes: int | None = None, name: str = "y") -> Any:
    """``y`` as an int64 array (count,) with values in 0..classes-1; of at least 0 if ``classes`` is None."""
    try:
        y = unmasked(name, xp.as_array(y))
    except ValueError as error:  # rows of several lengths
        raise ArgumentError(f"{name}: labels are whole numbers, one per image: {error}") from None
    if y.ndim == 2 and len(y) == count and y.shape[1] > 1 and y.dtype.kind in "uifb":
        raise ArgumentError(
            f"{name} has shape {y.shape}; expected ({count},), one label per image: "
            f"of one-hot rows take {name}.argmax(axis=1)"
        )
    if y.dtype.kind not in "ui":
        remedy = "give each class a number from 0 on, such as np.unique(names, return_inverse=True)[1]"
        if y.dtype.kind in "fb":
            remedy = f"use {name}.astype(np.int64)"
        raise ArgumentError(f"{name} has dtype {y.dtype}; labels are whole numbers: {remedy}")
    if y.shape != (count,):
        remedy = f": use {name}.ravel()" if y.size == count and y.ndim else ""
        raise ArgumentError(f"{name} has shape {y.shape}; expected ({count},), one label per image{remedy}")
    if count and not (y.min() >= 0 and y.max() < (2**63 if classes is None else classes)):
        expected = "0 or more, below 2**63" if classes is None else f"0 to {classes - 1}"
        raise ArgumentError(f"{name} has labels from {y.min()} to {y.max()}; expected {expected}")
    return y.astype(np.int64)
