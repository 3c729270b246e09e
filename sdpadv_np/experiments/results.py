"""Running an experiment, and its results."""
from __future__ import annotations

from dataclasses import dataclass, field

from .. import evaluation
from ..attacks import registry
from ..evaluation import paper, tables
from .experiment import Experiment
from .reuse import title_of
from .runner import Runner


@dataclass(frozen=True)
class Results:
    """The outcome of an experiment.

    data, classifier : what was attacked
    attacks : {name: attack}; the trained ones are fitted
    evaluations : {name: Evaluation}, in the order of the table, "no attack" first
    histories : {title: rows of figures, one per epoch}, of every training

    ``results["FGSM"]`` is an evaluation, ``print(results)`` the table, ``results.attack`` the main attack. Names are as in the
    table; a further attack of the same name has a number added ("FGSM 2").
    """

    experiment: Experiment
    data: object
    classifier: object
    attacks: dict = field(default_factory=dict)
    evaluations: dict = field(default_factory=dict)
    histories: dict = field(default_factory=dict)

    def __getitem__(self, name: str) -> evaluation.Evaluation:
        return self.evaluations[name]

    @property
    def attack(self):
        """The main attack, the last of the experiment's."""
        return self.attacks[self.experiment.names[-1]]

    def rows(self) -> list[tuple]:
        """(name, eps where it is a parameter of the attack, Evaluation) of each."""
        takes_eps = {
            name for name, (kind, _) in zip(self.experiment.names, self.experiment.attacks) if "eps" in registry.find(kind).defaults
        }
        return [(name, self.attacks[name].eps if name in takes_eps else None, e) for name, e in self.evaluations.items()]

    def table(self) -> tuple[list, tuple]:
        """Rows of texts and the names of the columns, for evaluation.tables; the paper's figures where it may have some."""
        experiment = self.experiment
        if experiment.in_the_paper:
            return tables.rows(self.rows(), experiment.dataset, experiment.classifier), tables.COLUMNS
        shown = [number for number, name in enumerate(tables.COLUMNS) if not name.startswith("paper")]
        rows = [tuple(row[number] for number in shown) for row in tables.rows(self.rows(), "", "")]
        return rows, tuple(tables.COLUMNS[number] for number in shown)

    def __str__(self) -> str:
        return tables.text(*self.table())


def compute(experiment: Experiment, runner: Runner, folder=None) -> Results:
    """Make and measure everything that ``experiment`` describes; a run folder is given each result at once."""
    against = experiment.dataset, experiment.classifier
    results = Results(experiment, runner.data(experiment.dataset), runner.classifier(*against))
    title = title_of(results.classifier)
    results.histories[title] = getattr(results.classifier, "history", [])
    last = len(experiment.attacks) - 1
    for number in (last, *range(last)):
        name, (kind, parameters) = experiment.names[number], experiment.attacks[number]
        file = "generator" if number == last else name.lower().replace(" ", "-")
        results.attacks[name] = attack = runner.attack(*against, kind, parameters, file)
        if registry.find(kind).trained:
            results.histories[name] = attack.generator.history
            if folder:
                folder.write_history(results.histories)
    for name in (paper.CLEAN, *experiment.names):
        attack = results.attacks.get(name)
        results.evaluations[name] = evaluation.evaluate(results.classifier, attack, *runner.test_images(experiment.dataset))
        runner.say(f"evaluated: {name}, accuracy {results[name].accuracy:.4f}")
    if folder:
        folder.write(results)
    return results
