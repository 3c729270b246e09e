"""The paper's Figures 1, 3 and 4, and the trade-off of accuracy against distance."""
from __future__ import annotations

import string

import numpy as np

from ...evaluation import figures, paper
from . import schedule
from .cells import DEMONSTRATION, ORIGINAL, OTHERS, SAMPLES, Cell, of_figure, of_tradeoff

GAP, STRIP = 3, 9  # between images, for the text above one; in pixels of the images
_COLOURS = {
    "FGSM": "#4477aa", "PGD": "#228833", "MIM": "#66a61e", "AdvGAN": "#aa3377", paper.STM: "#bb7700",
    paper.STADV: "#997744", paper.SDADV: "#333333",
}
_SWEPT = ("#d7191c", "#f08030", "#c0408c", "#7a0010")
_MARKERS = "v^<>PXDh"  # of the attacks that are in no table
_BESIDE = ((6, 5), (-16, -11), (6, 5), (6, -11))  # offsets of the values of a sweep from its points, in points


def _panel(axis, images, texts, wrong, title: str, columns: int, size: float) -> None:
    """Images (N, 1, H, W) in rows of ``columns``, a text above each, red where ``wrong``."""
    rows = -(-len(images) // columns)
    high, wide = images.shape[2] + STRIP + GAP, images.shape[3] + GAP
    sheet = np.ones((rows * high, columns * wide), np.float32)
    for number, (image, text, bad) in enumerate(zip(images, texts, wrong)):
        top, left = number // columns * high + STRIP, number % columns * wide
        sheet[top : top + image.shape[1], left : left + image.shape[2]] = image[0]
        place, colour = left + image.shape[2] / 2, "crimson" if bad else "black"
        axis.text(place, top - 1.5, text, ha="center", va="bottom", fontsize=size, color=colour)
    axis.imshow(sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axis.set_axis_off()
    axis.set_title(title, fontsize=10, linespacing=1.4)


def _absent(axis, title: str) -> None:
    axis.set_axis_off()
    axis.set_title(title, fontsize=10)
    axis.text(0.5, 0.5, "not computed", ha="center", va="center", fontsize=9, color="gray", transform=axis.transAxes)


class _Shown:
    """Shared by the panels of a figure: the images, the classifier, the finished cells."""

    def __init__(self, dataset, model, records, runner, count):
        self.dataset, self.model, self.records, self.runner = dataset, model, records, runner
        self.classifier = runner.classifier(dataset, model)
        x, y = runner.test_images(dataset)
        chosen = figures.examples(self.classifier, x, y, count)
        self.x, self.y, self.class_names = x[chosen], y[chosen], runner.data(dataset).class_names

    def panel(self, axis, letter: str, name: str, cell: Cell, columns: int, size: float, count=None) -> None:
        """The panel of one cell."""
        title = figures.with_eps(f"({letter}) {name}", cell.eps)
        if cell not in self.records:
            return _absent(axis, title)
        x, y = self.x[:count], self.y[:count]
        shown = x if cell.attack == paper.CLEAN else schedule.attack_of(cell, self.runner)(x, y)
        classes, p = figures.confidence(self.classifier, shown)
        texts = [f"{self.class_names[k]} {100 * q:.0f}%" for k, q in zip(classes, p)]
        theirs = paper.accuracy(self.dataset, self.model, cell.attack, cell.eps)
        accuracy = f"accuracy {self.records[cell]['result']['accuracy']:.4f}"
        accuracy += "" if theirs is None else f"  (paper {theirs:.4f})"
        _panel(axis, shown, texts, classes != y, f"{title}\n{accuracy}", columns, size)


def _sheet(title: str):
    """A figure with room between its panels."""
    figure = figures.canvas(13.6, 10.4)
    figure.get_layout_engine().set(w_pad=0.14, h_pad=0.1)
    figure.suptitle(title, fontsize=11)
    return figure


def samples(dataset: str, model: str, records, runner) -> object:
    """Figures 3 and 4: the originals and five attacks on the same images, with the model's predictions."""
    shown, cells = _Shown(dataset, model, records, runner, 20), of_figure(dataset, model, SAMPLES)
    figure = _sheet(
        f"{dataset}, Model {model}: images and their adversarial ones; "
        "above each the predicted class and its probability, red where it is wrong"
    )
    for axis, letter, name in zip(figure.subplots(2, 3).flat, string.ascii_lowercase, SAMPLES):
        shown.panel(axis, letter, name, cells[name], 5, 7)
    return figure


def demonstration(dataset: str, model: str, records, runner) -> object:
    """Figure 1: an image of each class and its spatial distortion; below, originals, PGD and SdpAdv on the same."""
    shown, cells = _Shown(dataset, model, records, runner, 20), of_figure(dataset, model, DEMONSTRATION)
    figure = _sheet(f"{dataset}, Model {model}: spatial distortions alone, and combined with a small perturbation")
    top, bottom = figure.subfigures(2, 1, height_ratios=(1, 1.25))
    above = top.subplots(2, 1)
    shown.panel(above[0], "a", ORIGINAL, cells[ORIGINAL], 10, 8, count=10)
    shown.panel(above[1], "a", "the same, spatially distorted (SdAdv)", cells[paper.SDADV], 10, 8, count=10)
    for axis, letter, name in zip(bottom.subplots(1, 3), "bcd", (ORIGINAL, "PGD", "SdpAdv")):
        shown.panel(axis, letter, name, cells[name], 5, 7)
    return figure


def tradeoff(dataset: str, model: str, records, runner) -> object:
    """Accuracy against L2sq: SdpAdv along each of its parameters, and every other attack. Down and left is better."""
    curves = of_tradeoff(dataset, model)
    figure = figures.canvas(11, 7.2)
    axis = figure.subplots()
    swept = [name for name in curves if name.startswith("SdpAdv over")]
    (common,) = set.intersection(*(set(curves[name]) for name in swept))
    for name, cells in curves.items():
        points = [(c, records[c]["result"]) for c in cells if c in records]
        if not points:
            continue
        floor = 0.5 / points[0][1]["count"]  # where an accuracy of 0 is drawn
        at = np.array([(r["l2sq"], max(r["accuracy"], floor)) for _, r in points])
        if name in swept:
            number = swept.index(name)
            axis.plot(*at.T, "o-", color=_SWEPT[number], label=name, linewidth=1.6, markersize=5, zorder=3)
            for (cell, _), place in zip(points, at):
                value = dict(cell.parameters).get(name.rpartition(" ")[2], 0.0 if cell.attack == paper.SDADV else None)
                if value is not None and cell != common:
                    style = {"textcoords": "offset points", "fontsize": 7.5, "color": _SWEPT[number]}
                    axis.annotate(f"{value:g}", place, xytext=_BESIDE[number], **style)
        else:
            attack, second = points[0][0].attack, "true" in name or "cross" in name
            color = _COLOURS.get(attack, "dimgray")
            marker = "s" if attack in _COLOURS else _MARKERS[OTHERS.index(attack)]
            style = {"linestyle": ":", "markerfacecolor": "white"} if second else {"markerfacecolor": color}
            axis.plot(*at.T, marker=marker, color=color, label=name, linewidth=1, markersize=6, **style)
    if common in records:
        result = records[common]["result"]
        place = result["l2sq"], max(result["accuracy"], 0.5 / result["count"])
        axis.plot(*place, "*", color="black", markersize=13, zorder=4, label="SdpAdv's defaults, eps 0.1")
    axis.set(
        yscale="log", title=f"SdpAdv against Model {model} on {dataset}, and the other attacks",
        xlabel="L2sq: squared distance of an image to its adversarial one, mean",
        ylabel="accuracy under attack (log; 0 is drawn at half an image)",
    )
    axis.grid(True, which="both", alpha=0.15)
    axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    return figure
