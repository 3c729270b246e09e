"""Trained networks by their settings: taken from a file if it is there, trained and kept there otherwise."""
from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from .. import models
from ..storage import saving
from ..errors import FileError
from ..storage.files import unreadable
from ..storage.provenance import provenance


def key(*settings) -> str:
    """A short name of everything that decides a result."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


def classifier_file(folder: Path, dataset: str, architecture: str, epochs: int, batch_size: int, seed: int, device: str = "cpu") -> Path:
    """Where in ``folder`` a classifier trained so is kept; on a GPU its last bits are others."""
    settings = {"dataset": dataset, "architecture": architecture, "epochs": epochs, "batch_size": batch_size, "seed": seed}
    settings |= {} if device == "cpu" else {"device": device}
    return Path(folder) / "classifiers" / f"{dataset}-{architecture}-{key(settings, provenance()['sdpadv_np'])}.h5"


def classifier(loaded, architecture: str, epochs: int, batch_size: int, seed: int, files=(), checkpoint=None, report: Callable[[str], None] = print, device: str = "cpu"):
    """The classifier in the first of ``files`` that holds one trained so, or one trained now; it is kept in none of them.

    Returns (classifier, whether it was trained now). The training is resumable at ``checkpoint``.
    """
    for path in files:
        try:
            if not Path(path).exists():
                continue
            found = verified(path, loaded, architecture, epochs, batch_size, seed, device)
        except OSError as error:  # FileError too; the folder may be one that nobody may enter
            report(f"Model {architecture}: not reused: {error if isinstance(error, FileError) else unreadable(path, error)}")
            continue
        report(f"Model {architecture}: reused from {path} ({epochs} epochs, seed {seed})")
        return found, False
    new = models.ARCHITECTURES[architecture](seed=seed, device=device)
    new.fit(loaded.x_train, loaded.y_train, loaded.x_val, loaded.y_val, epochs=epochs, batch_size=batch_size, seed=seed, checkpoint=checkpoint)
    return new, True


def verified(path, loaded, architecture: str, epochs: int, batch_size: int, seed: int, device: str = "cpu"):
    """The classifier in ``path``; FileError if it was not trained so."""
    found = saving.load(path, device)
    if not isinstance(found, models.ARCHITECTURES[architecture]):
        raise _other(path, f"holds {_called(found)}", f"a trained Model {architecture}")
    _compare(path, found, found.trained_by(loaded.x_train, loaded.y_train, loaded.x_val, loaded.y_val, epochs, batch_size, seed=seed))
    return found


def keep(obj, path, title: str, report: Callable[[str], None] = print) -> None:
    """Save where others may find it; that it cannot be is no failure."""
    try:
        saving.save(obj, path)
    except FileError as error:
        report(f"{title}: not kept in the cache: {error}")


def fitted(attack, path, checkpoint, loaded, epochs: int, batch_size: int):
    """``attack`` with its generator taken from ``path``, or trained now and kept there. Returns (attack, whether it was trained now).

    Raises FileError if ``path`` holds something else, or a generator that was trained in another way or against another classifier.
    """
    data = loaded.x_train, loaded.y_train, loaded.x_val, loaded.y_val
    if Path(path).exists():
        found = saving.load(path, attack.device)
        if type(found) is not type(attack.generator):
            raise _other(path, f"holds {_called(found)}", f"a generator of {attack.title}")
        _compare(path, found, attack.trained_by(*data, epochs, batch_size))
        object.__setattr__(attack, "generator", found)
        return attack, False
    attack.fit(*data, epochs=epochs, batch_size=batch_size, checkpoint=checkpoint)
    saving.save(attack, path)
    return attack, True


def _called(found) -> str:
    return f"Model {found.architecture}" if isinstance(found, models.Classifier) else f"a generator of {found.settings.get('method', 'no training')}"


def _compare(path, found, wanted: dict) -> None:
    """What an older version did not store cannot be compared; a file that says nothing at all was never trained."""
    stored = found.settings
    if not stored:
        raise _other(path, "holds a network that was never trained", "a trained one")
    for name, value in json.loads(json.dumps(wanted)).items():
        if stored.get(name, value) != value:
            raise _other(path, f"was trained with {name} = {stored[name]!r}", f"{value!r}")
    if len(found.history) < wanted["epochs"]:  # it keeps the best of the epochs that there were
        raise _other(path, f"holds a training that broke off after epoch {len(found.history)} of {wanted['epochs']}", "a whole one")


def _other(path, got: str, expected: str) -> FileError:
    return FileError(f"{path}: {got}, here it must be {expected}; put the right file back, or remove it: then it is trained again")
