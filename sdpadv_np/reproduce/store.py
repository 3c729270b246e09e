"""The folder of a reproduction: one small JSON file for each finished cell, and the tables and pictures made of them."""
from __future__ import annotations

import json
from pathlib import Path

from .. import files
from ..errors import FileError
from .cells import Cell

_ABSENT = "absent"
OLD = 3600.0  # seconds, after which an unfinished file is a killed writer's and not another process's


class Store:
    """Finished cells in ``folder``/cells. A cell is there whole or not at all; so a killed run goes on where it stopped."""

    def __init__(self, folder):
        self.folder = Path(folder)
        files.remove_unfinished(self.folder, OLD)

    def path(self, cell: Cell) -> Path:
        return self.folder / "cells" / f"{cell.name}.json"

    def record(self, cell: Cell, settings: dict) -> dict | None:
        """The cell's record if it was computed; FileError if it was with other ``settings``, or is damaged."""
        path = self.path(cell)
        if not path.exists():
            return None
        try:
            record = json.loads(path.read_text())
            was = record["settings"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FileError(f"{path}: is damaged ({error}); remove it, and it is computed again") from error
        was, now = _flat(was), _flat(settings)
        for name in [*now, *was]:
            if was.get(name, _ABSENT) != now.get(name, _ABSENT):
                raise FileError(
                    f"{path}: was computed with {name} {was.get(name, _ABSENT)}, now it is {now.get(name, _ABSENT)}; "
                    "give the same options, choose another --output, or remove the file"
                )
        return record

    def keep(self, cell: Cell, record: dict) -> None:
        files.write_json(self.path(cell), record)


def _flat(settings: dict) -> dict:
    """The parameters of the attack beside the other settings."""
    return {**{k: v for k, v in settings.items() if k != "parameters"}, **{f"parameter {k}": v for k, v in (settings.get("parameters") or {}).items()}}
