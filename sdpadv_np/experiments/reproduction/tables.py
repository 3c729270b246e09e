"""Finished cells as tables, in the paper's layout, its figure beside ours."""
from __future__ import annotations

from typing import NamedTuple

from ...evaluation import distortion_text, paper, tables
from .cells import SPATIAL, VARIANTS, WORDS, Cell

GROUPS = ((paper.UNDEFENDED, paper.EPS),)  # of columns: (defence, its eps); the defences come later, at eps 0.3
_NONE = "–"  # not computed


class Block(NamedTuple):
    """One table: a title, the names of the columns, rows of texts."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def text(self) -> str:
        return f"{self.title}\n\n{tables.text(self.rows, self.columns)}\n"

    def markdown(self) -> str:
        return f"**{self.title}**\n\n{tables.markdown(self.rows, self.columns)}\n"


def _number(value, digits=4) -> str:
    return _NONE if value is None else f"{value:.{digits}f}"


def _theirs(value, digits=4) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def in_the_papers_layout(dataset: str, model: str, records: dict[Cell, dict]) -> list[Block]:
    """Table 1 or 2 for one model: above the attacks without eps, below those with it."""
    ours = {(c.attack, c.variant, c.eps, c.defence): r["result"]["accuracy"] for c, r in records.items() if (c.dataset, c.model, c.victim) == (dataset, model, "")}

    def row(attack, variant, eps_of):
        cells = [(defence, eps) for defence, sizes in GROUPS for eps in eps_of(sizes)]
        pairs = [(_number(ours.get((attack, variant, eps, defence))), _theirs(paper.accuracy(dataset, model, attack, eps, defence))) for defence, eps in cells]
        return (attack, variant, *(text for pair in pairs for text in pair))

    def variants(attack):
        return [WORDS[value] for value in VARIANTS[attack][1]]

    above = [row(paper.CLEAN, "", lambda sizes: (None,)), *(row(a, v, lambda sizes: (None,)) for a in SPATIAL for v in variants(a))]
    below = [row(a, v, lambda sizes: sizes) for a in VARIANTS if a not in SPATIAL for v in variants(a)]
    title = f"Accuracy of Model {model} on {dataset}"
    head = [text for defence, _ in GROUPS for text in (defence, "paper")]
    sizes = [text for defence, sizes in GROUPS for eps in sizes for text in (f"{'' if defence == paper.UNDEFENDED else f'{defence}, '}eps {eps:g}", "paper")]
    return [Block(title, ("attack", "variant", *head), above), Block(f"{title}, by eps", ("attack", "variant", *sizes), below)]


def details(records: dict[Cell, dict]) -> Block:
    """One row for each cell, with everything that was measured."""
    columns = ("cell", "accuracy", "paper", "success", "L2sq", "paper (A)", "Linf", "s/100", "distortion", "training s", "attack s")
    rows = []
    for cell, record in records.items():
        r, seconds = record["result"], record["seconds"]
        theirs = None if cell.victim else paper.accuracy(cell.dataset, cell.model, cell.attack, cell.eps)
        rows.append((
            cell.name, _number(r["accuracy"]), _theirs(theirs), _number(r["success_rate"]), _number(r["l2sq"], 1), _theirs(paper.l2sq(cell.dataset, cell.attack, cell.eps), 1),
            _number(r["linf"], 2), _number(r["seconds_per_100"]), distortion_text.text(record["distortion"]), _number(seconds["training"], 1), _number(seconds["attack"], 1),
        ))
    return Block("Every cell", columns, rows)


def table_3(dataset: str, model: str, records: dict[Cell, dict]) -> Block:
    """Accuracy (all test images), L2sq and seconds for the first hundred images as in the paper, and for all beside them."""
    columns = ("attack", "variant", "eps", "accuracy", "paper", "L2sq", "L2sq, all", "paper", "s", "s/100, all", "paper")
    rows = []
    for cell, record in records.items():
        if (cell.dataset, cell.model, cell.victim) == (dataset, model, "") and cell.attack != paper.CLEAN:
            every, hundred, what = record["result"], record["hundred"], (dataset, cell.attack, cell.eps)
            rows.append((
                cell.attack, cell.variant, "" if cell.eps is None else f"{cell.eps:g}", _number(every["accuracy"]), _theirs(paper.accuracy(dataset, model, *what[1:])),
                _number(hundred["l2sq"], 2), _number(every["l2sq"], 2), _theirs(paper.l2sq(*what), 2), _number(hundred["seconds_per_100"]), _number(every["seconds_per_100"]),
                _theirs(paper.seconds(*what), 2),
            ))
    return Block(f"Model {model} on {dataset}: accuracy, L2sq and seconds for {min(100, _count(records))} images; the paper's of Model A", columns, rows)


def _count(records) -> int:
    return next((r["result"]["count"] for r in records.values()), 100)


def transfer(dataset: str, models, records: dict[Cell, dict]) -> Block:
    """Accuracy of each model on images made against each."""
    pairs = [(source, victim) for source in models for victim in models]
    ours = {(c.attack, c.parameters, c.model, c.victim or c.model): r["result"]["accuracy"] for c, r in records.items()}
    rows = []
    for attack, parameters in dict.fromkeys((c.attack, c.parameters) for c in records if c.attack != paper.CLEAN):
        cell = Cell(dataset, "", attack, parameters)
        figures = [_number(ours.get((attack, parameters, *pair))) for pair in pairs]
        rows.append((attack, cell.variant, "" if cell.eps is None else f"{cell.eps:g}", *figures))
    rows.insert(0, (paper.CLEAN, "", "", *(_number(ours.get((paper.CLEAN, (), victim, victim))) for _, victim in pairs)))
    return Block(f"Transfer on {dataset}: accuracy on images made against another model", ("attack", "variant", "eps", *(f"{s} on {v}" for s, v in pairs)), rows)


def as_json(records: dict[Cell, dict]) -> list[dict]:
    """Every cell's figures with the paper's; its settings and machine are in its own file."""
    return [
        {
            "cell": cell.name, "attack": cell.attack, "variant": cell.variant, "eps": cell.eps, "dataset": cell.dataset, "model": cell.model,
            "victim": cell.victim or cell.model, **{part: record[part] for part in ("result", "hundred", "distortion", "seconds")},
            "paper": None if cell.victim else {
                "accuracy": paper.accuracy(cell.dataset, cell.model, cell.attack, cell.eps, cell.defence),
                "l2sq": paper.l2sq(cell.dataset, cell.attack, cell.eps) if cell.model == "A" else None,
                "seconds": paper.seconds(cell.dataset, cell.attack, cell.eps) if cell.model == "A" else None,
            },
        }
        for cell, record in records.items()
    ]
