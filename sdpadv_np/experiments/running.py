"""``sd.experiments.run``: one experiment, from the data to the table; and its results."""
from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..attacks import registry
from ..data import from_arrays
from ..errors import ArgumentError, FileError
from ..evaluation import Evaluation, evaluate, figures, paper, tables
from ..extras import needed
from ..storage import files
from .experiment import Experiment, Settings, is_architecture, is_dataset, title_of
from .run_folder import PARAMETERS, RunFolder, stored_parameters
from .runner import Runner


@dataclass(frozen=True)
class Results:
    """The outcome of an experiment. ``print(results)`` shows its table, ``results["FGSM"]`` is one evaluation.

    data, classifier : the attacked ones
    attacks : {name: attack}; the trained ones are fitted
    evaluations : {name: Evaluation}, in the order of the table, "no attack" first
    histories : {name: rows of figures, one per epoch}, of every training
    """

    experiment: Experiment
    data: Any
    classifier: Any
    attacks: dict[str, Any] = field(default_factory=dict)
    evaluations: dict[str, Evaluation] = field(default_factory=dict)
    histories: dict[str, list[dict]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Evaluation:
        return self.evaluations[name]

    @property
    def attack(self):
        """The main attack, the last of the experiment's."""
        return self.attacks[self.experiment.names[-1]]

    def rows(self) -> list[tuple]:
        """(name, eps if it is a parameter of the attack, Evaluation) of each row of the table."""
        kinds = (registry.find(kind) for kind, _ in self.experiment.attacks)
        has_eps = {name: "eps" in kind.defaults for name, kind in zip(self.experiment.names, kinds)}
        return [
            (name, self.attacks[name].eps if has_eps.get(name) else None, measured)
            for name, measured in self.evaluations.items()
        ]

    def table(self) -> tuple[list, tuple]:
        """(rows of texts, names of the columns) for evaluation.tables; with the paper's figures where it has some."""
        experiment = self.experiment
        if is_dataset(experiment.data) and is_architecture(experiment.classifier):  # else the paper has no such figures
            return tables.rows(self.rows(), experiment.data, experiment.classifier), tables.COLUMNS
        shown = [number for number, name in enumerate(tables.COLUMNS) if not name.startswith("paper")]
        rows = [tuple(row[number] for number in shown) for row in tables.rows(self.rows(), "", "")]
        return rows, tuple(tables.COLUMNS[number] for number in shown)

    def __str__(self) -> str:
        return tables.text(*self.table())


def compute(
    experiment: Experiment, folder: RunFolder | None = None, report: Callable[[str], None] | None = print,
) -> Results:
    """Make and measure everything that ``experiment`` describes; a run ``folder`` keeps each result at once.

    report : called with one line per step; None: silent, and no progress is shown
    """
    runner = Runner(experiment.settings, folder, report)
    source, model = experiment.data, experiment.classifier
    classifier = runner.classifier(source, model)
    results = Results(experiment, runner.data(source), classifier)
    results.histories[title_of(classifier)] = getattr(classifier, "history", [])
    planned = list(zip(experiment.names, experiment.attacks))
    for name, (kind, parameters) in (planned[-1], *planned[:-1]):
        file = "generator" if name == planned[-1][0] else name.lower().replace(" ", "-")
        results.attacks[name] = attack = runner.attack(source, model, kind, parameters, file)
        if registry.find(kind).trained:
            results.histories[name] = attack.generator.history
            if folder:
                folder.write_history(results.histories)
    for name in (paper.CLEAN, *experiment.names):
        results.evaluations[name] = evaluate(classifier, results.attacks.get(name), *runner.test_images(source))
        runner.say(f"evaluated: {name}, accuracy {results[name].accuracy:.4f}")
    if folder:
        folder.write(results)
    return results


def run(
    data="mnist", classifier="B", attacks=("fgsm", "pgd", "mim", "sdpadv"), *, epochs: int | None = None,
    classifier_epochs: int | None = None, batch_size: int = 128, seed: int = 0, limit: int | None = None,
    device: str = "cpu", folder: files.PathLike | None = None, report: Callable[[str], None] | None = print,
) -> Results:
    """Train a classifier, fit attacks to it, and measure all of them on the test images.

    Parameters
    ----------
    data : str, sd.data.Dataset or dict of arrays
        Name of a data set ("mnist", "fashion-mnist", "glyphs"), npz or HDF5 file (see sd.data.from_file), or arrays:
        {"x": images, "y": labels}, or x_train, y_train, x_val and so on (see sd.data.from_arrays).
    classifier : str or object
        "A" or "B" of the paper, the file of a classifier, or anything with ``logits(x)``. A sd.models.Classifier that
        was never trained is trained first (a copy of it); every other is used as it is.
    attacks : sequence
        Names ("fgsm"; ``sdpadv attack --list`` shows all), or (name, {parameter: value}). The last is the main one.
    epochs, classifier_epochs : int, optional
        Of trained attacks and of the classifier; else 20 and 15 (for A 16 and 10).
    batch_size, seed : int
        Of every training; the seed also of random attacks.
    limit : int, optional
        Measure on the first test images alone.
    device : "cpu" or "cuda"
    folder : path, optional
        A run folder for weights, checkpoints, table, pictures and records. The same call continues an interrupted one
        there, to the same bits.
    report : callable, optional
        Called with one line per step; None: silent, and no progress is shown.

    Raises ArgumentError for a wrong parameter, before anything is trained; DataError for data that cannot be had.

    >>> import sdpadv_np as sd
    >>> results = sd.experiments.run(
    ...     "glyphs", "B", ["fgsm", ("sdpadv", {"eps": 0.2})], epochs=2, classifier_epochs=3, limit=200, report=None)
    >>> list(results.evaluations), results["SdpAdv"].accuracy < results["FGSM"].accuracy < results["no attack"].accuracy
    (['no attack', 'FGSM', 'SdpAdv'], True)
    >>> results.attack(results.data.x_test[:5]).shape
    (5, 1, 28, 28)
    """
    settings = Settings(epochs, classifier_epochs, batch_size, seed, limit, device)
    if isinstance(data, Mapping):
        data = from_arrays(data, report=report or (lambda line: None))
    source, model = (str(given) if isinstance(given, os.PathLike) else given for given in (data, classifier))
    if isinstance(model, str) and not is_architecture(model) and not files.expanded(model).exists():
        raise ArgumentError(f"classifier is {model!r}; give 'A', 'B', a classifier, or the path of a file that exists")
    experiment = Experiment(source, model, tuple(_with_seed(attack, seed) for attack in attacks), settings)
    if folder is None:
        return compute(experiment, None, report)
    needed("h5py", "weights and checkpoints")
    figures.canvas(1, 1)  # a missing matplotlib shows now and not after the training
    with _opened(folder, experiment) as opened:
        return compute(experiment, opened, report)


def _with_seed(attack, seed: int) -> tuple[str, dict]:
    name, parameters = (attack, {}) if isinstance(attack, str) else attack
    return name, ({"seed": seed} if "seed" in registry.find(name).defaults else {}) | parameters


def _opened(folder, experiment: Experiment):
    """The run folder, a new one or that of an earlier call; FileError if it holds another experiment."""
    path, described = files.expanded(folder), json.loads(json.dumps(experiment.describe()))
    if not (path / PARAMETERS).exists():
        return RunFolder.create(path, "", described, "experiment")
    stored = stored_parameters(path, "experiment", "sd.experiments.run")
    for name in {**described, **stored}:
        if stored.get(name) != described.get(name):
            raise FileError(
                f"{path}: holds another experiment: its {name} is {stored.get(name)}, now it is {described.get(name)}; "
                "choose another folder"
            )
    return RunFolder.resume(path, described)
