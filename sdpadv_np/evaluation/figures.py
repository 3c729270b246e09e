"""Pictures: what the attack did to some images, and how training went."""
from __future__ import annotations

import io

import numpy as np

from .. import files
from ..autodiff import ops
from ..errors import ArgumentError


def canvas(width, height):
    """A matplotlib figure that needs no screen and leaves the caller's settings alone."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ArgumentError("pictures need matplotlib; install it with: pip install 'sdpadv-np[plot]'") from error
    return Figure(figsize=(width, height), layout="constrained")


def png(figure) -> bytes:
    memory = io.BytesIO()
    figure.savefig(memory, format="png", dpi=110)
    return memory.getvalue()


def examples(classifier, x, y, count: int = 10) -> np.ndarray:
    """Numbers of ``count`` correctly classified images, one of each class as far as there are."""
    right = np.flatnonzero(classifier.logits(x).argmax(axis=1) == y)
    firsts = [right[y[right] == k][:1] for k in np.unique(y)]
    chosen = list(dict.fromkeys([*np.concatenate(firsts), *right]))
    return np.array(chosen[:count])


def grid(path, classifier, generator, x, title: str, class_names) -> None:
    """Original, distorted x_T, adversarial x_A and difference of each image (N, 1, H, W), in columns.

    Above each image stand the predicted class and its probability; red where the prediction is
    not the original's.
    """
    out = generator.distort(x)
    rows = [("original x", x), ("distorted $x_T$", out.x_t), ("adversarial $x_A$", out.x_a), ("$x_A - x$", out.x_a - x)]
    first = classifier.logits(x).argmax(axis=1)
    figure = canvas(1.15 * len(x) + 0.6, 6.2)
    figure.suptitle(title, fontsize=11)
    axes = figure.subplots(len(rows), len(x), squeeze=False)
    for (name, images), line in zip(rows, axes):
        difference = images.min() < 0
        if not difference:
            p = ops.softmax(classifier.logits(images))
        for i, axis in enumerate(line):
            if difference:
                axis.imshow(images[i, 0], cmap="RdBu", vmin=-1, vmax=1)
            else:
                axis.imshow(images[i, 0], cmap="gray", vmin=0, vmax=1)
                k = int(p[i].argmax())
                axis.set_title(f"{class_names[k]}\n{p[i, k]:.0%}", fontsize=8, color="crimson" if k != first[i] else "black")
            axis.set_xticks([])
            axis.set_yticks([])
        line[0].set_ylabel(name, fontsize=9)
    files.write_bytes(path, png(figure))


def curves(path, histories: dict[str, list[dict]]) -> None:
    """Every figure of every history over its epochs: one row of panels per training."""
    histories = {name: history for name, history in histories.items() if history}
    names = {title: [k for k in history[0] if k not in ("epoch", "best_epoch", "seconds")] for title, history in histories.items()}
    columns = max(map(len, names.values()))
    figure = canvas(2.5 * columns, 2.2 * len(histories))
    axes = figure.subplots(len(histories), columns, squeeze=False)
    for line, (title, history) in zip(axes, histories.items()):
        epochs, best = [row["epoch"] for row in history], history[-1]["best_epoch"]
        for axis, name in zip(line, names[title]):
            axis.plot(epochs, [row[name] for row in history], marker=".", color="tab:blue")
            axis.axvline(best, color="tab:orange", linewidth=1)
            axis.set_title(name, fontsize=9)
            axis.tick_params(labelsize=7)
        for axis in line[len(names[title]) :]:
            axis.set_axis_off()
        line[0].set_ylabel(f"{title}\n(best: epoch {best})", fontsize=8)
    files.write_bytes(path, png(figure))
