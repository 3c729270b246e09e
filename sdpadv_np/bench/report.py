"""The record of any benchmark as text, as a document, and as files; what its tables and its picture are, its layout says.

A record is {"question", "settings", "device", "peers": {library: version}, "made", "results"}; a
layout is a module with LEGEND, CAPTION, ``tables(record)``, ``notes(record)`` and ``picture(record)``.
"""
from __future__ import annotations

import json
from pathlib import Path

from ..storage import files
from ..evaluation import tables
from . import affine_layout, layout


def _layout(record):
    return affine_layout if record["question"] == "affine" else layout


def text(record) -> str:
    """For the terminal."""
    shown = _layout(record)
    parts = [f"{heading}\n\n" * bool(heading) + tables.text(rows, columns) for heading, columns, rows in shown.tables(record)]
    return "\n\n".join([*parts, "\n".join([shown.LEGEND, *shown.notes(record)])])


def settings(record) -> list[str]:
    """Every parameter, machine and version, one line each."""
    made = {"device_name": record["device"]} | record["made"] | record["peers"]
    values = {k: " ".join(map(str, v)) if isinstance(v, (list, tuple)) else v for k, v in (record["settings"] | made).items()}
    return [f"{name} = {value}" for name, value in values.items()]


def markdown(record, title: str, picture: str) -> str:
    """For a forge: tables, picture, settings."""
    shown = _layout(record)
    parts = [f"# {title}", shown.LEGEND, f"![{shown.CAPTION}]({picture})"]
    for heading, columns, rows in shown.tables(record):
        parts += [f"## {heading}" if heading else "", tables.markdown(rows, columns)]
    parts += ["\n".join(f"- {note}" for note in shown.notes(record)), "## Settings, machine, versions", "\n".join(f"- {line}" for line in settings(record))]
    return "\n\n".join(part for part in parts if part) + "\n"


def picture(record) -> bytes:
    """As PNG."""
    return _layout(record).picture(record)


def write(folder, stem: str, record, document: str, image: bytes) -> list[Path]:
    """STEM.json, STEM.md and STEM.png in ``folder``, each whole or not at all; all are ready before the first is written."""
    contents = {".json": (json.dumps(record, indent=1, allow_nan=False) + "\n").encode(), ".md": document.encode(), ".png": image}
    for ending, data in contents.items():
        files.write_bytes(Path(folder) / (stem + ending), data)
    return [Path(folder) / (stem + ending) for ending in contents]
