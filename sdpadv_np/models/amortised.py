"""What all trained generators share: x -> x_A in one forward pass, without the classifier and any training code."""
from __future__ import annotations

from typing import ClassVar

import numpy as np

from .. import checks, training, xp
from ..storage import saving, schema
from ..autodiff import Tensor
from ..errors import ArgumentError, AttackError, FileError
from .chunks import in_chunks
from .model import RECORD, Model, dtype_of_weights

_COMMON = {"seed": schema.integer(), "image_shape": schema.sequence(schema.integer(1, 2**16), length=3)}


class Amortised(Model):
    """A generator; what it computes is ``transform`` of the method.

    It computes on ``device`` ("cpu" or "cuda"), and gives back arrays of the kind it is given.

    Attributes
    ----------
    store : ParameterStore
    settings, history, made : as of a :class:`~sdpadv_np.models.Classifier`
    """

    kind: ClassVar[str] = ""  # what its files are called inside
    fields: ClassVar[dict[str, schema.Field]] = {}  # the parameters of its constructor as files hold them, beside image_shape, seed, dtype and device

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
            raise AttackError("the generator's images are not finite: its weights are too large or not finite; train it with a lower learning rate")
        return np.clip(x_adv, 0, 1)  # which the rounding of a distortion may leave

    def checked(self, x):
        """``x`` as images of this generator's shape and dtype."""
        return checks.images(x, shape=self.image_shape).astype(self.store.data.dtype, copy=False)

    def parameters(self) -> dict:
        """Every parameter of the constructor but dtype and device; sequences as lists, as a file gives them back."""
        values = {name: getattr(self, name) for name in (*self.fields, "seed", "image_shape")}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def to_file(self) -> tuple[str, dict, dict]:
        return self.kind, self.store.snapshot(), {"generator": self.parameters(), **self.record()}

    @classmethod
    def from_file(cls, path, arrays: dict, attributes: dict, device: str = "cpu"):
        """The generator that :meth:`to_file` described."""
        described, dtype = schema.validated(attributes, {"generator": schema.mapping(), **RECORD}, f"{path}: attributes"), dtype_of_weights(arrays, path)
        parameters = schema.validated(described["generator"], {**cls.fields, **_COMMON}, f"{path}: its parameters")
        for network, sizes in cls.chains(parameters).items():  # compared before anything of a size that a file only claims is made
            for number, shape in enumerate(zip(sizes, sizes[1:]), 1):  # layer 0 flattens
                found = arrays.get(f"{network}/{number}/W", np.empty(0)).shape
                if found != shape:
                    raise FileError(f"{path}: {network}/{number}/W has shape {found}, its parameters say {shape}; take another copy")
        xp.on(device)  # what is wrong with the device is not the file's fault
        try:
            generator = cls(**parameters, dtype=dtype, device=device)
        except ArgumentError as error:
            raise FileError(f"{path}: its parameters are not those of a generator: {error}") from error
        return generator.restore(path, arrays, described)

    @classmethod
    def chains(cls, parameters: dict) -> dict[str, tuple[int, ...]]:
        """{network: numbers of units, from the flattened image to the output} of its dense networks."""
        return {}
