"""Where cells are computed: data, classifiers and generators are made when first needed, and kept."""
from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from .. import data, evaluation, xp
from ..storage import files, folders
from . import trained
from ..attacks import registry
from ..evaluation import paper, distortion_text
from ..storage.provenance import provenance
from .cells import HUNDRED, Cell

# of training, if not told otherwise; an epoch of A costs five to ten of B
CLASSIFIER_EPOCHS, EPOCHS = {"A": 10, "B": 15}, {"A": 16, "B": 20}


@dataclass(frozen=True)
class Run:
    """What holds for every cell of a run; epochs by model."""

    epochs: dict
    classifier_epochs: dict
    batch_size: int = 128
    limit: int | None = None
    seed: int = 0
    threads: int = 1  # only to be stored; see training.threads
    data_dir: str | None = None
    device: str = "cpu"


class Workshop:
    """Computes cells of ``run``; weights and checkpoints lie in ``work``."""

    def __init__(self, run: Run, work, report=print):
        self.run, self.work, self.report = run, files.expanded(work), report
        for name in ("classifiers", "generators", "checkpoints"):
            folders.remove_unfinished(self.work / name, folders.STALE)  # other commands may be writing there now
        self._data: dict = {}
        self._classifiers: dict = {}

    def settings(self, cell: Cell) -> dict:
        """Everything that decides what comes out."""
        settings = {
            "dataset": cell.dataset, "model": cell.model, "victim": cell.victim or cell.model, "defence": cell.defence, "attack": cell.attack,
            "classifier_epochs": self.run.classifier_epochs[cell.model], "batch_size": self.run.batch_size, "limit": self.run.limit, "seed": self.run.seed,
        }
        if self.run.device != "cpu":
            settings["device"] = self.run.device
        if cell.victim:
            settings["victim_epochs"] = self.run.classifier_epochs[cell.victim]
        if cell.attack != paper.CLEAN:
            kind = registry.find(cell.attack)
            settings["parameters"] = {**kind.defaults, **self._parameters(cell)}
            settings["epochs"] = self.run.epochs[cell.model] if kind.trained else None
        return json.loads(json.dumps(settings))  # as it is read again

    def missing(self, cell: Cell) -> bool:
        """Whether this version has no such attack."""
        return cell.attack != paper.CLEAN and cell.attack.lower() not in registry.names()

    def compute(self, cell: Cell) -> dict:
        """The cell's record: what was measured on the test images and on the first hundred, settings, seconds, machine."""
        classifier, victim = self.classifier(cell.dataset, cell.model), self.classifier(cell.dataset, cell.victim or cell.model)
        attack, training = (None, _seconds(classifier.history)) if cell.attack == paper.CLEAN else self.attack(cell)
        x, y = self.test_images(cell.dataset)
        result = evaluation.evaluate(victim, attack, x, y)
        hundred = evaluation.evaluate(victim, attack, x[:HUNDRED], y[:HUNDRED])
        making = result.seconds_per_100 * result.count / 100
        return {
            "settings": self.settings(cell), "result": result.as_dict(), "hundred": hundred.as_dict(),
            "distortion": None if attack is None else distortion_text.mean_distortion(attack, x, y),
            "seconds": {"training": round(training, 2), "attack": round(making, 2), "cell": round(training + making, 2)}, "threads": self.run.threads, "made": provenance(),
        }

    def data(self, name: str):
        if name not in self._data:
            self._data[name] = data.load(name, self.run.data_dir, self.report)
        return self._data[name]

    def test_images(self, dataset: str):
        """(x, y) that the cells are measured on."""
        loaded = self.data(dataset)
        return loaded.x_test[: self.run.limit], loaded.y_test[: self.run.limit]

    def classifier(self, dataset: str, model: str):
        if (dataset, model) not in self._classifiers:
            settings = (model, self.run.classifier_epochs[model], self.run.batch_size, self.run.seed)
            path = trained.classifier_file(self.work, dataset, *settings, self.run.device)
            found, new = trained.classifier(self.data(dataset), *settings, [path], self._checkpoint(path), self.report, self.run.device)
            if new:
                trained.keep(found, path, f"Model {model}", self.report)
                self._checkpoint(path).unlink(missing_ok=True)
            self._classifiers[dataset, model] = found
        return self._classifiers[dataset, model]

    def attack(self, cell: Cell):
        """(the cell's attack, ready; seconds its training took)."""
        classifier = self.classifier(cell.dataset, cell.model)
        attack = registry.find(cell.attack).make(classifier, **self._parameters(cell))
        if not hasattr(attack, "fit"):
            return attack, 0.0
        epochs, weights = self.run.epochs[cell.model], hashlib.sha256(xp.to_numpy(classifier.store.data).tobytes()).hexdigest()
        settings = (cell.dataset, cell.attack, attack.parameters(), epochs, self.run.batch_size, weights, provenance()["sdpadv_np"])
        path = self.work / "generators" / f"{cell.dataset}-{cell.model}-{cell.attack}-{trained.key(*settings)}.h5"
        attack, _ = trained.fitted(attack, path, self._checkpoint(path), self.data(cell.dataset), epochs, self.run.batch_size)
        self._checkpoint(path).unlink(missing_ok=True)
        return attack, _seconds(attack.generator.history)

    def _parameters(self, cell: Cell) -> dict:
        return {"seed": self.run.seed, **cell.settings}

    def _checkpoint(self, path: Path) -> Path:
        return self.work / "checkpoints" / path.name


def _seconds(history) -> float:
    return sum(row["seconds"] for row in history)
