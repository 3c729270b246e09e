"""The folder of a reproduction: one small JSON file for each finished cell, and the tables and pictures made of them."""
from __future__ import annotations

import json
from pathlib import Path

from .. import files
from ..errors import FileError
from .cells import Cell


class Store:
    """Finished cells in ``folder``/cells. A cell is there whole or not at all; so a killed run goes on where it stopped."""

    def __init__(self, folder):
        self.folder = Path(folder)
        files.remove_unfinished(self.folder)

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
        for name in [*settings, *was]:
            if was.get(name) != settings.get(name):
                raise FileError(
                    f"{path}: was computed with {name} = {was.get(name)!r}, now it is {settings.get(name)!r}; "
                    "give the same options, choose another --output, or remove the file"
                )
        return record

    def keep(self, cell: Cell, record: dict) -> None:
        files.write_json(self.path(cell), record)
