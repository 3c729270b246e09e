"""Parameters of operations (what is not an operand): their normal form, and copies that no caller can change."""
from __future__ import annotations

import operator
from collections.abc import Mapping

import numpy as np

from .. import xp
from ..kernels.runtime.tracing import recording
from .tensor import Tensor

PLAIN = {int, float, bool, str, slice, type(None), type(Ellipsis)}  # need no conversion and no copy
COUNTS = {"axis", "axes", "shape", "size", "kernel_size", "padding"}  # whole numbers, or several


def normalised(name: str, value, module=np, instead: Mapping = {}):
    """NumPy's numbers as Python's, axes and sizes as a tuple, an index as NumPy reads it (its arrays of ``module``).

    Raises TypeError for a Tensor, and names the operation to use ``instead``.
    """
    if isinstance(value, Tensor):
        raise TypeError(f"{name} must be a number or an array, not a Tensor "
                        f"(nothing is differentiated with respect to it): {instead.get(name, f'pass {name}.data')}")
    if name == "labels":
        return value if xp.is_array(value) else module.array(value)
    if isinstance(value, np.ndarray) and not value.ndim:
        value = value[()]  # an array would determine the result's dtype, a number does not
    if isinstance(value, np.generic):
        return float(value) if isinstance(value, np.floating) else value.item()  # a long double's item is a long double
    if name == "index":
        return tuple(_part(v, module) for v in value) if isinstance(value, tuple) else _part(value, module)
    if name in COUNTS and isinstance(value, np.ndarray):
        value = value.tolist()
    return tuple(normalised(name, v, module, instead) for v in value) if isinstance(value, (tuple, list)) else value


def _part(value, module):
    """One part of an index: a plain value, or an array of what NumPy takes for one (a list, a tuple, a buffer)."""
    if type(value) in PLAIN or xp.is_array(value) and value.ndim:
        return value
    if isinstance(value, (Tensor, np.ndarray, np.generic)):
        return normalised("index", value)
    try:
        return operator.index(value)
    except TypeError:
        array = module.array(value)
        return array if array.size else array.astype(np.intp)  # NumPy accepts [], but no float array


def copied(params: dict) -> dict:
    """Normalised parameters with arrays copied, so that the caller may change them before the backward pass.

    While a plan is recorded they are not copied: a plan reads arrays in place, forward and backward.
    """
    if recording.recorder is None:
        for name, value in params.items():
            if type(value) not in PLAIN:
                params[name] = _own(value)
    return params


def _own(value):
    if type(value) is tuple:
        return value if PLAIN.issuperset(map(type, value)) else tuple(map(_own, value))
    return value.copy() if xp.is_array(value) else value
