"""The targets of ``sdpadv reproduce``: for each its cells, the tables made of them, and its picture."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...errors import ArgumentError
from ...evaluation import figures as pictures
from ...storage import files
from ...storage.provenance import provenance
from . import cells, figures, tables
from .store import Store


@dataclass(frozen=True)
class Target:
    """A table or figure, by default about ``datasets`` and ``models``.

    cells : (datasets, models) -> cells
    tables : (datasets, models, records) -> list of tables.Block, which stand before the one of all cells
    picture : (dataset, model, records, runner) -> matplotlib figure
    """

    description: str
    datasets: tuple[str, ...]
    models: tuple[str, ...]
    cells: Callable
    tables: Callable = lambda datasets, models, records: []
    picture: Callable | None = None


def _table(description: str, dataset: str) -> Target:
    return Target(
        description, (dataset,), ("A", "B"),
        lambda datasets, models: [c for d in datasets for c in cells.of_table(d, models)],
        lambda datasets, models, records: [
            block for d in datasets for m in models for block in tables.in_the_papers_layout(d, m, records)
        ],
    )


def _figure(description: str, dataset: str, panels, picture: Callable) -> Target:
    return Target(
        description, (dataset,), ("A",),
        lambda datasets, models: [
            c for d in datasets for m in models for c in cells.of_figure(d, m, panels).values()
        ],
        picture=picture,
    )


TARGETS = {
    "table1": _table("Table 1: accuracies on MNIST", "mnist"),
    "table2": _table("Table 2: accuracies on Fashion-MNIST", "fashion-mnist"),
    "table3": Target(
        "Table 3: accuracy, L2sq, seconds", ("mnist", "fashion-mnist"), ("A",),
        lambda datasets, models: [c for m in models for c in cells.of_table_3(datasets, m)],
        lambda datasets, models, records: [tables.table_3(d, m, records) for d in datasets for m in models],
    ),
    "figure1": _figure(
        "Figure 1: spatial distortion, PGD and SdpAdv", "mnist", cells.DEMONSTRATION, figures.demonstration,
    ),
    "figure3": _figure("Figure 3: the attacks on MNIST", "mnist", cells.SAMPLES, figures.samples),
    "figure4": _figure("Figure 4: the attacks on Fashion-MNIST", "fashion-mnist", cells.SAMPLES, figures.samples),
    "tradeoff": Target(
        "beyond the paper: accuracy against distance, SdpAdv over eps, gamma, kappa, alpha", ("mnist",), ("B",),
        lambda datasets, models: [
            c for d in datasets for m in models for curve in cells.of_tradeoff(d, m).values() for c in curve
        ],
        picture=figures.tradeoff,
    ),
    "transfer": Target(
        "beyond the paper: images made against one model, shown to the other", ("mnist",), ("A", "B"),
        lambda datasets, models: [c for d in datasets for c in cells.of_transfer(d, models)],
        lambda datasets, models, records: [tables.transfer(d, models, records) for d in datasets],
    ),
}


def check(name: str, datasets, models) -> None:
    """Refuse what a target cannot show."""
    if TARGETS[name].picture and (len(datasets), len(models)) != (1, 1):
        raise ArgumentError(f"{name}: shows one model at a time; give one of --models, not {' '.join(models)}")
    if name == "transfer" and len(models) < 2:
        raise ArgumentError("transfer: is between two models; give --models A B")


def write_tables(name: str, datasets, models, records: dict, store: Store, parameters: dict) -> list:
    """Write the target's tables as text, Markdown and JSON to the store's folder; returns the paths."""
    target, folder = TARGETS[name], store.folder
    blocks = [*target.tables(datasets, models, records), tables.details(records)]
    files.write_text(folder / f"{name}.txt", "\n".join(block.text() for block in blocks))
    made_by = "; ".join(f"{k}: {_text(v)}" for k, v in parameters.items())
    head = f"Made by `sdpadv reproduce {name}`, {made_by}. Each cell's own record is in `cells/`."
    parts = (f"# {target.description}\n", f"{head}\n", *(block.markdown() for block in blocks))
    files.write_text(folder / f"{name}.md", "\n".join(parts))
    files.write_json(folder / f"{name}.json", {
        "target": name, "parameters": parameters, "cells": tables.as_json(records), "made": provenance(),
    })
    return [folder / f"{name}.{ending}" for ending in ("txt", "md", "json")]


def _text(value) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{a} {b}" for a, b in value.items())
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def draw_picture(name: str, datasets, models, records: dict, store: Store, runner) -> list:
    """Draw the target's picture, if it has one; returns the paths written."""
    draw, path = TARGETS[name].picture, store.folder / f"{name}.png"
    if draw is None:
        return []
    files.write_bytes(path, pictures.png(draw(datasets[0], models[0], records, runner)))
    return [path]
