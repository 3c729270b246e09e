"""Results as a table: text for the terminal, Markdown for the README."""
from __future__ import annotations

from pathlib import Path

from ..storage import files
from . import paper

COLUMNS = ("attack", "eps", "accuracy", "paper", "success", "L2sq", "paper (A)", "Linf", "s/100")


def rows(results, dataset: str, model: str) -> list[tuple[str, ...]]:
    """One row of texts per (name, eps, Evaluation), with the paper's figures beside ours.

    The paper gives accuracies for both models, but L2 for Model A only.
    """
    table: list[tuple[str, ...]] = []
    for name, eps, result in results:
        measured = [(result.success_rate, 4), (result.l2sq, 1), (result.linf, 2), (result.seconds_per_100, 4)]
        success, l2sq, linf, seconds = ("" if name == paper.CLEAN else figure(*each) for each in measured)
        table.append((
            name, "" if eps is None else f"{eps:g}",
            figure(result.accuracy, 4), figure(paper.accuracy(dataset, model, name, eps), 4),
            success, l2sq, figure(paper.l2sq(dataset, name, eps), 1), linf, seconds,
        ))
    return table


def figure(value: float | None, digits: int = 4, none: str = "") -> str:
    """A number with so many decimals; ``none`` if there is none."""
    return none if value is None else f"{value:.{digits}f}"


def text(table, columns=COLUMNS) -> str:
    """Aligned columns, the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in [columns, *table]) for i in range(len(columns))]
    lines = [
        "  ".join(f"{cell:{'<' if i == 0 else '>'}{width}}" for i, (cell, width) in enumerate(zip(row, widths)))
        for row in [columns, *table]
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def write(folder: Path, table, columns=COLUMNS) -> None:
    """Write the table to table.txt and table.md in ``folder``."""
    files.write_text(folder / "table.txt", text(table, columns) + "\n")
    files.write_text(folder / "table.md", markdown(table, columns) + "\n")


def markdown(table, columns=COLUMNS) -> str:
    """The table as Markdown."""
    rule = ["---" if i == 0 else "---:" for i in range(len(columns))]
    return "\n".join("| " + " | ".join(row) + " |" for row in [columns, rule, *table])
