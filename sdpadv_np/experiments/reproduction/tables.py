"""Finished cells as tables, in the paper's layout, the paper's figures beside ours."""
from __future__ import annotations

from typing import NamedTuple

from ...evaluation import distortion, paper, tables
from ...evaluation.tables import figure
from .cells import SPATIAL, VARIANTS, WORDS, Cell

GROUPS = ((paper.UNDEFENDED, paper.EPS),)  # of columns: (defence, its eps); the defences come later, at eps 0.3
_NONE = "–"  # not computed
_DETAILS = (
    "cell", "accuracy", "paper", "success", "L2sq", "paper (A)", "Linf", "s/100", "distortion", "training s",
    "attack s",
)
_TABLE_3 = (
    "attack", "variant", "eps", "accuracy", "paper", "L2sq", "L2sq, all", "paper", "s", "s/100, all", "paper",
)


class Block(NamedTuple):
    """One table: a title, the names of the columns, rows of texts."""

    title: str
    columns: tuple[str, ...]
    rows: list

    def text(self) -> str:
        return f"{self.title}\n\n{tables.text(self.rows, self.columns)}\n"

    def markdown(self) -> str:
        return f"**{self.title}**\n\n{tables.markdown(self.rows, self.columns)}\n"


def _number(value, digits=4) -> str:
    return figure(value, digits, _NONE)


def _eps(value) -> str:
    return "" if value is None else f"{value:g}"


def in_the_papers_layout(dataset: str, model: str, records: dict[Cell, dict]) -> list[Block]:
    """Table 1 or 2 for one model: first the attacks without eps, then those with it."""
    ours = {
        (c.attack, c.variant, c.eps, c.defence): record["result"]["accuracy"] for c, record in records.items()
        if (c.dataset, c.model, c.victim) == (dataset, model, "")
    }

    def row(attack, variant, eps_of=lambda sizes: (None,)):
        columns = [(eps, defence) for defence, sizes in GROUPS for eps in eps_of(sizes)]
        pairs = [(ours.get((attack, variant, *c)), paper.accuracy(dataset, model, attack, *c)) for c in columns]
        return (attack, variant, *(text for our, theirs in pairs for text in (_number(our), figure(theirs))))

    rows = [(attack, WORDS[value]) for attack in VARIANTS for value in VARIANTS[attack][1]]
    without_eps = [row(*pair) for pair in rows if pair[0] in SPATIAL]
    with_eps = [row(*pair, lambda sizes: sizes) for pair in rows if pair[0] not in SPATIAL]
    title = f"Accuracy of Model {model} on {dataset}"
    head = [text for defence, _ in GROUPS for text in (defence, "paper")]
    sizes = [
        text for defence, sizes in GROUPS for eps in sizes
        for text in (f"{'' if defence == paper.UNDEFENDED else f'{defence}, '}eps {eps:g}", "paper")
    ]
    return [
        Block(title, ("attack", "variant", *head), [row(paper.CLEAN, ""), *without_eps]),
        Block(f"{title}, by eps", ("attack", "variant", *sizes), with_eps),
    ]


def details(records: dict[Cell, dict]) -> Block:
    """One row for each cell, with everything that was measured."""
    rows = []
    for cell, record in records.items():
        r, seconds, known = record["result"], record["seconds"], (cell.dataset, cell.attack, cell.eps)
        theirs = None if cell.victim else paper.accuracy(cell.dataset, cell.model, cell.attack, cell.eps)
        rows.append((
            cell.name, _number(r["accuracy"]), figure(theirs), _number(r["success_rate"]), _number(r["l2sq"], 1),
            figure(paper.l2sq(*known), 1), _number(r["linf"], 2), _number(r["seconds_per_100"]),
            distortion.text(record["distortion"]), _number(seconds["training"], 1), _number(seconds["attack"], 1),
        ))
    return Block("Every cell", _DETAILS, rows)


def table_3(dataset: str, model: str, records: dict[Cell, dict]) -> Block:
    """Accuracy on all test images, L2sq and seconds for the first hundred as in the paper, and for all beside them."""
    rows = []
    for cell, record in records.items():
        if (cell.dataset, cell.model, cell.victim) == (dataset, model, "") and cell.attack != paper.CLEAN:
            every, hundred, known = record["result"], record["hundred"], (dataset, cell.attack, cell.eps)
            rows.append((
                cell.attack, cell.variant, _eps(cell.eps), _number(every["accuracy"]),
                figure(paper.accuracy(dataset, model, cell.attack, cell.eps)),
                _number(hundred["l2sq"], 2), _number(every["l2sq"], 2), figure(paper.l2sq(*known), 2),
                _number(hundred["seconds_per_100"]), _number(every["seconds_per_100"]),
                figure(paper.seconds(*known), 2),
            ))
    count = min(100, next((record["result"]["count"] for record in records.values()), 100))
    return Block(
        f"Model {model} on {dataset}: accuracy, L2sq and seconds for {count} images; the paper's of Model A",
        _TABLE_3, rows,
    )


def transfer(dataset: str, models, records: dict[Cell, dict]) -> Block:
    """Accuracy of each model on images made against each."""
    pairs = [(source, victim) for source in models for victim in models]
    ours = {(c.attack, c.parameters, c.model, c.victim or c.model): r["result"]["accuracy"] for c, r in records.items()}
    rows = [(paper.CLEAN, "", "", *(_number(ours.get((paper.CLEAN, (), victim, victim))) for _, victim in pairs))]
    for attack, parameters in dict.fromkeys((c.attack, c.parameters) for c in records if c.attack != paper.CLEAN):
        cell = Cell(dataset, "", attack, parameters)
        rows.append((
            attack, cell.variant, _eps(cell.eps), *(_number(ours.get((attack, parameters, *pair))) for pair in pairs)
        ))
    columns = ("attack", "variant", "eps", *(f"{source} on {victim}" for source, victim in pairs))
    return Block(f"Transfer on {dataset}: accuracy on images made against another model", columns, rows)


def as_json(records: dict[Cell, dict]) -> list[dict]:
    """Every cell's figures with the paper's; its settings and machine are in its own file."""
    return [
        {
            "cell": cell.name, "attack": cell.attack, "variant": cell.variant, "eps": cell.eps, "dataset": cell.dataset,
            "model": cell.model, "victim": cell.victim or cell.model,
            **{part: record[part] for part in ("result", "hundred", "distortion", "seconds")},
            "paper": None if cell.victim else {
                "accuracy": paper.accuracy(cell.dataset, cell.model, cell.attack, cell.eps, cell.defence),
                "l2sq": paper.l2sq(cell.dataset, cell.attack, cell.eps) if cell.model == "A" else None,
                "seconds": paper.seconds(cell.dataset, cell.attack, cell.eps) if cell.model == "A" else None,
            },
        }
        for cell, record in records.items()
    ]
