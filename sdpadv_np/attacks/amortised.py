"""What the trained attacks share: fitted once against a classifier, then one forward pass per image."""
from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field, fields

import numpy as np

from .. import checks, training, xp
from ..errors import ArgumentError
from ..models import Amortised
from ..models.classifier import in_chunks
from ..provenance import provenance


@dataclass(frozen=True)
class AmortisedAttack:
    """``attack.fit(x, y, x_val, y_val)``, then ``attack(x)``; both where the classifier lies, on the CPU or a GPU.

    classifier : anything with a differentiable ``logits(x)``; needed for fitting only
    target : the class that every image is to be moved into; None: away from its own
    seed : of the initial weights and of the order of the images
    """

    classifier: object
    _: KW_ONLY
    target: int | None = None
    seed: int = 0
    generator: Amortised = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        classes = getattr(self.classifier, "classes", 10)
        if self.target is not None and checks.whole("target", self.target, 0) >= classes:
            raise ArgumentError(f"target is {self.target}; the classifier's classes are 0 to {classes - 1}")
        shape = getattr(self.classifier, "image_shape", None) or (1, 28, 28)
        object.__setattr__(self, "generator", self._generator(shape))

    @property
    def title(self) -> str:
        """The method's name, as progress and files show it."""
        return type(self).__name__

    @property
    def device(self) -> str:
        """"cpu" or "cuda": where the generator is made and trained, that of the classifier if it is one of ours."""
        return self.classifier.store.device if hasattr(self.classifier, "store") else "cpu"

    @property
    def dtype(self):
        """What the generator is made, trained and computed in: the classifier's, float32 if it has none."""
        return getattr(self.classifier, "dtype", np.float32)

    def _generator(self, image_shape) -> Amortised:
        """The untrained generator of the method."""
        raise TypeError(f"{type(self).__name__} is no attack; use one of sd.attacks")

    def _training(self, x, y, x_val, y_val, epochs, batch_size) -> AmortisedTraining:
        """The method's task for the epoch loop."""
        raise TypeError(f"{type(self).__name__} is no attack; use one of sd.attacks")

    def fit(self, x, y, x_val, y_val, epochs: int = 20, batch_size: int = 128, checkpoint=None, progress: bool = True):
        """Train the generator against the classifier; keep the epoch with the lowest validation accuracy.

        x, x_val (N, C, H, W) in [0, 1]; y, y_val (N,) true labels. The classifier is not changed.
        With a ``target``, the epoch is kept in which the most images of other classes reach it.
        ``checkpoint`` (a path) makes it resumable. Returns self.
        """
        task = self._training(x, y, x_val, y_val, epochs, batch_size)
        self.generator.history = training.train(task, checkpoint, progress)
        self.generator.settings, self.generator.made = task.settings(), provenance()
        return self

    def __call__(self, x, y=None, targets=None):
        """Adversarial examples for x (N, C, H, W) in [0, 1]; labels are not used.

        targets : (N,), must be the target that the attack was made with
        """
        if targets is not None and (xp.as_array(targets) != self.target).any():
            raise ArgumentError(f"targets: this {self.title} is made for target={self.target}; make and fit one for each class")
        return self.generator(x)

    def parameters(self) -> dict:
        """Every parameter but the classifier, to print and store; sequences as lists, as a file gives them back."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.init and f.name != "classifier"}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def to_file(self):
        return self.generator.to_file()


class AmortisedTraining:
    """The training of a generator as a task of the epoch loop (training/loop.py); a method adds ``state`` and ``step``."""

    def __init__(self, attack, x, y, x_val, y_val, epochs, batch_size):
        self.attack, self.generator, self.classifier = attack, attack.generator, attack.classifier
        weights, classes = self.generator.store.data, getattr(self.classifier, "classes", 10)
        x = checks.images(x, "x", self.generator.image_shape).astype(weights.dtype, copy=False)
        y = checks.labels(y, len(x), classes)
        x_val = checks.images(x_val, "x_val", self.generator.image_shape).astype(weights.dtype, copy=False)
        y_val = checks.labels(y_val, len(x_val), classes, "y_val")
        self.x, self.y, self.x_val, self.y_val = (xp.like(array, weights) for array in (x, y, x_val, y_val))
        self.epochs, self.batch_size, self.seed = checks.whole("epochs", epochs), checks.whole("batch_size", batch_size), attack.seed
        self.title, self.count = attack.title, len(self.x)

    def stores(self, *trained):
        """The parameters that a recorded step uses: those that are trained, and the classifier's if it is one of ours."""
        return [*trained, *([self.classifier.store] if hasattr(self.classifier, "store") else [])]

    def settings(self):
        return {"method": self.title, **self.attack.parameters(), "epochs": self.epochs, "batch_size": self.batch_size, "count": self.count}

    def weights(self):
        return self.generator.store.data

    def aim(self, y):
        """The classes that the loss speaks of: the labels, or for each image the target."""
        return y if self.attack.target is None else np.full_like(y, self.attack.target)

    def validate(self):
        x_adv, target = self.generator(self.x_val), self.attack.target
        predicted = in_chunks(self.classifier.logits, x_adv).argmax(axis=1)
        figures = {
            "validation accuracy": float((predicted == self.y_val).mean()),
            "L2sq": float(np.square(x_adv - self.x_val).sum(axis=(1, 2, 3)).mean()),
        }
        if target is not None:
            reached = (predicted == target) & (self.y_val != target)
            figures["target reached"] = float(reached.sum() / max((self.y_val != target).sum(), 1))
        return figures

    def score(self, figures):
        return (-figures["target reached"] if "target reached" in figures else figures["validation accuracy"], figures["L2sq"])
