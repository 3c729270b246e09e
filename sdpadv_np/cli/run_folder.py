"""The folder of one run: its parameters, what was trained so far, its results."""
from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from datetime import datetime
from pathlib import Path

from .. import files, saving, trained
from ..data.sources import cache_folder
from ..errors import ArgumentError, FileError
from ..evaluation import tables
from ..provenance import provenance
from .common import announce

_PARAMETERS = "parameters.json"


class RunFolder:
    """``path`` and the resolved ``parameters`` of a run."""

    def __init__(self, path: Path, parameters: dict):
        self.path, self.parameters = path, parameters

    @classmethod
    def create(cls, parameters: dict) -> RunFolder:
        """A new folder; refuses one that holds a run already."""
        name = "{dataset}-{classifier}-{method}".format(**parameters) + datetime.now().strftime("-%Y%m%d-%H%M%S")
        path = Path(parameters.pop("output") or Path("runs") / name)
        if (path / _PARAMETERS).exists():
            raise ArgumentError(f"{path}: holds a run already; go on with it by --resume {path}, or choose another --output")
        record = {"parameters": parameters, "command": ["sdpadv", *sys.argv[1:]], "made": provenance()}
        files.write_json(path / _PARAMETERS, record)
        return cls(path, parameters)

    @classmethod
    def resume(cls, arguments) -> RunFolder:
        """The folder of an earlier run, with its own parameters."""
        from . import parser

        unset = vars(parser().parse_args(["train", "--resume", arguments.resume]))
        given = [f"--{k.replace('_', '-')}" for k, v in vars(arguments).items() if k not in ("debug", "run") and v != unset[k]]
        if given:
            raise ArgumentError(f"--resume takes every parameter from the run; leave out {', '.join(given)}, or start a new run")
        path = Path(arguments.resume)
        files.remove_unfinished(path)
        try:
            return cls(path, json.loads((path / _PARAMETERS).read_text())["parameters"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FileError(f"{path}: is not a run folder ({_PARAMETERS}: {error}); give one that sdpadv train made") from error

    def announce(self) -> None:
        print(f"run folder: {self.path}")
        announce(self.parameters)

    def classifier(self, loaded, p: argparse.Namespace):
        """This run's classifier: its own, or one from the cache that was trained the same way, or trained now."""
        own, settings = self.path / "classifier.h5", (p.classifier, p.classifier_epochs, p.batch_size, p.seed)
        cached = trained.classifier_file(cache_folder(), p.dataset, *settings, p.device)
        places = [own] if own.exists() else [] if p.retrain else [cached]
        classifier, new = trained.classifier(loaded, *settings, places, self.path / "checkpoints" / "classifier.h5", device=p.device)
        if new or not own.exists():
            saving.save(classifier, own)
        if new:
            trained.keep(classifier, cached, f"Model {p.classifier}")
        return classifier

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
