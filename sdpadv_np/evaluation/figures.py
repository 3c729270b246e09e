"""Pictures: images before and after an attack, and the course of a training."""
from __future__ import annotations

import contextlib
import io
import os
import sys

import numpy as np

from ..autodiff import ops
from ..errors import ArgumentError
from ..models.interface import logits_of
from ..storage import files


def canvas(width, height):
    """A matplotlib figure that needs no screen and does not change the caller's settings."""
    try:
        with _no_backend():
            from matplotlib.figure import Figure
        import PIL  # noqa: F401 - matplotlib writes PNG files with it
    except ImportError as error:
        name = "Pillow" if (error.name or "").partition(".")[0] == "PIL" else "matplotlib"
        raise ArgumentError(f"pictures need {name}; install it with: pip install 'sdpadv-np[plot]'") from error
    return Figure(figsize=(width, height), layout="constrained")


@contextlib.contextmanager
def _no_backend():
    """Import matplotlib without the backend that MPLBACKEND names, which may not be installed.

    The backend is set afterwards, where that is possible, for others who import matplotlib.
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
    """The figure as a PNG file."""
    memory = io.BytesIO()
    figure.savefig(memory, format="png", dpi=110)
    return memory.getvalue()


def examples(classifier, x, y, count: int = 10) -> np.ndarray:
    """Numbers of ``count`` images: correctly classified ones of each class in turn, then any others."""
    right = np.flatnonzero(logits_of(classifier, x).argmax(axis=1) == y)
    by_class = [right[y[right] == k] for k in np.unique(y)]
    in_turn = [images[turn] for turn in range(count) for images in by_class if turn < len(images)]
    return np.array(list(dict.fromkeys([*in_turn, *range(len(x))]))[:count])


def steps(attack, x, x_adv=None, y=None) -> list[tuple[str, np.ndarray]]:
    """The rows of :func:`grid`: x, x_T if the attack is a generator with a spatial step, x_A, and x_A - x."""
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
    """Write a PNG file of rows of images (N, C, H, W), given as (name, images); the last row is a difference.

    Above each image stands the class that ``classifier`` predicts and its probability, in red where it is another than
    that of the first row's image; nothing without a classifier.
    """
    x = rows[0][1]
    figure = canvas(max(1.15 * len(x) + 0.6, 5), 1.55 * len(rows))
    figure.suptitle(title, fontsize=11, parse_math=False)  # a file name may hold $
    axes = figure.subplots(len(rows), len(x), squeeze=False)
    first = None if classifier is None else logits_of(classifier, x).argmax(axis=1)
    for (name, images), line in zip(rows, axes):
        difference = images is rows[-1][1]
        for axis, image in zip(line, images):
            _show(axis, image, difference)
            axis.set(xticks=[], yticks=[])
        if first is not None and not difference:
            for axis, k, p, was in zip(line, *confidence(classifier, images), first):
                color = "crimson" if k != was else "black"
                word = class_names[k] if k < len(class_names or ()) else k  # a classifier may know more classes
                axis.set_title(f"{word}\n{p:.0%}", fontsize=8, color=color, parse_math=False)
        line[0].set_ylabel(name, fontsize=9)
    files.write_bytes(path, png(figure))


def with_eps(title: str, eps: float | None) -> str:
    """``title`` with eps, if that is a parameter.

    >>> with_eps("PGD", 0.1), with_eps("STM", None)
    ('PGD, eps 0.1', 'STM')
    """
    return title if eps is None else f"{title}, eps {eps:g}"


def _show(axis, image, difference: bool) -> None:
    """One image (C, H, W), in colours if C is 3; of a difference, and of any other C, the mean of the channels."""
    if len(image) == 3 and not difference:
        axis.imshow(np.moveaxis(image, 0, 2).clip(0, 1))
    else:
        axis.imshow(image.mean(axis=0), cmap="RdBu" if difference else "gray", vmin=-1 if difference else 0, vmax=1)


def confidence(classifier, x) -> tuple[np.ndarray, np.ndarray]:
    """(predicted classes (N,), their probabilities (N,)) of images x (N, C, H, W)."""
    p = ops.softmax(logits_of(classifier, x))
    k = p.argmax(axis=1)
    return k, p[np.arange(len(x)), k]


def curves(path, histories: dict[str, list[dict]]) -> None:
    """Write a PNG file with every figure of every history over its epochs: one row of panels for each training."""
    histories = {name: history for name, history in histories.items() if history}
    names = {
        title: [name for name in history[0] if name not in ("epoch", "best_epoch", "seconds")]
        for title, history in histories.items()
    }
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
