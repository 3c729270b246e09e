"""Data sets: ``load("mnist")``, ``load("fashion-mnist")``, ``load("glyphs")``."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import checks
from . import glyphs, idx, sources

DATASETS = ("mnist", "fashion-mnist", "glyphs")
VALIDATION = 10_000  # the last of the training images
TEST_IMAGES = {"mnist": 10_000, "fashion-mnist": 10_000, "glyphs": 1_000}


@dataclass(frozen=True)
class Dataset:
    """Images (N, 1, 28, 28) float32 in [0, 1] (pixel / 255) and labels (N,) int64, in three parts."""

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple[str, ...]


_DIGITS = tuple("0123456789")
_CLOTHES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")


def load(name: str, data_dir=None, report: Callable[[str], None] = lambda line: None) -> Dataset:
    """A data set, split 50,000 / 10,000 / 10,000 (training, the training file's last 10,000, test).

    name : "mnist", "fashion-mnist", or "glyphs" (drawn by this package; 5,000 / 1,000 / 1,000)
    data_dir : folder with the four idx files, plain or .gz; otherwise they are searched and fetched
    report : called with one line per step, e.g. ``print``

    Raises DataError if the files cannot be had, or are not what they should be.

    >>> import sdpadv_np as sd
    >>> sd.data.load("glyphs").x_train.shape
    (5000, 1, 28, 28)
    """
    checks.choice("dataset", name, DATASETS)
    if name == "glyphs":
        (x, y), held_out = glyphs.draw(7_000, seed=0), TEST_IMAGES[name]
        parts = {"x_train": x[:6_000], "y_train": y[:6_000], "x_test": x[6_000:], "y_test": y[6_000:]}
    else:
        raw = sources.fetch(name, data_dir, report)
        parts, held_out = {key: idx.parse(data, sources.NAMES[key]) for key, data in raw.items()}, VALIDATION
    x, y = parts["x_train"], parts["y_train"]
    return Dataset(
        name,
        _images(x[:-held_out]), y[:-held_out].astype(np.int64),
        _images(x[-held_out:]), y[-held_out:].astype(np.int64),
        _images(parts["x_test"]), parts["y_test"].astype(np.int64),
        _CLOTHES if name == "fashion-mnist" else _DIGITS,
    )


def _images(x: np.ndarray) -> np.ndarray:
    return x[:, None].astype(np.float32) / np.float32(255)
