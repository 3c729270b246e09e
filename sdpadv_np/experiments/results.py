"""Running an experiment, and its results."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..attacks import registry
from ..evaluation import Evaluation, evaluate, paper, tables
from .experiment import Experiment, title_of
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
        kinds = dict(zip(self.experiment.names, (registry.find(name) for name, _ in self.experiment.attacks)))
        has_eps = {name for name, kind in kinds.items() if "eps" in kind.defaults}
        return [(name, self.attacks[name].eps if name in has_eps else None, e) for name, e in self.evaluations.items()]

    def table(self) -> tuple[list, tuple]:
        """(rows of texts, names of the columns) for evaluation.tables; with the paper's figures where it has some."""
        experiment = self.experiment
        if experiment.may_be_in_the_paper:
            return tables.rows(self.rows(), experiment.data, experiment.classifier), tables.COLUMNS
        shown = [number for number, name in enumerate(tables.COLUMNS) if not name.startswith("paper")]
        rows = [tuple(row[number] for number in shown) for row in tables.rows(self.rows(), "", "")]
        return rows, tuple(tables.COLUMNS[number] for number in shown)

    def __str__(self) -> str:
        return tables.text(*self.table())


def compute(experiment: Experiment, runner: Runner, folder=None) -> Results:
    """Make and measure everything that ``experiment`` describes; a run ``folder`` is given each result at once."""
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
