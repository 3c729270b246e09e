"""What the files of classifiers and generators have in common."""
from __future__ import annotations

import numpy as np

from ..storage import schema
from .. import xp
from ..errors import FileError

TRAINED = {"settings": schema.mapping(), "history": schema.sequence(schema.mapping(schema.number())), "made": schema.mapping()}


def dtype_of(arrays: dict, path) -> np.dtype:
    """float32 or float64: what all weights in a file are; float32 if there are none."""
    first = next(iter(arrays.values())).dtype if arrays else np.dtype(np.float32)
    for name, array in arrays.items():
        if array.dtype not in xp.FLOATS or array.dtype != first:
            raise FileError(f"{path}: {name} is {array.dtype}; expected weights that are all float32 or all float64: convert them, or train again")
    return first
