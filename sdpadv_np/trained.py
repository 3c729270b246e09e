"""Trained networks by their settings: taken from a file if it is there, trained and kept there otherwise."""
from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from . import models, saving
from .errors import FileError
from .provenance import provenance


def key(*settings) -> str:
    """A short name of everything that decides a result."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


def classifier_file(folder: Path, dataset: str, architecture: str, epochs: int, batch_size: int, seed: int, device: str = "cpu") -> Path:
    """Where in ``folder`` a classifier trained so is kept; on a GPU its last bits are others."""
    settings = {"dataset": dataset, "architecture": architecture, "epochs": epochs, "batch_size": batch_size, "seed": seed}
    settings |= {} if device == "cpu" else {"device": device}
    return Path(folder) / "classifiers" / f"{dataset}-{architecture}-{key(settings, provenance()['sdpadv_np'])}.h5"


def classifier(loaded, architecture: str, epochs: int, batch_size: int, seed: int, files=(), checkpoint=None, report: Callable[[str], None] = print, device: str = "cpu"):
    """The classifier in the first of ``files`` that holds one, or one trained now; it is kept in none of them.

    Returns (classifier, whether it was trained now). The training is resumable at ``checkpoint``.
    """
    for path in files:
        if Path(path).exists():
            try:
                found = saving.load(path, device)
            except FileError as error:
                report(f"Model {architecture}: not reused: {error}")
                continue
            report(f"Model {architecture}: reused from {path} ({epochs} epochs, seed {seed})")
            return found, False
    new = models.ARCHITECTURES[architecture](seed=seed, device=device)
    new.fit(loaded.x_train, loaded.y_train, loaded.x_val, loaded.y_val, epochs=epochs, batch_size=batch_size, seed=seed, checkpoint=checkpoint)
    return new, True


def keep(obj, path, title: str, report: Callable[[str], None] = print) -> None:
    """Save where others may find it; that it cannot be is no failure."""
    try:
        saving.save(obj, path)
    except FileError as error:
        report(f"{title}: not kept in the cache: {error}")


def fitted(attack, path, checkpoint, loaded, epochs: int, batch_size: int):
    """``attack`` with its generator taken from ``path``, or trained now and kept there. Returns (attack, whether it was trained now)."""
    if Path(path).exists():
        object.__setattr__(attack, "generator", saving.load(path, attack.device))
        return attack, False
    attack.fit(loaded.x_train, loaded.y_train, loaded.x_val, loaded.y_val, epochs=epochs, batch_size=batch_size, checkpoint=checkpoint)
    saving.save(attack, path)
    return attack, True


