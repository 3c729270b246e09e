"""The description of an experiment: a data set, a classifier, the attacks on it, and how all are trained and measured."""
from __future__ import annotations

from dataclasses import asdict, dataclass, field

from .. import checks, xp
from ..attacks import registry
from ..data import DATASETS
from ..errors import ArgumentError
from ..evaluation import paper
from ..models import ARCHITECTURES
from ..nn import store_of
from ..training import fingerprint

# Epochs where none are given: of a classifier, and of an attack trained against it; an epoch against A costs five to ten of B.
CLASSIFIER_EPOCHS, EPOCHS = {"A": 10, "B": 15}, {"A": 16, "B": 20}
ARRAYS = "x_train", "y_train", "x_val", "y_val", "x_test", "y_test"  # of a data set
OWN = "B"  # whose epochs a network of the user's own is trained with


@dataclass(frozen=True)
class Settings:
    """What holds for every classifier and attack of an experiment.

    epochs, classifier_epochs : of the trained attacks and of the classifiers; None: the architecture's, EPOCHS and CLASSIFIER_EPOCHS.
        0 for ``classifier_epochs``: a network of one's own is used as it is, though it was never trained
    batch_size, seed : of every training
    limit : only the first test images are measured; None: all
    device : "cpu" or "cuda"
    threads : of the kernels, stored with the results; whoever runs the experiment sets them (training.threads)
    retrain : no classifier is taken from the cache
    data_dir : folder of the data set's files; None: they are looked for
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

    def epochs_against(self, model: str) -> int:
        """Of an attack that is trained against the classifier called ``model``."""
        return self.epochs or EPOCHS.get(model, EPOCHS[OWN])

    def epochs_of(self, model: str) -> int:
        """Of the classifier called ``model``."""
        return CLASSIFIER_EPOCHS.get(model, CLASSIFIER_EPOCHS[OWN]) if self.classifier_epochs is None else self.classifier_epochs


@dataclass(frozen=True)
class Experiment:
    """Attacks on one classifier of one data set.

    dataset : name of a data set, file of arrays (npz, HDF5), or sd.data.Dataset
    classifier : "A" or "B", file of a classifier, or any object with ``logits(x)``. One of our networks that was never trained is
        trained first; everything else is used as it is
    attacks : (name, {parameter: value}) of each, in the order of the table; the last is the main one: it is fitted first, and its
        images are drawn
    settings : how they are trained and measured
    """

    dataset: object = "mnist"
    classifier: object = "B"
    attacks: tuple[tuple[str, dict], ...] = (("sdpadv", {}),)
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self):
        for name, parameters in self.attacks:
            if unknown := parameters.keys() - registry.find(name).defaults.keys():
                raise ArgumentError(f"{name} has no parameter {sorted(unknown)[0]!r}; it has {', '.join(registry.find(name).defaults)}")
        for name, parameters in self.attacks:
            if registry.find(name).trained:
                registry.find(name).make(None, **parameters)  # a wrong value shows now, not after the classifier's training
        if isinstance(self.classifier, str) and self.classifier in ARCHITECTURES and not self.settings.epochs_of(self.classifier):
            checks.whole("classifier_epochs", 0)

    @property
    def names(self) -> list[str]:
        """Of the attacks, as the paper writes them; a further attack of the same name has a number added."""
        plain = [paper.spelled(registry.find(name).name) for name, _ in self.attacks]
        times = [plain[: number + 1].count(name) for number, name in enumerate(plain)]
        return [name if count == 1 else f"{name} {count}" for name, count in zip(plain, times)]

    @property
    def in_the_paper(self) -> bool:
        """Whether it is about a data set and a classifier that have names, so that the paper may have figures."""
        return {str} == {type(self.dataset), type(self.classifier)} and self.dataset in DATASETS and self.classifier in ARCHITECTURES

    def describe(self) -> dict:
        """The experiment in JSON; data and classifiers that have no name by a digest, as far as they can be known."""
        data, model = self.dataset, self.classifier
        if not isinstance(data, str):
            data = {"name": data.name, "digest": fingerprint(*(getattr(data, name) for name in ARRAYS))}
        if not isinstance(model, str):
            store = store_of(model)
            model = {"name": type(model).__name__, "digest": None if store is None else fingerprint(store.data)}
        return {"data": data, "classifier": model, "attacks": self.attacks, **asdict(self.settings)}
