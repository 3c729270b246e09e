"""What is no operand: the parameters of an operation in their plain form, as nobody can change them before the way back."""
from __future__ import annotations

import operator
from collections.abc import Mapping

import numpy as np

from .. import xp
from ..kernels.runtime.tracing import recording
from .tensor import Tensor

PLAIN = {int, float, bool, str, slice, type(None), type(Ellipsis)}  # kept as they come
COUNTS = {"axis", "axes", "shape", "size", "kernel_size", "padding"}  # whole numbers, or several


def settled(name: str, value, module=np, instead: Mapping = {}):
    """NumPy's numbers as Python's, what names axes or sizes as a tuple, an index as NumPy reads it (its arrays of ``module``).

    Raises TypeError for a Tensor, and says what there is ``instead``.
    """
    if isinstance(value, Tensor):
        raise TypeError(f"{name} must be a number or an array, not a Tensor (nothing is differentiated with respect to it): {instead.get(name, f'pass {name}.data')}")
    if name == "labels":
        return value if xp.is_array(value) else module.array(value)
    if isinstance(value, np.ndarray) and not value.ndim:
        value = value[()]  # as an array it would have a say in the result's dtype, as a number it has none
    if isinstance(value, np.generic):
        return float(value) if isinstance(value, np.floating) else value.item()  # an item of a long double is one itself
    if name == "index":
        return tuple(_part(v, module) for v in value) if isinstance(value, tuple) else _part(value, module)
    if name in COUNTS and isinstance(value, np.ndarray):
        value = value.tolist()
    return tuple(settled(name, v, module, instead) for v in value) if isinstance(value, (tuple, list)) else value


def _part(value, module):
    """One part of an index: plain, or an array, made of whatever NumPy takes for one (a list, a tuple within the tuple, a buffer)."""
    if type(value) in PLAIN or xp.is_array(value) and value.ndim:
        return value
    if isinstance(value, (Tensor, np.ndarray, np.generic)):
        return settled("index", value)
    try:
        return operator.index(value)
    except TypeError:
        array = module.array(value)
        return array if array.size else array.astype(np.intp)  # NumPy takes [] for an index, but no array of floats


def kept(params: dict) -> dict:
    """Settled parameters as the way back finds them, whatever the caller does with his arrays by then; a plan reads arrays where they lie, on both ways."""
    if recording.recorder is None:
        for name, value in params.items():
            if type(value) not in PLAIN:
                params[name] = _own(value)
    return params


def _own(value):
    if type(value) is tuple:
        return value if PLAIN.issuperset(map(type, value)) else tuple(map(_own, value))
    return value.copy() if xp.is_array(value) else value
