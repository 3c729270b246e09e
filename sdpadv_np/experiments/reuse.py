"""Trained networks by the settings of their training: taken from a file that holds them, or trained and kept there."""
from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from .. import models
from ..errors import FileError
from ..storage import saving
from ..storage.files import unreadable
from .experiment import Settings, title_of


class Files(NamedTuple):
    """Where a trained network is kept; None: nowhere.

    path : its own file. Another network in it is an error.
    cache : a file shared with other commands. Another network in it, or an unreadable one, is replaced.
    checkpoint : of its training, removed when the network is kept
    """

    path: Path | None = None
    cache: Path | None = None
    checkpoint: Path | None = None


def key(*settings) -> str:
    """A short name of everything that decides a result."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


def trained(new, data, epochs: int, settings: Settings, files: Files, say: Callable[[str], None], progress=True):
    """The classifier ``new``, trained on ``data`` now; or the one in ``files`` that was trained so.

    say : called with a line on what is done
    progress : whether a training shows its progress
    """
    arguments = *_arrays(data), epochs, settings.batch_size

    def stored(path):
        return verified(path, new, new.trained_by(*arguments, seed=settings.seed))

    if files.path and files.path.exists():
        say(f"{new.title}: taken from {files.path}")
        return stored(files.path)
    found = None if settings.retrain or not files.cache else _cached(files.cache, stored, new.title, say)
    if found is None:
        new.fit(*arguments, seed=settings.seed, checkpoint=files.checkpoint, progress=progress)
        _cache(new, files.cache, say)
    else:
        say(f"{new.title}: reused from {files.cache} ({epochs} epochs, seed {settings.seed})")
    return _kept(found or new, files)


def fitted(attack, data, epochs: int, settings: Settings, files: Files, say: Callable[[str], None], progress=True):
    """``attack``, fitted to its classifier now; or with the generator in ``files.path``, if that was trained so."""
    arguments = *_arrays(data), epochs, settings.batch_size
    if files.path and files.path.exists():
        generator = verified(files.path, attack.generator, attack.trained_by(*arguments), attack.title)
        object.__setattr__(attack, "generator", generator)
        say(f"{attack.title}: taken from {files.path}")
        return attack
    attack.fit(*arguments, checkpoint=files.checkpoint, progress=progress)
    return _kept(attack, files)


def used_as_it_is(classifier, files: Files, say: Callable[[str], None]):
    """A classifier that needs no training, kept where it can be saved."""
    say(f"{title_of(classifier)}: used as it is")
    if files.path and files.path.exists() or not isinstance(classifier, models.Classifier):
        return classifier
    return _kept(classifier, files)


def verified(path: Path, like, training: dict, method: str = ""):
    """The network in ``path``; FileError unless it is of the kind of ``like`` and its ``training`` was completed.

    training : the ``trained_by`` of the network. Entries that an older version did not store cannot be compared.
    method : of a generator
    """
    found = saving.load(path, like.store.device)
    if type(found) is not type(like):
        is_classifier = isinstance(found, models.Classifier)
        got = found.title if is_classifier else f"a generator of {found.settings.get('method', 'no training')}"
        raise _other(path, f"holds {got}", f"a generator of {method}" if method else f"a trained {like.title}")
    if not found.settings:
        raise _other(path, "holds a network that was never trained", "a trained one")
    for name, value in json.loads(json.dumps({"defence": None, **training})).items():  # other trainings do not name it
        if found.settings.get(name, value) != value:
            raise _other(path, f"was trained with {name} = {found.settings[name]!r}", f"{value!r}")
    if len(found.history) < training["epochs"]:  # it holds the best of the epochs that there were
        raise _other(
            path, f"holds a training that broke off after epoch {len(found.history)} of {training['epochs']}",
            "a whole one",
        )
    return found


def load_classifier(path, device: str):
    """The classifier in a file of ours, on "cpu" or "cuda"; FileError if it holds something else."""
    found = saving.load(path, device)
    if not isinstance(found, models.Classifier):
        raise FileError(f"{path}: holds no classifier but a generator; give the classifier.h5 of a run")
    return found


def _arrays(data) -> tuple:
    return data.x_train, data.y_train, data.x_val, data.y_val


def _cached(path: Path, stored: Callable, title: str, say):
    """The classifier in a shared file; None, and the reason reported, if it cannot be used."""
    try:
        return stored(path) if path.exists() else None
    except OSError as error:  # FileError too; the user may not be allowed to enter the folder
        say(f"{title}: not reused: {error if isinstance(error, FileError) else unreadable(path, error)}")
        return None


def _cache(model, path: Path | None, say) -> None:
    """Save where other commands find it; a failure is reported and no error."""
    try:
        if path:
            saving.save(model, path)
    except FileError as error:
        say(f"{model.title}: not kept in the cache: {error}")


def _kept(model, files: Files):
    """``model``, saved in its own file; its checkpoint is removed."""
    if files.path:
        saving.save(model, files.path)
    if files.checkpoint:
        files.checkpoint.unlink(missing_ok=True)
    return model


def _other(path, got: str, expected: str) -> FileError:
    return FileError(
        f"{path}: {got}, here it must be {expected}; put the right file back, or remove it: then it is trained again"
    )
