"""The description of an experiment: a data set, a classifier, attacks on it, and how they are trained and measured."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .. import checks, xp
from ..attacks import registry
from ..data import DATASETS
from ..errors import ArgumentError
from ..evaluation import paper
from ..models import ARCHITECTURES
from ..nn import store_of
from ..training import fingerprint

# Default epochs of a classifier, and of an attack trained against it. An epoch against A costs five to ten of B.
CLASSIFIER_EPOCHS, EPOCHS = {"A": 10, "B": 15}, {"A": 16, "B": 20}
OWN = "B"  # a network of the user's own has the default epochs of this one
ARRAYS = "x_train", "y_train", "x_val", "y_val", "x_test", "y_test"  # of a data set


@dataclass(frozen=True)
class Settings:
    """How every classifier and attack of an experiment is trained and measured.

    epochs, classifier_epochs : of trained attacks and of classifiers; None: EPOCHS and CLASSIFIER_EPOCHS.
        With classifier_epochs 0 a network of the user's own is used as it is, trained or not.
    batch_size, seed : of every training
    limit : only the first test images are measured; None: all
    device : "cpu" or "cuda"
    threads : of the kernels, stored with the results; the caller sets them (training.threads)
    retrain : take no classifier from the cache
    data_dir : folder of the data set's files; None: they are searched for
    """

    epochs: int | None = None
    classifier_epochs: int | None = None
    batch_size: int = 128
    seed: int = 0
    limit: int | None = None
    device: str = "cpu"
    threads: int = 1
    retrain: bool = False
    data_dir: str | None = None

    def __post_init__(self):
        for name, low in (("epochs", 1), ("classifier_epochs", 0), ("limit", 1)):
            if getattr(self, name) is not None:
                checks.whole(name, getattr(self, name), low)
        checks.whole("batch_size", self.batch_size)
        checks.whole("seed", self.seed, 0)
        checks.threads(self.threads)
        xp.on(self.device)

    def epochs_against(self, model: Any) -> int:
        """The epochs of an attack that is trained against ``model`` ("A", "B", or another classifier)."""
        return self.epochs or EPOCHS[model if is_architecture(model) else OWN]

    def epochs_of(self, model: Any) -> int:
        """The epochs of the classifier ``model``."""
        if self.classifier_epochs is None:
            return CLASSIFIER_EPOCHS[model if is_architecture(model) else OWN]
        return checks.whole("classifier_epochs", self.classifier_epochs, 1 if is_architecture(model) else 0)


@dataclass(frozen=True)
class Experiment:
    """Attacks on one classifier of one data set.

    data : name of a data set, npz or HDF5 file of the user's own, or sd.data.Dataset
    classifier : "A" or "B", file of a classifier, or any object with ``logits(x)``. A sd.models.Classifier that was
        never trained is trained first; every other is used as it is.
    attacks : (name, {parameter: value}) of each, in the order of the table. The last is the main one: it is fitted
        first, and its images are drawn.
    """

    data: Any = "mnist"
    classifier: Any = "B"
    attacks: tuple[tuple[str, Mapping[str, Any]], ...] = (("sdpadv", {}),)
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self):
        if not self.attacks:
            raise ArgumentError("attacks is empty; give at least one, such as 'sdpadv'")
        for name, parameters in self.attacks:
            kind = registry.find(name)
            if unknown := sorted(parameters.keys() - kind.defaults.keys()):
                raise ArgumentError(f"{name} has no parameter {unknown[0]!r}; it has {', '.join(kind.defaults)}")
            if kind.trained:
                kind.make(None, **parameters)  # a wrong value shows now, not after the classifier's training
        self.settings.epochs_of(self.classifier)

    @property
    def names(self) -> list[str]:
        """The names of the attacks, as the paper writes them; the second of a name is called "FGSM 2"."""
        names = [paper.spelled(registry.find(name).name) for name, _ in self.attacks]
        counts = [names[: number + 1].count(name) for number, name in enumerate(names)]
        return [name if count == 1 else f"{name} {count}" for name, count in zip(names, counts)]

    def describe(self) -> dict[str, Any]:
        """The experiment as JSON-able values; data and classifiers without a name by a digest, where there is one."""
        data, model = self.data, self.classifier
        if not isinstance(data, str):
            data = {"name": data.name, "digest": fingerprint(*(getattr(data, name) for name in ARRAYS))}
        if not isinstance(model, str):
            store = store_of(model)
            model = {"name": title_of(model), "digest": None if store is None else fingerprint(store.data)}
        return {"data": data, "classifier": model, "attacks": self.attacks, **asdict(self.settings)}


def is_dataset(data: Any) -> bool:
    """Whether ``data`` is the name of a data set."""
    return isinstance(data, str) and data in DATASETS


def is_architecture(model: Any) -> bool:
    """Whether ``model`` is "A" or "B"."""
    return isinstance(model, str) and model in ARCHITECTURES


def title_of(classifier) -> str:
    """The name of a classifier in tables and progress."""
    return getattr(classifier, "title", type(classifier).__name__)
