"""The runner: makes and keeps the data, classifiers and fitted attacks of experiments, each when it is first needed."""
from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from typing import Protocol

from .. import data, models, xp
from ..attacks import registry
from ..errors import ArgumentError
from ..models.interface import classes_of, image_shape_of
from ..storage import files, folders
from ..storage.provenance import provenance
from . import reuse
from .experiment import Settings
from .reuse import Files


class Places(Protocol):
    """Where trained networks are kept."""

    def of_classifier(self, dataset: str, model: str, settings: Settings) -> Files:
        """Of the classifier called ``model``."""

    def of_attack(self, dataset: str, model: str, kind: str, attack, settings: Settings, file: str) -> Files:
        """Of the generator of ``attack``; ``file`` is what a folder with one run alone may call it."""


class Nowhere:
    """Nothing is kept."""

    def of_classifier(self, *_) -> Files:
        return Files()

    of_attack = of_classifier


class WorkFolder:
    """A folder that many commands share: each network in a file that is named by everything that decides its weights."""

    def __init__(self, folder):
        self.folder = files.expanded(folder)
        for name in ("classifiers", "generators", "checkpoints"):
            folders.remove_unfinished(self.folder / name, folders.STALE)  # other commands may be writing there now

    def of_classifier(self, dataset, model, settings) -> Files:
        what = {
            "dataset": dataset, "architecture": model, "epochs": settings.epochs_of(model), "batch_size": settings.batch_size,
            "seed": settings.seed,
        } | ({} if settings.device == "cpu" else {"device": settings.device})  # on a GPU the last bits are others
        name = f"{dataset}-{model}-{reuse.key(what, provenance()['sdpadv_np'])}.h5"
        return Files(None, self.folder / "classifiers" / name, self.folder / "checkpoints" / name)

    def of_attack(self, dataset, model, kind, attack, settings, file) -> Files:
        weights = hashlib.sha256(xp.to_numpy(attack.classifier.store.data).tobytes()).hexdigest()
        what = (
            dataset, kind, attack.parameters(), settings.epochs_against(model), settings.batch_size, weights, provenance()["sdpadv_np"],
        )
        name = f"{dataset}-{model}-{kind}-{reuse.key(*what)}.h5"
        return Files(self.folder / "generators" / name, None, self.folder / "checkpoints" / name)


class Runner:
    """Makes what cells and experiments ask for, by ``settings``, and keeps it in ``places``.

    report : called with one line per step; None: nothing is said, and no progress is shown
    """

    def __init__(self, settings: Settings, places: Places | None = None, report: Callable[[str], None] | None = print):
        self.settings, self.places, self.report = settings, places or Nowhere(), report
        self._data: dict = {}
        self._classifiers: dict = {}

    def data(self, dataset):
        """The data set of this name, in this file, or ``dataset`` itself."""
        if not isinstance(dataset, str):
            return dataset
        if dataset not in self._data:
            if dataset in data.DATASETS:
                self._data[dataset] = data.load(dataset, self.settings.data_dir, self.say)
            else:
                self._data[dataset] = data.from_file(dataset, report=self.say)
        return self._data[dataset]

    def test_images(self, dataset) -> tuple:
        """(x, y) that attacks are measured on."""
        loaded = self.data(dataset)
        return loaded.x_test[: self.settings.limit], loaded.y_test[: self.settings.limit]

    def classifier(self, dataset, model):
        """The classifier called ``model``, in the file ``model``, or ``model`` itself; trained on ``dataset`` if it was not trained yet."""
        asked = tuple(part if isinstance(part, str) else id(part) for part in (dataset, model))
        if asked not in self._classifiers:
            self._classifiers[asked] = self._classifier(dataset, model)
        return self._classifiers[asked]

    def _classifier(self, dataset, model):
        settings, loaded = self.settings, self.data(dataset)
        epochs, named = settings.epochs_of(model), isinstance(model, str) and model in models.ARCHITECTURES
        places = self.places.of_classifier(loaded.name, model, settings)
        if named:
            new = models.ARCHITECTURES[model](seed=settings.seed, device=settings.device)
        elif isinstance(model, str):
            new = reuse.load_classifier(places.path if places.path and places.path.exists() else model, settings.device)
        else:
            new = copy.deepcopy(model) if isinstance(model, models.Classifier) else model
        _check_fit(new, loaded)
        if not named and (not isinstance(new, models.Classifier) or new.history or not epochs):
            reuse.as_it_is(new, places, self.say)
            return new
        if not (named and isinstance(dataset, str) and dataset in data.DATASETS):
            places = places._replace(cache=None)  # in which a name stands for one thing alone
        return reuse.classifier(new, loaded, epochs, settings.batch_size, settings.seed, places, settings.retrain, self.report)

    def attack(self, dataset, model, kind: str, parameters: dict, file: str = ""):
        """The attack called ``kind`` on that classifier, ready: one that is trained is fitted to it."""
        attack, settings = registry.find(kind).make(self.classifier(dataset, model), **parameters), self.settings
        if not registry.find(kind).trained:
            return attack
        loaded = self.data(dataset)
        places = self.places.of_attack(loaded.name, model, kind, attack, settings, file)
        return reuse.fitted(attack, loaded, settings.epochs_against(model), settings.batch_size, places, self.report)

    def say(self, line: str) -> None:
        """Report a line."""
        if self.report:
            self.report(line)


def _check_fit(classifier, loaded) -> None:
    """Refuse a classifier that is for images of another shape than those of the data set, or has fewer classes."""
    shape, classes = image_shape_of(classifier) or loaded.image_shape, classes_of(classifier) or loaded.classes
    if shape != loaded.image_shape or classes < loaded.classes:
        raise ArgumentError(
            f"{reuse.title_of(classifier)} is for images of {_text(shape)} in {classes} classes; {loaded.name} has images of "
            f"{_text(loaded.image_shape)} in {loaded.classes}: give a network of your own, a sd.models.Classifier (its file by --classifier)"
        )


def _text(shape) -> str:
    return "x".join(map(str, shape))
