"""Cell after cell: each is computed once and kept at once, with a line for each and the time that is left."""
from __future__ import annotations

import json
from collections.abc import Callable

from ... import evaluation
from ...attacks import registry
from ...evaluation import distortion, paper
from ...storage.provenance import provenance
from ..runner import Runner
from .cells import HUNDRED, Cell
from .store import Store


def compute(
    cells: list[Cell], store: Store, runner: Runner, report: Callable[[str], None] = print,
    after: Callable[[dict], None] = lambda records: None,
) -> dict[Cell, dict]:
    """The records of ``cells``: those in ``store`` are taken from there, the others computed and stored, each at once.

    ``after`` is called with all records so far, after each one that was computed. A cell whose attack this version
    does not have is left out and reported; a later version computes it.
    """
    plan = [cell for cell in dict.fromkeys(cells) if not _missing(cell)]
    for attack in dict.fromkeys(cell.attack for cell in cells if _missing(cell)):
        names = [cell.name for cell in dict.fromkeys(cells) if cell.attack == attack]
        report(f"skipped: this version has no attack {attack}: {', '.join(names)}")
    records = {cell: record for cell in plan if (record := store.read(cell, settings_of(cell, runner)))}

    def in_order():
        return {cell: records[cell] for cell in plan if cell in records}

    if records:
        report(f"{len(records)} of {len(plan)} cells are there already, in {store.folder}")
    for cell in plan:
        if cell not in records:
            records[cell] = measure(cell, runner)
            store.write(cell, records[cell])
            left = time_left([c for c in plan if c not in records], records)
            report(f"[{len(records)}/{len(plan)}] {line(cell, records[cell])}; {left}")
            after(in_order())
    return in_order()


def _missing(cell: Cell) -> bool:
    """Whether this version has no such attack."""
    return cell.attack != paper.CLEAN and cell.attack.lower() not in registry.names()


def settings_of(cell: Cell, runner: Runner) -> dict:
    """Everything that decides the result of a cell."""
    run = runner.settings
    settings = {
        "dataset": cell.dataset, "model": cell.model, "victim": cell.victim or cell.model, "defence": cell.defence,
        "attack": cell.attack, "classifier_epochs": run.epochs_of(cell.model), "batch_size": run.batch_size,
        "limit": run.limit, "seed": run.seed,
    }
    if run.device != "cpu":
        settings["device"] = run.device
    if cell.victim:
        settings["victim_epochs"] = run.epochs_of(cell.victim)
    if cell.attack != paper.CLEAN:
        kind = registry.find(cell.attack)
        settings["parameters"] = {**kind.defaults, **_parameters(cell, runner)}
        settings["epochs"] = run.epochs_against(cell.model) if kind.trained else None
    return json.loads(json.dumps(settings))  # as a file gives them back


def _parameters(cell: Cell, runner: Runner) -> dict:
    return {"seed": runner.settings.seed, **cell.settings}


def attack_of(cell: Cell, runner: Runner):
    """The cell's attack, ready."""
    return runner.attack(cell.dataset, cell.model, cell.attack, _parameters(cell, runner))


def measure(cell: Cell, runner: Runner) -> dict:
    """The cell's record: what was measured on the test images and on the first hundred, settings, seconds, machine."""
    classifier, victim = (runner.classifier(cell.dataset, model) for model in (cell.model, cell.victim or cell.model))
    attack = None if cell.attack == paper.CLEAN else attack_of(cell, runner)
    trained = classifier if attack is None else getattr(attack, "generator", None)
    training = sum(row["seconds"] for row in trained.history) if trained else 0.0
    x, y = runner.test_images(cell.dataset)
    result = evaluation.evaluate(victim, attack, x, y)
    hundred = evaluation.evaluate(victim, attack, x[:HUNDRED], y[:HUNDRED])
    making = result.seconds_per_100 * result.count / 100
    return {
        "settings": settings_of(cell, runner), "result": result.as_dict(), "hundred": hundred.as_dict(),
        "distortion": None if attack is None else distortion.mean_distortion(attack, x, y),
        "seconds": {"training": round(training, 2), "attack": round(making, 2), "cell": round(training + making, 2)},
        "threads": runner.settings.threads, "made": provenance(),
    }


def line(cell: Cell, record: dict) -> str:
    """The result in one line, the paper's figure beside it."""
    result, theirs = record["result"], paper.accuracy(cell.dataset, cell.victim or cell.model, cell.attack, cell.eps)
    beside = "" if theirs is None or cell.victim else f" (paper {theirs:.4f})"
    return (
        f"{cell.name}: accuracy {result['accuracy']:.4f}{beside}, L2sq {result['l2sq']:.1f}, "
        f"{record['seconds']['cell']:.1f} s"
    )


def time_left(cells: list[Cell], records: dict[Cell, dict]) -> str:
    """The time that ``cells`` will take, by the times of the cells most like them."""
    if not cells:
        return "done"
    times = [seconds for cell in cells if (seconds := _expected(cell, records)) is not None]
    unknown = len(cells) - len(times)
    return (
        f"{len(cells)} cell{'s' * (len(cells) > 1)} left, {duration(sum(times))}"
        + f" and {unknown} of a kind not met yet" * bool(unknown)
    )


def _expected(cell: Cell, records) -> float | None:
    """The mean of the same attack's cells on the same model; else of cells that are trained, or not, like this one."""
    if cell.attack == paper.CLEAN:
        return None
    others = {c: r["seconds"]["cell"] for c, r in records.items() if c.model == cell.model and c.attack != paper.CLEAN}
    trained = registry.find(cell.attack).trained
    times = [seconds for c, seconds in others.items() if c.attack == cell.attack]
    times = times or [seconds for c, seconds in others.items() if registry.find(c.attack).trained == trained]
    return sum(times) / len(times) if times else None


def duration(seconds: float) -> str:
    """
    >>> duration(50), duration(3000), duration(30000)
    ('50 s', '50 min', '8.3 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
