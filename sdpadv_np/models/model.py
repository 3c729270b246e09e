"""The base of classifiers and generators: networks in one parameter store, and the record of their training."""
from __future__ import annotations

import copy

import numpy as np

from .. import checks, xp
from ..errors import FileError
from ..nn import ParameterStore
from ..storage import schema

_METHOD = schema.text()
_SETTINGS = schema.Field(  # a trained generator is called by its method
    "an object whose method, if it has one, is a text",
    lambda value: isinstance(value, dict) and _METHOD.fits(value.get("method", "")),
)
RECORD = {
    "settings": _SETTINGS, "history": schema.sequence(schema.mapping(schema.number())), "made": schema.mapping(),
}


class Model:
    """A model computes on ``device`` ("cpu" or "cuda"), and returns arrays of the kind that it is given.

    Attributes
    ----------
    store : ParameterStore
    settings : dict
        How it was trained; stored with it.
    history : list of dict
        One row of figures per epoch.
    made : dict
        Versions, commit and machine of the training.
    """

    image_shape: tuple  # (C, H, W)

    def __init__(self, networks, seed, dtype, device):
        self.seed = checks.whole("seed", seed, 0)
        self.store = ParameterStore(networks, self.seed, dtype, device)
        self.settings: dict = {}
        self.history: list[dict] = []
        self.made: dict = {}

    @property
    def dtype(self) -> np.dtype:
        """float32, unless made with another dtype: what images are computed in."""
        return self.store.data.dtype

    def checked(self, x, name: str = "x"):
        """``x`` as images of this model's shape and dtype."""
        return checks.images(x, name, self.image_shape).astype(self.dtype, copy=False)

    def __copy__(self):
        """A copy has weights of its own, as a deep one."""
        return copy.deepcopy(self)

    def to(self, device: str):
        """Move the parameters to "cpu" or "cuda"; returns self."""
        self.store.to(device)
        return self

    def record(self) -> dict:
        """The record of its training, as its file holds it."""
        return {name: getattr(self, name) for name in RECORD}

    def restore(self, path, arrays: dict, record: dict):
        """Take over weights and training record from a file; returns self."""
        self.store.load(arrays, str(path))
        for name in RECORD:
            setattr(self, name, record[name])
        return self


def dtype_of_weights(arrays: dict, path) -> np.dtype:
    """float32 or float64, the dtype of all weights in a file; float32 if there are none."""
    first = next(iter(arrays.values())).dtype if arrays else np.dtype(np.float32)
    for name, array in arrays.items():
        if array.dtype not in xp.FLOATS or array.dtype != first:
            raise FileError(f"{path}: {name} is {array.dtype}; expected weights that are all float32 or all float64: "
                            "convert them, or train again")
    return first
