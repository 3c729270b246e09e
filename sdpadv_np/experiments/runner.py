"""The runner: makes and keeps the data, classifiers and fitted attacks of experiments, each when it is first needed."""
from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from .. import data, models, xp
from ..attacks import registry
from ..errors import ArgumentError
from ..models.interface import classes_of, image_shape_of
from ..storage import files, folders
from ..version import __version__
from . import reuse
from .experiment import Settings, is_architecture, is_dataset, title_of
from .reuse import Files


class Places(Protocol):
    """Where trained networks are kept."""

    def of_classifier(self, source: Any, model: Any, settings: Settings) -> Files:
        """The files of the classifier ``model`` of the data set ``source``."""

    def of_attack(self, source: Any, model: Any, kind: str, attack: Any, settings: Settings, name: str) -> Files:
        """The files of the generator of ``attack``; ``name`` is unique within one experiment."""


class WorkFolder:
    """Places in a folder that many commands share: files are named by everything that decides their weights.

    They are for data sets and architectures that have names.
    """

    def __init__(self, folder: files.PathLike):
        self.folder = files.expanded(folder)
        for name in ("classifiers", "generators", "checkpoints"):
            folders.remove_unfinished(self.folder / name, folders.STALE)  # other commands may be writing there now

    def of_classifier(self, source, model, settings) -> Files:
        if not (is_dataset(source) and is_architecture(model)):
            return Files()
        training = {
            "dataset": source, "architecture": model, "epochs": settings.epochs_of(model),
            "batch_size": settings.batch_size, "seed": settings.seed,
        }
        if settings.device != "cpu":  # on a GPU the last bits are others
            training["device"] = settings.device
        name = f"{source}-{model}-{reuse.key(training, __version__)}.h5"
        return Files(None, self.folder / "classifiers" / name, self.folder / "checkpoints" / name)

    def of_attack(self, source, model, kind, attack, settings, name) -> Files:
        weights = hashlib.sha256(xp.to_numpy(attack.classifier.store.data).tobytes()).hexdigest()
        training = attack.parameters(), settings.epochs_against(model), settings.batch_size, weights, __version__
        file = f"{source}-{model}-{kind}-{reuse.key(source, kind, *training)}.h5"
        return Files(self.folder / "generators" / file, None, self.folder / "checkpoints" / file)


class Runner:
    """Makes the parts of cells and experiments by ``settings``, and keeps them in ``places``; None: in memory alone.

    report : called with one line per step; None: silent, and no progress is shown
    """

    def __init__(self, settings: Settings, places: Places | None = None, report: Callable[[str], None] | None = print):
        self.settings, self.places, self.progress = settings, places, report is not None
        self.say = report or (lambda line: None)
        self._data: dict[Any, Any] = {}
        self._classifiers: dict[Any, Any] = {}

    def data(self, source):
        """The data set called ``source``, in the file ``source``, or ``source`` itself."""
        if not isinstance(source, str):
            return source
        if source not in self._data:
            if is_dataset(source):
                self._data[source] = data.load(source, self.settings.data_dir, self.say)
            else:
                self._data[source] = data.from_file(source, report=self.say)
        return self._data[source]

    def test_images(self, source) -> tuple:
        """(x, y) that attacks are measured on."""
        loaded = self.data(source)
        return loaded.x_test[: self.settings.limit], loaded.y_test[: self.settings.limit]

    def classifier(self, source, model):
        """The classifier called ``model``, in the file ``model``, or ``model`` itself, trained if it was not yet."""
        key = tuple(part if isinstance(part, str) else id(part) for part in (source, model))
        if key not in self._classifiers:
            self._classifiers[key] = self._classifier(source, model)
        return self._classifiers[key]

    def _classifier(self, source, model):
        settings, loaded, named = self.settings, self.data(source), is_architecture(model)
        places = self.places.of_classifier(source, model, settings) if self.places else Files()
        if named:
            found: Any = models.ARCHITECTURES[model](seed=settings.seed, device=settings.device)
        elif isinstance(model, str):
            path = places.path if places.path and places.path.exists() else model
            found = reuse.load_classifier(path, settings.device)
        else:
            found = copy.deepcopy(model).to(settings.device) if isinstance(model, models.Classifier) else model
        _check_fit(found, loaded)
        epochs = settings.epochs_of(model)
        if not named and (not isinstance(found, models.Classifier) or found.history or not epochs):
            return reuse.used_as_it_is(found, places, self.say)
        return reuse.trained(found, loaded, epochs, settings, places, self.say, self.progress)

    def attack(self, source, model, kind: str, parameters: Mapping[str, Any], name: str = ""):
        """The attack called ``kind`` on that classifier, ready: fitted if it is one that is trained."""
        attack, settings = registry.find(kind).make(self.classifier(source, model), **parameters), self.settings
        if not registry.find(kind).trained:
            return attack
        places = self.places.of_attack(source, model, kind, attack, settings, name) if self.places else Files()
        return reuse.fitted(
            attack, self.data(source), settings.epochs_against(model), settings, places, self.say, self.progress
        )


def _check_fit(classifier, loaded) -> None:
    """Refuse a classifier for images of another shape than those of the data set, or for fewer classes."""
    shape = image_shape_of(classifier) or loaded.image_shape
    classes = classes_of(classifier) or loaded.classes
    if shape != loaded.image_shape or classes < loaded.classes:
        raise ArgumentError(
            f"{title_of(classifier)} takes images {shape} of {classes} classes, "
            f"{loaded.name} has {loaded.image_shape} of {loaded.classes}; "
            "give a network of your own that fits, made by sd.models.Classifier (--classifier FILE)"
        )
