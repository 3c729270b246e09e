"""Checkpoints: the state of a training at the end of an epoch, in a file, and back."""
from __future__ import annotations

import json
import warnings

from .. import xp
from ..errors import FileError
from ..storage import files, schema
from .fingerprints import same

_FIELDS = {
    "settings": schema.mapping(),
    "origin": schema.mapping().added(2, None),
    "history": schema.sequence(schema.mapping(schema.number())),
    "best_epoch": schema.integer(1),
    "best_score": schema.sequence(schema.number()),
}


class Checkpoint:
    """The checkpoint of ``task`` at ``path``; with None as path nothing is read or written."""

    def __init__(self, path, task):
        self.path, self.task = None if path is None else files.expanded(path), task
        self.settings = json.loads(json.dumps(task.settings()))  # as they are read from a file
        self.origin = {} if path is None else task.origin()

    def save(self, history: list, best: dict) -> None:
        if self.path is None:
            return
        arrays = {f"state/{name}": array for name, array in self.task.state().items()} | {"best": best["weights"]}
        files.write(self.path, "checkpoint", arrays, {
            "settings": self.settings, "origin": self.origin, "history": history,
            "best_epoch": best["epoch"], "best_score": best["score"],
        })

    def restore(self) -> tuple[list, dict]:
        """(history, best epoch) of the file, its state copied into the task; ([], {}) if there is no file."""
        if self.path is None or not self.path.exists():
            return [], {}
        _, arrays, attributes = files.read(self.path, ["checkpoint"])
        stored = schema.validated(attributes, _FIELDS, f"{self.path}: attributes")
        self._compare(stored)
        history, best = stored["history"], stored["best_epoch"]
        if not best <= len(history) <= self.task.epochs:
            raise FileError(
                f"{self.path}: its best epoch is {best} of {len(history)} of {self.task.epochs}; start a new run"
            )
        state = {f"state/{name}": array for name, array in self.task.state().items()}
        for name, array in {**state, "best": self.task.weights()}.items():
            found = arrays.get(name)
            if found is None or found.shape != array.shape or found.dtype != array.dtype:
                what = "nothing" if found is None else f"{found.dtype}{list(found.shape)}"
                raise FileError(
                    f"{self.path}: {name} is {what}, expected {array.dtype}{list(array.shape)}: "
                    "it does not fit this model; start a new run"
                )
        for name, array in state.items():
            array[...] = xp.like(arrays[name], array)
        return history, {"epoch": best, "score": stored["best_score"], "weights": arrays["best"]}

    def _compare(self, stored: dict) -> None:
        """Raise FileError unless the checkpoint was made with the task's settings, data and classifier."""
        for name, value in self.settings.items():
            was = stored["settings"].get(name)
            if was != value:
                raise FileError(
                    f"{self.path}: was made with {name} = {was!r}, now it is {value!r}; "
                    "resume with the same settings or start a new run"
                )
        if stored["origin"] is None:
            warnings.warn(
                f"{self.path}: an older sdpadv-np made it and did not note from which data; "
                "make sure that they are the same", stacklevel=5,
            )
            return
        for what, value in self.origin.items():
            if not same(stored["origin"].get(what), value):
                raise FileError(
                    f"{self.path}: was made with another {what} than now; resume with the same data and classifier, "
                    "or start a new run with another checkpoint"
                )
