"""Classifiers: networks of one's own, and models A and B of the paper."""
from __future__ import annotations

from collections import ChainMap
from typing import Any

import numpy as np

from .. import checks, training, xp
from ..autodiff import Tensor
from ..errors import FileError
from ..nn import Conv2d, Dense, Flatten, Network, perceptron
from ..storage import saving, schema
from .architecture import Architecture
from .chunks import in_chunks
from .classifier_training import ClassifierTraining
from .interface import Predictor
from .layer_table import output_shapes
from .model import RECORD, Model, dtype_of_weights

# Weights of pixels that are always black (MNIST's border) get no gradient and stay as they begin. A shifted digit meets
# them; so the smaller they begin, the better a classifier withstands spatial attacks (benchmarks/LOG.md).
_INIT = "fan_in"


class Classifier(Predictor, Model):
    """A network from images (N, C, H, W) in [0, 1] to logits (N, K).

    layers : list of layers of ``sd.nn``; the first takes images, the last makes K logits (no softmax)
    image_shape : (C, H, W)
    classes : K
    name : part of the names of its parameters ("name/0/W"); the initial weights depend on it and on ``seed``
    dtype, device : float32 or float64; "cpu" or "cuda"

    Attributes beside these: see :class:`~sdpadv_np.models.model.Model`.

    >>> import numpy as np, sdpadv_np as sd
    >>> from sdpadv_np.nn import Conv2d, Dense, Flatten
    >>> layers = [Conv2d(3, 8, (3, 3), stride=2, activation="relu"), Flatten(), Dense(72, 7)]
    >>> mine = sd.models.Classifier(layers, image_shape=(3, 8, 8), classes=7, name="mine")
    >>> mine
    Classifier 'mine': images (3, 8, 8), 7 classes
      layer                                              output     parameters
      Conv2d(3, 8, (3, 3), stride=2, activation='relu')  (8, 3, 3)         224
      Flatten()                                          (72,)               0
      Dense(72, 7)                                       (7,)              511
      total                                                                735
    >>> mine.logits(np.zeros((2, 3, 8, 8), np.float32)).shape
    (2, 7)
    """

    architecture = "own"  # "A" and "B" are the paper's

    def __init__(
        self, layers, image_shape=(1, 28, 28), classes: int = 10, name: str = "classifier", seed: int = 0,
        dtype=np.float32, device: str = "cpu",
    ):
        self._architecture = checked = Architecture(layers, image_shape, classes, name)
        self.image_shape, self.classes, self.name = checked.image_shape, checked.classes, name
        self.network = Network(name, checked.layers)
        super().__init__([self.network], seed, dtype, device)

    @property
    def title(self) -> str:
        """Its name, as progress and tables show it."""
        return self.name

    def __repr__(self):
        head = f"{type(self).__name__} {self.name!r}: images {self.image_shape}, {self.classes} classes"
        return f"{head}\n{self._architecture}"

    def logits(self, x):
        """(N, K): a recorded Tensor for a Tensor, an array for an array."""
        if isinstance(x, Tensor):
            return self.network(x)
        return in_chunks(self.network, self.checked(x), self.store.data)


    def accuracy(self, x, y) -> float:
        """The share of images whose prediction is y."""
        predicted = self.predict(x)
        return float((predicted == xp.like(checks.labels(y, len(x), self.classes), predicted)).mean())

    def fit(
        self, x, y, x_val, y_val, epochs: int = 15, batch_size: int = 128, lr: float = 1e-3, seed: int = 0,
        checkpoint=None, progress: bool = True,
    ):
        """Train with Adam on the cross-entropy; keep the epoch with the best validation accuracy.

        Training starts from the present weights, so a further ``fit`` continues. The learning rate falls linearly
        from ``lr`` to 0. x, x_val (N, C, H, W) in [0, 1]; y, y_val (N,). ``seed`` decides the order of the images.
        ``checkpoint`` (a path) makes it resumable; one made from other data or parameters is
        refused. Returns self.
        """
        task = ClassifierTraining(self, x, y, x_val, y_val, epochs, batch_size, lr, seed)
        training.train(task, checkpoint, progress, self)
        return self

    def trained_by(
        self, x, y, x_val, y_val, epochs: int = 15, batch_size: int = 128, lr: float = 1e-3, seed: int = 0,
    ) -> dict:
        """The ``settings`` that :meth:`fit` with these arguments would leave."""
        task = ClassifierTraining(self, x, y, x_val, y_val, epochs, batch_size, lr, seed)
        return task.settings() | task.learned_from()

    def description(self) -> str | dict:
        """The architecture as files and settings hold it: "A", "B", or the layers as JSON-able data."""
        return self._architecture.description()

    def to_file(self) -> tuple[str, dict, dict]:
        return "classifier", self.store.snapshot(), {"architecture": self.description(), **self.record()}


class _PaperModel(Classifier):
    """A model of the paper, for 28x28 grey images of ten classes."""

    image_shape, classes = (1, 28, 28), 10

    def __init__(self, seed: int = 0, dtype=np.float32, device: str = "cpu"):
        name, layers = f"model_{self.architecture.lower()}", self.layers_for(self.image_shape, self.classes)
        super().__init__(layers, self.image_shape, self.classes, name, seed, dtype, device)

    @property
    def title(self) -> str:
        return f"Model {self.architecture}"

    @staticmethod
    def layers_for(image_shape, classes) -> list:
        """The model's layers for images (C, H, W) and any number of classes."""
        raise TypeError("use ModelA or ModelB")

    def description(self):
        return self.architecture


class ModelA(_PaperModel):
    """Conv(64, 8x8, 2, same) - Conv(128, 6x6, 2) - Conv(128, 5x5, 1) - FC(10), ReLU between; 710,218 parameters."""

    architecture = "A"

    @staticmethod
    def layers_for(image_shape, classes):
        layers = [
            Conv2d(image_shape[0], 64, (8, 8), stride=2, padding="same", activation="relu", init=_INIT),
            Conv2d(64, 128, (6, 6), stride=2, activation="relu", init=_INIT),
            Conv2d(128, 128, (5, 5), activation="relu", init=_INIT),
            Flatten(),
        ]
        return [*layers, Dense(output_shapes(layers, image_shape)[-1][0], classes, init=_INIT)]


class ModelB(_PaperModel):
    """FC(200) - FC(200) - FC(10), ReLU between; 199,210 parameters."""

    architecture = "B"

    @staticmethod
    def layers_for(image_shape, classes):
        return perceptron((int(np.prod(image_shape)), 200, 200, classes), "relu", _INIT, init=_INIT)


ARCHITECTURES = {"A": ModelA, "B": ModelB}
_DESCRIPTION = schema.Field(
    f"one of {', '.join(ARCHITECTURES)}, or an object that describes layers",
    lambda value: isinstance(value, dict) or schema.text(*ARCHITECTURES).fits(value),
)


def from_file(path, arrays: dict, attributes: dict, device: str = "cpu") -> Classifier:
    """The classifier that :meth:`Classifier.to_file` described."""
    found = schema.validated(attributes, {"architecture": _DESCRIPTION, **RECORD}, f"{path}: attributes")
    dtype = dtype_of_weights(arrays, path)
    if isinstance(found["architecture"], str):
        return ARCHITECTURES[found["architecture"]](dtype=dtype, device=device).restore(path, arrays, found)
    own = Architecture.from_description(found["architecture"], f"{path}: architecture")
    expected, held = sum(own.counts()), sum(array.size for array in arrays.values())
    if held != expected:  # before arrays of the sizes in the file are allocated
        raise FileError(f"{path}: holds {held:,} weights, its layers have {expected:,}; take another copy")
    classifier = Classifier(own.layers, own.image_shape, own.classes, own.name, dtype=dtype, device=device)
    return classifier.restore(path, arrays, found)


_TYPES: ChainMap[str, Any] = ChainMap({Classifier.architecture: Classifier}, ARCHITECTURES)
saving.register("classifier", from_file, _TYPES.values())  # a live view
