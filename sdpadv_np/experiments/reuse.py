"""Trained networks by the settings of their training: taken from a file that holds them, or trained now and kept there."""
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


class Files(NamedTuple):
    """Where a trained network is kept; None: nowhere.

    path : its own file. Another network there is an error.
    cache : a file shared with other commands. Another network there, or none that can be read, is trained again.
    checkpoint : of its training, removed when the network is kept
    """

    path: Path | None = None
    cache: Path | None = None
    checkpoint: Path | None = None


def key(*settings) -> str:
    """A short name of everything that decides a result."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


def classifier(new, data, epochs: int, batch_size: int, seed: int, files: Files, retrain: bool = False, report: Callable[[str], None] | None = print):
    """``new``, a classifier that was not trained yet, trained on ``data`` now; or one that was trained so before.

    retrain : do not take it from the cache
    """
    say, title = report or _nothing, title_of(new)
    arguments = *_arrays(data), epochs, batch_size
    if files.path and files.path.exists():
        say(f"{title}: taken from {files.path}")
        return verified(files.path, new, new.trained_by(*arguments, seed=seed))
    found = None if retrain or not files.cache else _cached(files.cache, new, lambda: new.trained_by(*arguments, seed=seed), say)
    if found is not None:
        say(f"{title}: reused from {files.cache} ({epochs} epochs, seed {seed})")
    else:
        new.fit(*arguments, seed=seed, checkpoint=files.checkpoint, progress=report is not None)
        if files.cache:
            _keep(new, files.cache, title, say)
    if files.path:
        saving.save(found or new, files.path)
    _remove(files.checkpoint)
    return found or new


def fitted(attack, data, epochs: int, batch_size: int, files: Files, report: Callable[[str], None] | None = print):
    """``attack`` with its generator taken from ``files.path``, or trained now and kept there.

    Raises FileError if the file holds something else, or a generator that was trained in another way or against another classifier.
    """
    arguments = *_arrays(data), epochs, batch_size
    if files.path and files.path.exists():
        object.__setattr__(attack, "generator", verified(files.path, attack.generator, attack.trained_by(*arguments), attack.title))
        (report or _nothing)(f"{attack.title}: taken from {files.path}")
        return attack
    attack.fit(*arguments, checkpoint=files.checkpoint, progress=report is not None)
    if files.path:
        saving.save(attack, files.path)
    _remove(files.checkpoint)
    return attack


def verified(path, like, training: dict, method: str = ""):
    """The network in ``path``; FileError unless it is of the kind of ``like`` and was trained by ``training`` (``trained_by``) to the end.

    What an older version did not store cannot be compared.
    """
    found = saving.load(path, like.store.device)
    if type(found) is not type(like):
        raise _other(path, f"holds {_described(found)}", f"a generator of {method}" if method else f"a trained {title_of(like)}")
    if not found.settings:
        raise _other(path, "holds a network that was never trained", "a trained one")
    for name, value in json.loads(json.dumps(training)).items():
        if found.settings.get(name, value) != value:
            raise _other(path, f"was trained with {name} = {found.settings[name]!r}", f"{value!r}")
    if len(found.history) < training["epochs"]:  # it keeps the best of the epochs that there were
        raise _other(path, f"holds a training that broke off after epoch {len(found.history)} of {training['epochs']}", "a whole one")
    return found


def load_classifier(path, device: str):
    """The classifier in a file of ours, on "cpu" or "cuda"."""
    found = saving.load(path, device)
    if not isinstance(found, models.Classifier):
        raise FileError(f"{path}: holds no classifier but a generator; give the classifier.h5 of a run")
    return found


def as_it_is(classifier, files: Files, say: Callable[[str], None]) -> None:
    """Keep a classifier that needs no training, where it can be saved."""
    say(f"{title_of(classifier)}: used as it is")
    if files.path and not files.path.exists() and isinstance(classifier, models.Classifier):
        saving.save(classifier, files.path)


def title_of(classifier) -> str:
    """What tables and progress call a classifier."""
    return f"Model {getattr(classifier, 'architecture', '')}".strip()


def _arrays(data) -> tuple:
    return data.x_train, data.y_train, data.x_val, data.y_val


def _nothing(line: str) -> None:
    pass


def _cached(path: Path, like, training: Callable[[], dict], say):
    """The classifier in a shared file, or None if there is none that was trained so."""
    try:
        return verified(path, like, training()) if path.exists() else None
    except OSError as error:  # FileError too; the folder may be one that nobody may enter
        say(f"{title_of(like)}: not reused: {error if isinstance(error, FileError) else unreadable(path, error)}")
        return None


def _keep(model, path: Path, title: str, say) -> None:
    """Save where others may find it; a failure is told and no more."""
    try:
        saving.save(model, path)
    except FileError as error:
        say(f"{title}: not kept in the cache: {error}")


def _remove(checkpoint: Path | None) -> None:
    if checkpoint:
        checkpoint.unlink(missing_ok=True)


def _described(found) -> str:
    return title_of(found) if isinstance(found, models.Classifier) else f"a generator of {found.settings.get('method', 'no training')}"


def _other(path, got: str, expected: str) -> FileError:
    return FileError(f"{path}: {got}, here it must be {expected}; put the right file back, or remove it: then it is trained again")
