"""Pictures: what the attack did to some images, and how training went."""
from __future__ import annotations

import contextlib
import io
import os
import sys

import numpy as np

from ..storage import files
from ..autodiff import ops
from ..errors import ArgumentError
from ..models.interface import logits_of


def canvas(width, height):
    """A matplotlib figure that needs no screen and leaves the caller's settings alone."""
    try:
        with _no_backend():
            from matplotlib.figure import Figure
        import PIL  # noqa: F401 - which it writes PNG files with
    except ImportError as error:
        name = "Pillow" if (error.name or "").partition(".")[0] == "PIL" else "matplotlib"
        raise ArgumentError(f"pictures need {name}; install it with: pip install 'sdpadv-np[plot]'") from error
    return Figure(figsize=(width, height), layout="constrained")


@contextlib.contextmanager
def _no_backend():
    """Matplotlib is first imported without the backend that MPLBACKEND names, which we do not use and which may not be installed: then the import fails.

    It is set afterwards, where it can be, as for anybody else who imports matplotlib.
    """
    backend = None if "matplotlib" in sys.modules else os.environ.pop("MPLBACKEND", None)
    try:
        yield
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if backend:
        import matplotlib

        with contextlib.suppress(ValueError):
            matplotlib.rcParams["backend"] = backend


def png(figure) -> bytes:
    memory = io.BytesIO()
    figure.savefig(memory, format="png", dpi=110)
    return memory.getvalue()


def examples(classifier, x, y, count: int = 10) -> np.ndarray:
    """Numbers of ``count`` correctly classified images, class after class and again, as far as there are; then any others."""
    right = np.flatnonzero(logits_of(classifier, x).argmax(axis=1) == y)
    by_class = [right[y[right] == k] for k in np.unique(y)]
    turns = [mine[turn] for turn in range(count) for mine in by_class if turn < len(mine)]
    chosen = list(dict.fromkeys([*turns, *range(len(x))]))
    return np.array(chosen[:count])


def steps(attack, x, x_adv=None, y=None) -> list[tuple[str, np.ndarray]]:
    """The rows of :func:`grid`: x, x_T where the attack is a generator with a spatial step, x_A and the difference."""
    generator = getattr(attack, "generator", attack)
    rows = [("original x", x)]
    if x_adv is None and hasattr(generator, "distort"):
        out = generator.distort(x)
        x_adv = out.x_a
        if generator.spatial and generator.eps:
            rows.append(("distorted $x_T$", out.x_t))
    x_adv = attack(x, y) if x_adv is None else x_adv
    return [*rows, ("adversarial $x_A$", x_adv), ("$x_A - x$", x_adv - x)]


def grid(path, rows, title: str, classifier=None, class_names=None) -> None:
    """One image (N, 1, H, W) beside the other; ``rows`` are (name, images), the first the originals, the last a difference.

    Above each image stand the class that ``classifier`` predicts and its probability; red where
    the prediction is not the original's. Without a classifier nothing does.
    """
    x = rows[0][1]
    figure = canvas(max(1.15 * len(x) + 0.6, 5), 1.55 * len(rows))
    figure.suptitle(title, fontsize=11, parse_math=False)  # a file may be called "$x"
    axes = figure.subplots(len(rows), len(x), squeeze=False)
    first = None if classifier is None else logits_of(classifier, x).argmax(axis=1)
    for (name, images), line in zip(rows, axes):
        difference = images is rows[-1][1]
        for axis, image in zip(line, images):
            axis.imshow(image[0], **({"cmap": "RdBu", "vmin": -1, "vmax": 1} if difference else {"cmap": "gray", "vmin": 0, "vmax": 1}))
            axis.set(xticks=[], yticks=[])
        if first is not None and not difference:
            for axis, k, p, was in zip(line, *confidence(classifier, images), first):
                axis.set_title(f"{class_names[k] if class_names else k}\n{p:.0%}", fontsize=8, color="crimson" if k != was else "black")
        line[0].set_ylabel(name, fontsize=9)
    files.write_bytes(path, png(figure))


def confidence(classifier, x) -> tuple[np.ndarray, np.ndarray]:
    """(predicted classes (N,), their probabilities (N,))."""
    p = ops.softmax(logits_of(classifier, x))
    k = p.argmax(axis=1)
    return k, p[np.arange(len(x)), k]


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
