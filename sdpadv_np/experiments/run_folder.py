"""The folder of one run: its parameters, what was trained so far, its results."""
from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Iterator
from pathlib import Path

from ..data.sources import cache_folder
from ..errors import FileError
from ..evaluation import figures, tables
from ..storage import files, folders, schema
from ..storage.provenance import provenance
from .experiment import title_of
from .reuse import Files
from .runner import WorkFolder

PARAMETERS = "parameters.json"


class RunFolder:
    """``path`` and ``parameters`` of a run; made by :meth:`create` or :meth:`resume`, which lock the folder meanwhile.

    A runner keeps its networks there (see Places): classifier.h5, generator.h5 (of the main attack), and further
    generators by name.
    """

    def __init__(self, path: Path, parameters: dict):
        self.path, self.parameters = path, parameters

    @classmethod
    @contextlib.contextmanager
    def create(cls, output, name: str, parameters: dict, called: str = "parameters", **record) -> Iterator[RunFolder]:
        """A new folder, ``output`` or runs/NAME-TIME; refuses one that holds a run already.

        ``parameters`` are stored under the name ``called``, with ``record`` beside them.
        """
        refusal = "holds a run already; go on with it by --resume {path}, or choose another --output"
        with folders.create(output, folders.dated(name), PARAMETERS, refusal) as path:
            folders.remove_unfinished(path)
            files.write_json(path / PARAMETERS, {called: parameters, **record, "made": provenance()})
            yield cls(path, parameters)

    @classmethod
    @contextlib.contextmanager
    def resume(cls, path: Path, parameters: dict) -> Iterator[RunFolder]:
        """The folder of an earlier run, whose parameters were read by :func:`stored_parameters`."""
        with folders.locked(path):
            for folder in (path, path / "checkpoints"):
                folders.remove_unfinished(folder)
            yield cls(path, parameters)

    def of_classifier(self, source, model, settings) -> Files:
        cache = WorkFolder(cache_folder()).of_classifier(source, model, settings).cache
        return Files(self.path / "classifier.h5", cache, self.path / "checkpoints" / "classifier.h5")

    def of_attack(self, source, model, kind, attack, settings, name) -> Files:
        return Files(self.path / f"{name}.h5", None, self.path / "checkpoints" / f"{name}.h5")

    def write_history(self, histories: dict[str, list[dict]]) -> None:
        """history.csv: one row per training and epoch."""
        names = list(dict.fromkeys(k for history in histories.values() for row in history for k in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, ["training", *names], lineterminator="\n")
        writer.writeheader()
        writer.writerows({"training": title, **row} for title, history in histories.items() for row in history)
        files.write_text(self.path / "history.csv", text.getvalue())

    def write(self, results) -> None:
        """metrics.json, the table as text and Markdown, and the pictures."""
        files.write_json(self.path / "metrics.json", {
            "results": [{"attack": name, "eps": eps, **measured.as_dict()} for name, eps, measured in results.rows()],
            "trained": {
                name.lower(): attack.parameters() for name, attack in results.attacks.items()
                if name in results.histories
            },
            "parameters": self.parameters,
            "made": provenance(),
        })
        tables.write(self.path, *results.table())
        self._draw(results)

    def _draw(self, results) -> None:
        data, classifier, attack = results.data, results.classifier, results.attack
        chosen = figures.examples(classifier, data.x_test, data.y_test)
        name = results.experiment.names[-1]
        title = figures.with_eps(f"{name} against {title_of(classifier)} on {data.name}", getattr(attack, "eps", None))
        title += f": accuracy {results[name].accuracy:.4f}"
        rows = figures.steps(getattr(attack, "generator", attack), data.x_test[chosen], y=data.y_test[chosen])
        figures.grid(self.path / "pictures.png", rows, title, classifier, data.class_names)
        if any(results.histories.values()):
            figures.curves(self.path / "curves.png", results.histories)


def stored_parameters(path: Path, called: str = "parameters", maker: str = "sdpadv train") -> dict:
    """The parameters of the run in the folder ``path``, unchecked; FileError if it is no run of this ``maker``."""
    try:
        text = files.read_bytes(path / PARAMETERS)
    except FileError as error:
        raise FileError(f"{path}: is not a run folder ({error}); give one that {maker} made") from error
    record = schema.parse_json(text, str(path / PARAMETERS))
    given = record.get(called) if isinstance(record, dict) else None
    if not isinstance(given, dict):
        raise FileError(f"{path}: is not a run folder ({PARAMETERS} has no {called}); give one that {maker} made")
    return given
