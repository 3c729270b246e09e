"""The folder of one run: its parameters, what was trained so far, its results."""
from __future__ import annotations

import argparse
import contextlib
import csv
import io
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from ..storage import files, folders, saving, schema
from . import trained
from ..data.sources import cache_folder
from ..errors import ArgumentError, FileError
from ..evaluation import tables
from ..storage.provenance import provenance
from ..cli.common import announce

_PARAMETERS = "parameters.json"


class RunFolder:
    """``path`` and the resolved ``parameters`` of a run; made by :meth:`create` or :meth:`resume`, which hold the folder while it is worked in."""

    def __init__(self, path: Path, parameters: dict):
        self.path, self.parameters = path, parameters

    @classmethod
    @contextlib.contextmanager
    def create(cls, parameters: dict, output) -> Iterator[RunFolder]:
        """A new folder; refuses one that holds a run already."""

        def refuse(path: Path) -> None:
            if (path / _PARAMETERS).exists():
                raise ArgumentError(f"{path}: holds a run already; go on with it by --resume {path}, or choose another --output")

        usual = "runs/{dataset}-{classifier}-{method}".format(**parameters) + datetime.now().strftime("-%Y%m%d-%H%M%S")
        with folders.create(output, usual, refuse) as path:
            folders.remove_unfinished(path)
            files.write_json(path / _PARAMETERS, {"parameters": parameters, "command": ["sdpadv", *sys.argv[1:]], "made": provenance()})
            yield cls(path, parameters)

    @classmethod
    @contextlib.contextmanager
    def resume(cls, given, resolve) -> Iterator[RunFolder]:
        """The folder of an earlier run, with its own parameters; ``resolve`` makes them of parsed arguments, and checks them."""
        path = files.expanded(given)
        stored(path, resolve)  # that it is no run shows before anything is made or removed in it
        with folders.locked(path):
            for folder in (path, path / "checkpoints"):
                folders.remove_unfinished(folder)
            yield cls(path, stored(path, resolve))

    def announce(self) -> None:
        print(f"run folder: {self.path}")
        announce(self.parameters)

    def classifier(self, loaded, p: argparse.Namespace):
        """This run's classifier: its own, or one from the cache that was trained the same way, or trained now."""
        own, settings = self.path / "classifier.h5", (p.classifier, p.classifier_epochs, p.batch_size, p.seed)
        cached = trained.classifier_file(cache_folder(), p.dataset, *settings, p.device)
        if own.exists():
            found, new = trained.verified(own, loaded, *settings, p.device), False
            print(f"Model {p.classifier}: taken from {own}")
        else:
            checkpoint = self.path / "checkpoints" / "classifier.h5"
            found, new = trained.classifier(loaded, *settings, [] if p.retrain else [cached], checkpoint, device=p.device)
            saving.save(found, own)
        if new:
            trained.keep(found, cached, f"Model {p.classifier}")
        return found

    def fitted(self, attack, name: str, loaded, p: argparse.Namespace):
        """``attack`` with its generator trained: taken from this folder if it is there already."""
        path, checkpoint = self.path / f"{name}.h5", self.path / "checkpoints" / f"{name}.h5"
        attack, new = trained.fitted(attack, path, checkpoint, loaded, p.epochs, p.batch_size)
        if not new:
            print(f"{name}: taken from {path}")
        return attack

    def write_history(self, histories: dict[str, list[dict]]) -> None:
        """history.csv: one row per training and epoch."""
        names = list(dict.fromkeys(k for history in histories.values() for row in history for k in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, ["training", *names], lineterminator="\n")
        writer.writeheader()
        writer.writerows({"training": title, **row} for title, history in histories.items() for row in history)
        files.write_text(self.path / "history.csv", text.getvalue())

    def write_results(self, results, trained: dict, table) -> None:
        """metrics.json, and the table as text and Markdown."""
        record = {
            "results": [{"attack": name, "eps": eps, **result.as_dict()} for name, eps, result in results],
            "trained": trained,
            "parameters": self.parameters,
            "made": provenance(),
        }
        files.write_json(self.path / "metrics.json", record)
        files.write_text(self.path / "table.txt", tables.text(table) + "\n")
        files.write_text(self.path / "table.md", tables.markdown(table) + "\n")


def stored(path: Path, resolve) -> dict:
    """The parameters of the run in the folder ``path``, checked as those that are typed are; FileError if it is no run, or has others.

    What an older version did not store yet is what is used where nothing is typed: an option is only ever added with a default
    that leaves everything as it was.
    """
    source = path / _PARAMETERS
    try:
        text = files.read_bytes(source)
    except FileError as error:
        raise FileError(f"{path}: is not a run folder ({error}); give one that sdpadv train made") from error
    record = schema.parse_json(text, str(source))
    given = record.get("parameters") if isinstance(record, dict) else None
    if not isinstance(given, dict):
        raise FileError(f"{path}: is not a run folder ({_PARAMETERS} has no parameters); give one that sdpadv train made")
    unknown = [name for name in given if name not in resolve(_parsed({}))]
    if unknown:
        raise FileError(f"{source}: has {', '.join(unknown)}, which this version does not know; take the version that made the run, or start a new run")
    try:
        resolved = resolve(_parsed(given))
    except ArgumentError as error:
        raise FileError(f"{source}: {error}; restore the file, or start a new run") from error
    for name, value in given.items():
        if (type(value), value) != (type(resolved[name]), resolved[name]):
            raise FileError(f"{source}: {name} is {value!r}; expected {resolved[name]!r}, or the like; restore the file, or start a new run")
    return resolved


class _Strict(argparse.ArgumentParser):
    """Reads what a file holds: it has no usage to show."""

    def error(self, message):
        raise ArgumentError(message)


def _parsed(parameters: dict) -> argparse.Namespace:
    """``parameters``, as if they had been typed."""
    from ..cli import parser

    words = ["train"]
    for name, value in parameters.items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(option)
        elif isinstance(value, list):
            if options := [text for text in map(str, value) if text.startswith("-")]:
                raise ArgumentError(f"argument {option}: invalid choice: {options[0]!r}")  # it would be read as an option of its own
            words += [option, *map(str, value)]
        elif value is not None and value is not False:
            words.append(f"{option}={value}")
    return parser(_Strict).parse_args(words)
