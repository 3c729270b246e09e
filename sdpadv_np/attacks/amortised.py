"""The base of trained attacks: fitted once against a classifier, then one forward pass per image."""
from __future__ import annotations

import copy
import functools
from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from .. import checks, training, xp
from ..autodiff import Plan, hooks
from ..errors import ArgumentError
from ..models import Amortised, ExternalClassifier
from ..models.chunks import in_chunks
from ..models.interface import classes_of, dtype_of, image_shape_of, logits_of
from ..nn import Use, store_of
from .parameters import Parameters, classifier_like, parameter
from .queries import checked_gradient, checked_logits, logits


@dataclass(frozen=True)
class AmortisedAttack(Parameters):
    """``attack.fit(x, y, x_val, y_val)``, then ``attack(x)``; both on the classifier's device, CPU or GPU.

    classifier : anything with a differentiable ``logits(x)``; needed for fitting only
    target : the class that every image is to be moved into; None: away from its own
    seed : of the initial weights and of the order of the images
    """

    classifier: object = field(metadata={"check": classifier_like})
    _: KW_ONLY
    target: int | None = parameter(None, checks.whole, low=0)
    seed: int = parameter(0, checks.whole, low=0)
    generator: Amortised = field(init=False, repr=False, compare=False)
    use: Use = field(init=False, repr=False, compare=False)  # refuses two trainings at once

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "use", Use(f"this {self.title}"))
        self._check_target(classes_of(self.classifier))
        object.__setattr__(self, "generator", self._generator(self._image_shape or (1, 28, 28)))

    @property
    def _image_shape(self) -> tuple | None:
        """(C, H, W), where the classifier tells it."""
        return image_shape_of(self.classifier)

    def _check_target(self, classes: int | None):
        if self.target is not None and classes is not None and self.target >= classes:
            raise ArgumentError(f"target is {self.target}; the classifier's classes are 0 to {classes - 1}")

    @property
    def device(self) -> str:
        """"cpu" or "cuda", the device of the generator: the classifier's, "cpu" for an external one."""
        store = store_of(self.classifier)
        return "cpu" if store is None else store.device

    @property
    def dtype(self):
        """The dtype of the generator: the classifier's, float32 if it has none."""
        return dtype_of(self.classifier)

    def _generator(self, image_shape) -> Amortised:
        """The untrained generator of the method."""
        raise TypeError(f"{type(self).__name__} is no attack; use one of sd.attacks")

    def _training(self, x, y, x_val, y_val, epochs, batch_size):
        """The method's task for the epoch loop."""
        raise TypeError(f"{type(self).__name__} is no attack; use one of sd.attacks")

    def fit(self, x, y, x_val, y_val, epochs: int = 20, batch_size: int = 128, checkpoint=None, progress: bool = True):
        """Train the generator against the classifier; keep the epoch with the lowest validation accuracy.

        x, x_val (N, C, H, W) in [0, 1]; y, y_val (N,) true labels. The classifier is not changed.
        A further ``fit`` continues from the present weights. With a ``target``, the epoch is kept in which the most
        images of other classes reach it. ``checkpoint`` (a path) makes it resumable; one made from other data,
        parameters, or against another classifier is refused. Returns self.
        """
        if self.classifier is None:
            raise ArgumentError(f"this {self.title} was made without a classifier; give one to fit it to")
        with self.use.training():
            # the generator is replaced by one for these images, where the classifier does not tell their shape
            if self._image_shape is None and (shape := checks.images(x).shape[1:]) != self.generator.image_shape:
                object.__setattr__(self, "generator", self._generator(shape))
            self._fit(x, y, x_val, y_val, epochs, batch_size, checkpoint, progress)
        return self

    def _fit(self, x, y, x_val, y_val, epochs, batch_size, checkpoint, progress) -> None:
        training.train(self._training(x, y, x_val, y_val, epochs, batch_size), checkpoint, progress, self.generator)

    def trained_by(self, x, y, x_val, y_val, epochs: int = 20, batch_size: int = 128) -> dict:
        """The generator's ``settings`` after :meth:`fit` with the same arguments."""
        return training.settings_after(self._training(x, y, x_val, y_val, epochs, batch_size))

    def __call__(self, x, y=None, targets=None):
        """Adversarial examples for x (N, C, H, W) in [0, 1]; labels are not used.

        targets : (N,), must be the target that the attack was made with
        """
        if targets is not None and (checks.labels(targets, len(x), None, "targets") != self.target).any():
            raise ArgumentError(
                f"targets: this {self.title} is made for target={self.target}; make and fit one for each class"
            )
        with self.use.reading():
            if not self.generator.history:
                raise ArgumentError(f"this {self.title} is not fitted yet; call attack.fit(x, y, x_val, y_val) first")
            return self.generator(x)

    def to_file(self):
        if not self.generator.history:
            raise ArgumentError(
                f"this {self.title} is not fitted yet, there is nothing to save; "
                "call attack.fit(x, y, x_val, y_val) first, or save attack.generator as it is"
            )
        return self.generator.to_file()

    def __copy__(self):
        """A copy has the same classifier and a generator of its own."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, generator=copy.deepcopy(self.generator), use=copy.copy(self.use))
        return other


class AmortisedTraining:
    """The training of a generator as a task of the epoch loop (training/loop.py).

    A method adds ``state``, and ``update``, its step.
    """

    def __init__(self, attack, x, y, x_val, y_val, epochs, batch_size):
        self.attack, self.generator, self.classifier = attack, attack.generator, attack.classifier
        x, store = self.generator.checked(x), store_of(self.classifier)
        classes = logits(self.classifier, x[:1] if store is None else xp.like(x[:1], store.data)).shape[1]
        attack._check_target(classes)
        y = checks.labels(y, len(x), classes)
        x_val = self.generator.checked(x_val, "x_val")
        y_val = checks.labels(y_val, len(x_val), classes, "y_val")
        self.x, self.y, self.x_val, self.y_val = (xp.like(array, self.weights()) for array in (x, y, x_val, y_val))
        self.epochs, self.batch_size = checks.whole("epochs", epochs), checks.whole("batch_size", batch_size)
        self.title, self.count, self.seed = attack.title, len(self.x), attack.seed
        self.trains = [self.generator.store]  # a method adds others
        self.reads = [] if store is None else [store]

    def recorded(self):
        """The step as a plan; against an external classifier the step itself.

        A plan verifies that it repeats to the last bit, and an external classifier need not.
        """
        return Plan(self.learn, self.trains + self.reads) if self.reads else self.learn

    def step(self, chosen, epoch):
        if not isinstance(self.classifier, ExternalClassifier):
            return self.update(chosen, epoch)
        with hooks(_ExternalChecks(self.classifier, chosen)):
            return self.update(chosen, epoch)

    def settings(self):
        own = {"epochs": self.epochs, "batch_size": self.batch_size, "count": self.count}
        return {"method": self.title, **self.attack.parameters(), **own}

    def origin(self):
        return {
            **training.data_fingerprints(self.x, self.y, self.x_val, self.y_val),
            "classifier under attack": training.classifier_fingerprint(self.classifier, self.x_val),
        }

    def learned_from(self) -> dict[str, str]:
        """Fingerprints for the settings of the generator: of the data, and of a classifier of this package."""
        found = training.set_fingerprints(self.x, self.y, self.x_val, self.y_val)
        if self.reads:
            found["classifier under attack"] = training.fingerprint(self.reads[0].data)
        return found

    def weights(self):
        return self.generator.store.data

    def aim(self, y):
        """The classes in the loss: the labels, or for each image the target."""
        return y if self.attack.target is None else np.full_like(y, self.attack.target)

    def validate(self):
        x_adv, target = self.generator(self.x_val), self.attack.target
        predicted = in_chunks(functools.partial(logits_of, self.classifier), x_adv).argmax(axis=1)
        figures = {
            "validation accuracy": float((predicted == self.y_val).mean()),
            "L2sq": float(np.square(x_adv - self.x_val).sum(axis=(1, 2, 3)).mean()),
        }
        if target is not None:
            reached = (predicted == target) & (self.y_val != target)
            figures["target reached"] = float(reached.sum() / max((self.y_val != target).sum(), 1))
        return figures

    def score(self, figures):
        first = -figures["target reached"] if "target reached" in figures else figures["validation accuracy"]
        return first, figures["L2sq"]


class _ExternalChecks:
    """Hooks that check an external classifier's logits and gradients, so that errors name it and not the training."""

    def __init__(self, classifier, chosen):
        self.classifier, self.chosen = classifier, chosen

    def forward(self, tensor):
        if tensor.op is not None and tensor.op.name == "external_classifier":
            checked_logits(tensor.data, len(self.chosen), self.chosen)

    def backward(self, tensor, index, contribution):
        if tensor.op.name == "external_classifier":
            checked_gradient(self.classifier, contribution, self.chosen)
