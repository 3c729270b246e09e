"""Classifiers A and B of the paper, and what every classifier can do."""
from __future__ import annotations

import copy

import numpy as np

from .. import checks, training, xp
from ..storage import saving, schema
from ..autodiff import Plan, Tensor, no_grad, ops
from ..nn import Conv2d, Dense, Flatten, Network, ParameterStore
from ..optim import Adam
from .chunks import in_chunks
from .stored import TRAINED, dtype_of

# Weights of pixels that are always black (MNIST's border) get no gradient and stay as they begin. A shifted digit meets
# them; so the smaller they begin, the better a classifier withstands spatial attacks (benchmarks/LOG.md).
_INIT = "fan_in"


class Classifier:
    """A network from images (N, 1, 28, 28) in [0, 1] to 10 logits.

    It computes on ``device`` ("cpu" or "cuda"), and gives back arrays of the kind it is given.

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

    architecture = ""
    image_shape = (1, 28, 28)
    classes = 10

    def __init__(self, seed: int = 0, dtype=np.float32, device: str = "cpu"):
        self.network = Network(f"model_{self.architecture.lower()}", self._layers())
        self.seed = checks.whole("seed", seed, 0)
        self.store = ParameterStore([self.network], self.seed, dtype, device)
        self.settings: dict = {}
        self.history: list[dict] = []
        self.made: dict = {}

    @property
    def dtype(self):
        """float32, unless made with another dtype: what images are computed in."""
        return self.store.data.dtype

    def __copy__(self):
        """A copy has weights of its own, as a deep one."""
        return copy.deepcopy(self)

    def to(self, device: str):
        """Move the parameters to "cpu" or "cuda"; returns self."""
        self.store.to(device)
        return self

    def _layers(self) -> list:
        raise TypeError("use ModelA or ModelB, or sd.models.ExternalClassifier for your own classifier")

    def logits(self, x):
        """(N, 10): a recorded Tensor for a Tensor, an array for an array."""
        if isinstance(x, Tensor):
            return self.network(x)
        with training.one_blas_thread():
            return in_chunks(self.network, checks.images(x, shape=self.image_shape).astype(self.dtype, copy=False), self.store.data)

    def predict(self, x):
        """The predicted labels (N,)."""
        return self.logits(x).argmax(axis=1)

    def probabilities(self, x):
        """softmax of the logits, (N, 10)."""
        return ops.softmax(self.logits(x))

    def accuracy(self, x, y) -> float:
        """The share of images whose prediction is y."""
        predicted = self.predict(x)
        return float((predicted == xp.like(checks.labels(y, len(x), self.classes), predicted)).mean())

    def fit(self, x, y, x_val, y_val, epochs: int = 15, batch_size: int = 128, lr: float = 1e-3, seed: int = 0, checkpoint=None, progress: bool = True):
        """Train with Adam on the cross-entropy; keep the epoch with the best validation accuracy.

        It begins with the weights that are there: a further ``fit`` goes on. The learning rate falls linearly from ``lr`` to 0. x, x_val (N, 1, 28, 28) in [0, 1];
        y, y_val (N,). ``checkpoint`` (a path) makes it resumable; one made from other data or parameters is refused. Returns self.
        """
        training.train(ClassifierTraining(self, x, y, x_val, y_val, epochs, batch_size, lr, seed), checkpoint, progress, self)
        return self

    def trained_by(self, x, y, x_val, y_val, epochs: int = 15, batch_size: int = 128, lr: float = 1e-3, seed: int = 0) -> dict:
        """What ``settings`` are when :meth:`fit` was called with the same."""
        task = ClassifierTraining(self, x, y, x_val, y_val, epochs, batch_size, lr, seed)
        return task.settings() | task.learned_from()

    def to_file(self) -> tuple[str, dict, dict]:
        attributes = {"architecture": self.architecture, "settings": self.settings, "history": self.history, "made": self.made}
        return "classifier", self.store.snapshot(), attributes


class ModelA(Classifier):
    """Conv(64, 8x8, 2, same) - Conv(128, 6x6, 2) - Conv(128, 5x5, 1) - FC(10), ReLU between; 710,218 parameters."""

    architecture = "A"

    def _layers(self):
        return [
            Conv2d(1, 64, (8, 8), stride=2, padding="same", activation="relu", init=_INIT),
            Conv2d(64, 128, (6, 6), stride=2, activation="relu", init=_INIT),
            Conv2d(128, 128, (5, 5), activation="relu", init=_INIT),
            Flatten(),
            Dense(128, 10, init=_INIT),
        ]


class ModelB(Classifier):
    """FC(200) - FC(200) - FC(10), ReLU between; 199,210 parameters."""

    architecture = "B"

    def _layers(self):
        return [Flatten(), Dense(784, 200, "relu", _INIT), Dense(200, 200, "relu", _INIT), Dense(200, 10, init=_INIT)]


ARCHITECTURES = {"A": ModelA, "B": ModelB}


def from_file(path, arrays: dict, attributes: dict, device: str = "cpu") -> Classifier:
    """The classifier that :meth:`Classifier.to_file` described."""
    described = schema.validated(attributes, {"architecture": schema.text(*ARCHITECTURES), **TRAINED}, f"{path}: attributes")
    classifier = ARCHITECTURES[described["architecture"]](dtype=dtype_of(arrays, path), device=device)
    classifier.store.load(arrays, str(path))
    classifier.settings, classifier.history, classifier.made = (described[k] for k in TRAINED)
    return classifier


saving.register("classifier", from_file, *ARCHITECTURES.values())


class ClassifierTraining:
    """Cross-entropy training as a task of the epoch loop."""

    def __init__(self, classifier, x, y, x_val, y_val, epochs, batch_size, lr, seed):
        self.classifier, dtype = classifier, classifier.dtype
        x = checks.images(x, "x", classifier.image_shape).astype(dtype, copy=False)
        y = checks.labels(y, len(x), classifier.classes)
        x_val = checks.images(x_val, "x_val", classifier.image_shape).astype(dtype, copy=False)
        y_val = checks.labels(y_val, len(x_val), classifier.classes, "y_val")
        self.x, self.y, self.x_val, self.y_val = (xp.like(array, classifier.store.data) for array in (x, y, x_val, y_val))
        self.epochs, self.batch_size, self.seed = checks.whole("epochs", epochs), checks.whole("batch_size", batch_size), checks.whole("seed", seed, 0)
        self.wanted, self.wanted_val = self.y, self.y_val
        self.lr = checks.number("lr", lr, above=True)
        self.title, self.count = f"Model {classifier.architecture}", len(self.x)
        self.steps = self.epochs * (self.count // min(self.batch_size, self.count))
        self.optimiser = Adam(classifier.store, lr=self.lr)
        self.trains, self.reads = [classifier.store], []
        self.plan = Plan(self.learn, self.trains)

    def settings(self):
        names = ("epochs", "batch_size", "lr", "seed", "count")
        return {"architecture": self.classifier.architecture, **{name: getattr(self, name) for name in names}, "schedule": "linear to 0"}

    def origin(self):
        data = {"set of training images": self.x, "set of training labels": self.wanted, "set of validation images": self.x_val, "set of validation labels": self.wanted_val}
        return {**{name: training.fingerprint(array) for name, array in data.items()}, "seed of the initial weights": self.classifier.seed}

    def learned_from(self) -> dict[str, str]:
        """The fingerprint of the training set, which a trained classifier keeps among its settings."""
        return {"training set": training.fingerprint(self.x, self.y)}

    def state(self):
        return self.optimiser.state("classifier")

    def weights(self):
        return self.classifier.store.data

    def loss(self, logits, wanted):
        """What is minimised: the mean cross-entropy of the labels."""
        return ops.mean(ops.cross_entropy(logits, labels=wanted))

    def step(self, chosen, epoch):
        self.optimiser.lr[...] = self.lr * (1 - self.optimiser.t / self.steps)  # computed where t lies
        return {"loss": self.plan(self.x[chosen], self.wanted[chosen])}

    def learn(self, x, wanted):
        """One step of Adam on a batch; the loss before it. Recorded: see autodiff/plan.py."""
        loss = self.loss(self.classifier.logits(Tensor(x)), wanted)
        self.classifier.store.differentiate(loss)
        self.optimiser.step()
        return loss

    def validate(self):
        with no_grad():
            logits = self.classifier.logits(self.x_val)
        return {
            "validation loss": float(self.loss(logits, self.wanted_val)),
            "validation accuracy": float((logits.argmax(axis=1) == self.y_val).mean()),
        }

    def score(self, figures):
        return (-figures["validation accuracy"], figures["validation loss"])
