"""Results as a table: text for the terminal, Markdown for the README."""
from __future__ import annotations

from . import paper

COLUMNS = ("attack", "eps", "accuracy", "paper", "success", "L2sq", "paper (A)", "Linf", "s/100")


def rows(results, dataset: str, model: str) -> list[tuple[str, ...]]:
    """One row of texts per (name, eps, Evaluation); the paper's figures beside ours.

    The paper gives accuracies for both models, but L2 for Model A only.
    """

    def figure(value, digits):
        return "" if value is None else f"{value:.{digits}f}"

    table = []
    for name, eps, result in results:
        clean = name == paper.CLEAN
        table.append((
            name, "" if eps is None else f"{eps:g}", figure(result.accuracy, 4), figure(paper.accuracy(dataset, model, name, eps), 4),
            "" if clean else figure(result.success_rate, 4), "" if clean else figure(result.l2sq, 1), figure(paper.l2sq(dataset, name, eps), 1),
            "" if clean else figure(result.linf, 2), "" if clean else figure(result.seconds_per_100, 4),
        ))
    return table


def text(table, columns=COLUMNS) -> str:
    """Aligned columns; the first one to the left, figures to the right."""
    widths = [max(len(row[i]) for row in [columns, *table]) for i in range(len(columns))]
    lines = ["  ".join(f"{cell:<{w}}" if i == 0 else f"{cell:>{w}}" for i, (cell, w) in enumerate(zip(row, widths))) for row in [columns, *table]]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def markdown(table, columns=COLUMNS) -> str:
    rule = ["---" if i == 0 else "---:" for i in range(len(columns))]
    return "\n".join("| " + " | ".join(row) + " |" for row in [columns, rule, *table])
