"""The folder of a reproduction: one small JSON file for each finished cell, and the tables and pictures of them."""
from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ... import data
from ...errors import ArgumentError, FileError
from ...storage import files, folders, schema
from .cells import HUNDRED, Cell

_ABSENT = "absent"
_MEASURED = {
    **dict.fromkeys(("accuracy", "clean_accuracy", "success_rate", "linf"), schema.number(0, 1)),
    **dict.fromkeys(("l2sq", "seconds_per_100"), schema.number(0)), "count": schema.integer(1),
}
_PARTS = {  # of a record that hold numbers alone
    "result": _MEASURED, "hundred": _MEASURED,
    "seconds": dict.fromkeys(("training", "attack", "cell"), schema.number(0)),
}
_FIELDS = {
    **dict.fromkeys(("settings", "made", *_PARTS), schema.mapping()),
    "distortion": schema.optional(schema.mapping(schema.number())), "threads": schema.integer(1),
}


class Store:
    """Finished cells in ``folder``/cells: complete files or none, so a killed run continues where it stopped."""

    def __init__(self, folder):
        self.folder = files.expanded(folder)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """The folder, for one command alone; ArgumentError if it holds something else than a reproduction."""
        with folders.locked(self.folder, make=True):
            others = [path.name for path in self.folder.iterdir() if not path.name.startswith(".")]
            if others and "cells" not in others:
                raise ArgumentError(f"{self.folder}: holds no reproduction, but other files; choose another --output")
            for folder in (self.folder, self.folder / "cells"):
                folders.remove_unfinished(folder)
            yield

    def path(self, cell: Cell) -> Path:
        return self.folder / "cells" / f"{cell.name}.json"

    def read(self, cell: Cell, settings: dict) -> dict | None:
        """The cell's record, or None; FileError if it is damaged, or was computed with other ``settings``."""
        path = self.path(cell)
        if not path.exists():
            return None
        try:
            record = schema.validated(schema.parse_json(files.read_bytes(path), str(path)), _FIELDS, str(path))
            for part in ("result", "hundred"):
                if "seconds" in record[part]:  # its name before 0.2
                    record[part]["seconds_per_100"] = record[part].pop("seconds")
            for name, fields in _PARTS.items():
                schema.validated(record[name], fields, f"{path}: {name}")
        except FileError as error:
            raise FileError(f"{error}; remove the file, and the cell is computed again") from error
        was, now = _flattened(record["settings"]), _flattened(settings)
        for name in [*now, *was]:
            if was.get(name, _ABSENT) != now.get(name, _ABSENT):
                raise FileError(
                    f"{path}: was computed with {name} {was.get(name, _ABSENT)}, now it is {now.get(name, _ABSENT)}; "
                    "give the same options, choose another --output, or remove the file"
                )
        for part, count in (("result", data.DATASETS[cell.dataset].test), ("hundred", HUNDRED)):
            expected = min(settings.get("limit") or count, count)
            if record[part]["count"] != expected:
                raise FileError(
                    f"{path}: {part}: count is {record[part]['count']}; expected {expected}; "
                    "remove the file, and the cell is computed again"
                )
        return record

    def write(self, cell: Cell, record: dict) -> None:
        files.write_json(self.path(cell), record)


def _flattened(settings: dict) -> dict:
    """The parameters of the attack beside the other settings."""
    parameters = settings.get("parameters")
    if not isinstance(parameters, dict):
        return settings
    others = {name: value for name, value in settings.items() if name != "parameters"}
    return others | {f"parameter {name}": value for name, value in parameters.items()}
