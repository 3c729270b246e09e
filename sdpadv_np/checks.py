"""What every public entrance checks, once, in the same words. What a check gives back is plain: Python's numbers, or an array of ours."""
from __future__ import annotations

import math
from numbers import Integral, Real

import numpy as np

from . import xp
from .errors import ArgumentError


def _plain(value):
    """An array without axes as the number in it."""
    return value.item() if xp.is_array(value) and value.ndim == 0 else value


def number(name: str, value, low: float = 0.0, high: float = math.inf, above: bool = False) -> float:
    """``value`` as a finite float within [low, high] (or (low, high] if ``above``)."""
    given, value = value, _plain(value)
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise ArgumentError(f"{name} is {given!r} ({type(given).__name__}); give a number")
    try:
        value = float(value)
    except OverflowError:  # 10**400
        value = math.inf if value > 0 else -math.inf
    if not (low < value if above else low <= value) or not value <= high or math.isinf(value):
        bounds = f"{'above' if above else 'at least'} {low:g} and {'finite' if math.isinf(high) else f'at most {high:g}'}"
        remedy = f"; for pixels of 0 to 255 divide by 255: {name}={value:g}/255" if high == 1 and 1 < value <= 255 and name.startswith(("eps", "step", "start")) else ""
        raise ArgumentError(f"{name} is {value!r}; it must be {bounds}{remedy}")
    return value


def whole(name: str, value, low: int = 1) -> int:
    """``value`` as an int of at least ``low``."""
    given, value = value, _plain(value)
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Integral):
        raise ArgumentError(f"{name} is {given!r} ({type(given).__name__}); give a whole number")
    if value < low:
        raise ArgumentError(f"{name} is {value}; it must be at least {low}")
    return int(value)


def threads(value) -> int:
    """``value`` as a number of threads: more than any machine has cores are a slip, and the libraries that are told take a C int."""
    if (count := whole("threads", value)) > 4096:
        raise ArgumentError(f"threads is {count}; it must be at most 4096, and is best at most the number of cores")
    return count


def flag(name: str, value) -> bool:
    """``value``, True or False, as a bool."""
    given, value = value, _plain(value)
    if not isinstance(value, (bool, np.bool_)):
        raise ArgumentError(f"{name} is {given!r} ({type(given).__name__}); give True or False")
    return bool(value)


def real_dtype(name: str, value) -> np.dtype:
    """``value`` as one of the two dtypes that carry gradients, float32 or float64."""
    try:
        dtype = np.dtype(value)
    except (TypeError, ValueError):
        dtype = None
    if value is None or dtype is None or dtype not in xp.FLOATS:  # NumPy takes None for float64
        raise ArgumentError(f"{name} is {value!r}; choose np.float32 or np.float64")
    return dtype


def sizes(name: str, value) -> tuple[int, ...]:
    """``value``, a sequence of whole numbers of at least 1, as a tuple."""
    if not isinstance(value, (tuple, list)) and not (xp.is_array(value) and value.ndim == 1):
        raise ArgumentError(f"{name} is {value!r} ({type(value).__name__}); give a tuple of sizes, such as (128, 128)")
    return tuple(whole(name, size) for size in value)


def image_shape(name: str, value) -> tuple[int, int, int]:
    """``value`` as (C, H, W)."""
    shape = sizes(name, value)
    if len(shape) != 3:
        raise ArgumentError(f"{name} is {value!r}; give (C, H, W), such as (1, 28, 28)")
    return shape


def choice(name: str, value, options) -> str:
    """``value`` if it is among ``options``."""
    if not isinstance(value, str) or value not in options:
        raise ArgumentError(f"{name} is {value!r}; choose one of {', '.join(options)}")
    return str(value)


def finite(array) -> bool:
    """Whether all numbers of a float array are finite; one quick pass over memory where they are."""
    flat = array.ravel()
    with np.errstate(over="ignore"):  # of squares, where the numbers themselves are finite
        return bool(np.isfinite(np.dot(flat, flat))) or bool(np.isfinite(flat).all())


def unmasked(name: str, array):
    """``array``, which is of NumPy's masked arrays only where none of its elements is masked, as an ordinary one."""
    if not isinstance(array, np.ndarray) or not hasattr(array, "mask"):
        return array
    if (mask := np.ma.getmaskarray(array)).any():
        raise ArgumentError(f"{name} is a masked array with {mask.sum()} elements masked, which are no numbers: put some in their place, {name}.filled(0) for instance")
    return array.data


def images(x, name: str = "x", shape: tuple | None = None):
    """``x`` as a non-empty float32 or float64 array (N, C, H, W) with values in [0, 1].

    ``shape`` is the (C, H, W) that is expected, if anything is.
    """
    x = unmasked(name, xp.as_array(x))
    if x.dtype.newbyteorder("=") not in xp.FLOATS:
        raise ArgumentError(f"{name} has dtype {x.dtype}; images are float32 (or float64) in [0, 1]: {_as_floats(x, name)}")
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


def _as_floats(x, name) -> str:
    if x.dtype.kind in "ui":
        return f"use {name}.astype(np.float32) / {np.iinfo(x.dtype).max if x.dtype.kind == 'u' else 255}"
    if x.dtype.kind in "fb":
        return f"use {name}.astype(np.float32)"
    return "give an array of numbers" if x.dtype.kind != "c" else f"use {name}.real.astype(np.float32)"


def _reshaped(given, name, shape) -> str:
    """What makes (N, C, H, W) of images of another shape."""
    def fits(candidate):
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


def _outside(x, name, low, high) -> str:
    """Why images with values from ``low`` to ``high`` are none."""
    wrong = ~((x >= 0) & (x <= 1))
    first = int(wrong.any(axis=(1, 2, 3)).argmax())
    if not (math.isfinite(low) and math.isfinite(high)):
        what = "NaN" if math.isnan(low) or math.isnan(high) else "an infinite value"
        return f"{name}[{first}] holds {what}; images must lie in [0, 1]: look at where they come from"
    lies = f"{name} has values from {low:.9g} to {high:.9g} (the first image is {name}[{first}]); images must lie in [0, 1]: "
    if low >= -1e-3 and high <= 1 + 1e-3:
        return lies + f"that is rounding, use {name}.clip(0, 1)"
    if low >= 0 and 10 < high <= 255:
        return lies + f"divide by 255? {name} / 255"
    if low >= -1 and high <= 1:
        return lies + f"if -1 is black, use ({name} + 1) / 2"
    return lies + "if they were normalised (mean, standard deviation), undo that, and do it within the classifier"


def labels(y, count: int, classes: int | None = None, name: str = "y"):
    """``y`` as an int64 array (count,) with values in 0..classes-1; from 0 upwards if ``classes`` is not known."""
    try:
        y = unmasked(name, xp.as_array(y))
    except ValueError as error:  # rows of several lengths
        raise ArgumentError(f"{name}: labels are whole numbers, one per image: {error}") from None
    if y.ndim == 2 and len(y) == count and y.shape[1] > 1 and y.dtype.kind in "uifb":
        raise ArgumentError(f"{name} has shape {y.shape}; expected ({count},), one label per image: of one-hot rows take {name}.argmax(axis=1)")
    if y.dtype.kind not in "ui":
        remedy = f"use {name}.astype(np.int64)" if y.dtype.kind in "fb" else "give each class a number from 0 on, such as np.unique(names, return_inverse=True)[1]"
        raise ArgumentError(f"{name} has dtype {y.dtype}; labels are whole numbers: {remedy}")
    if y.shape != (count,):
        remedy = f": use {name}.ravel()" if y.size == count and y.ndim else ""
        raise ArgumentError(f"{name} has shape {y.shape}; expected ({count},), one label per image{remedy}")
    if count and not (y.min() >= 0 and y.max() < (2**63 if classes is None else classes)):
        expected = "0 or more, below 2**63" if classes is None else f"0 to {classes - 1}"
        raise ArgumentError(f"{name} has labels from {y.min()} to {y.max()}; expected {expected}")
    return y.astype(np.int64)
