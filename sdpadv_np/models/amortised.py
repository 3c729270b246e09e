"""The base of all trained generators: x -> x_A in one forward pass, without classifier or training code."""
from __future__ import annotations

from typing import ClassVar

import numpy as np

from .. import checks, training, xp
from ..autodiff import Tensor
from ..errors import ArgumentError, AttackError, FileError
from ..storage import saving, schema
from .chunks import in_chunks
from .model import RECORD, Model, dtype_of_weights

_COMMON = {"seed": schema.integer(), "image_shape": schema.sequence(schema.integer(1, 2**16), length=3)}


class Amortised(Model):
    """A generator, defined by its ``transform``; attributes as of a :class:`~sdpadv_np.models.model.Model`."""

    kind: ClassVar[str] = ""  # of its files
    fields: ClassVar[dict[str, schema.Field]] = {}  # its own parameters, beside image_shape, seed, dtype and device

    def __init_subclass__(cls, **keywords):
        """A class with a ``kind`` of its own can be saved and loaded."""
        super().__init_subclass__(**keywords)
        if "kind" in vars(cls):
            saving.register(cls.kind, cls.from_file, (cls,))

    def __init__(self, networks, image_shape, seed, dtype, device):
        self.image_shape = checks.image_shape("image_shape", image_shape)
        super().__init__(networks, seed, dtype, device)

    def transform(self, x: np.ndarray | Tensor):
        """x_A for x (N, C, H, W), unchecked: a recorded Tensor for a Tensor, an array for an array."""
        raise TypeError(f"{type(self).__name__} is no generator; use one of sd.models")

    def __call__(self, x, y=None):
        """x (N, C, H, W) in [0, 1] -> x_A of the same shape; needs neither labels nor classifier."""
        with training.one_blas_thread():
            x_adv = in_chunks(self.transform, self.checked(x), self.store.data)
        if not checks.finite(x_adv):
            raise AttackError(
                "the generator's images are not finite: its weights are too large or not finite; "
                "train it with a lower learning rate"
            )
        return np.clip(x_adv, 0, 1)  # the rounding of a distortion may leave this range


    def parameters(self) -> dict:
        """Every parameter of the constructor but dtype and device; sequences as lists, as files return them."""
        values = {name: getattr(self, name) for name in (*self.fields, "seed", "image_shape")}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def to_file(self) -> tuple[str, dict, dict]:
        return self.kind, self.store.snapshot(), {"generator": self.parameters(), **self.record()}

    @classmethod
    def from_file(cls, path, arrays: dict, attributes: dict, device: str = "cpu"):
        """The generator that :meth:`to_file` described."""
        found = schema.validated(attributes, {"generator": schema.mapping(), **RECORD}, f"{path}: attributes")
        dtype = dtype_of_weights(arrays, path)
        parameters = schema.validated(found["generator"], {**cls.fields, **_COMMON}, f"{path}: its parameters")
        for network, sizes in cls.chains(parameters).items():  # before arrays of the sizes in the file are allocated
            for number, expected in enumerate(zip(sizes, sizes[1:]), 1):  # layer 0 flattens
                name = f"{network}/{number}/W"
                shape = arrays.get(name, np.empty(0)).shape
                if shape != expected:
                    raise FileError(
                        f"{path}: {name} has shape {shape}, its parameters say {expected}; take another copy")
        xp.on(device)  # an error of the device is not the file's fault
        try:
            generator = cls(**parameters, dtype=dtype, device=device)
        except ArgumentError as error:
            raise FileError(f"{path}: its parameters are not those of a generator: {error}") from error
        return generator.restore(path, arrays, found)

    @classmethod
    def chains(cls, parameters: dict) -> dict[str, tuple[int, ...]]:
        """{network: numbers of units, from the flattened image to the output} of its dense networks."""
        return {}
