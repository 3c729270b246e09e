"""Data sets in memory, and :func:`load`, which gets those of the table by name."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import checks
from ..errors import DataError
from . import idx, sources
from .datasets import DATASETS, DatasetEntry


@dataclass(frozen=True)
class Dataset:
    """Images (N, C, H, W) float32 in [0, 1] and labels (N,) int64 in 0..K-1, in three parts; K names of the classes."""

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple[str, ...]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W)"""
        return self.x_train.shape[1:]

    @property
    def classes(self) -> int:
        """The number of classes, K."""
        return len(self.class_names)


def load(name: str, data_dir=None, report: Callable[[str], None] = lambda line: None) -> Dataset:
    """A data set of the table, split as its entry says: MNIST 50,000 / 10,000 / 10,000 (training, validation, test).

    name : "mnist", "fashion-mnist", or "glyphs" (drawn by this package; 5,000 / 1,000 / 1,000)
    data_dir : folder with the files, plain or .gz; without it they are searched for and fetched
    report : called with one line per step, e.g. ``print``

    Raises DataError if the files cannot be had, or are not the expected ones.

    >>> import sdpadv_np as sd
    >>> sd.data.load("glyphs").x_train.shape
    (5000, 1, 28, 28)
    """
    entry = DATASETS[checks.choice("dataset", name, DATASETS)]
    if entry.draw is not None:
        parts = entry.draw()
    else:
        parts = {
            part: idx.parse(data, entry.files[part].name)
            for part, data in sources.fetch(entry, data_dir, report).items()
        }
    x, y = _checked(parts, "train", entry.train + entry.validation, entry)
    x_test, y_test = _checked(parts, "test", entry.test, entry)
    n = entry.train
    return Dataset(name, x[:n], y[:n], x[n:], y[n:], x_test, y_test, entry.class_names)


def _checked(parts: dict, part: str, count: int, entry: DatasetEntry) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, C, H, W) float32 in [0, 1] and labels int64; DataError if the entry says otherwise."""
    x, y, shape, classes = parts[f"x_{part}"], parts[f"y_{part}"], (count, *entry.image_shape), len(entry.class_names)
    where = "its entry in sd.data.DATASETS says"
    if x.shape != shape and (x.shape[0], 1, *x.shape[1:]) != shape:
        raise DataError(f"{entry.name}: x_{part} has shape {x.shape}; {where} {shape}")
    if x.dtype != np.uint8:
        raise DataError(f"{entry.name}: x_{part} is {x.dtype}; expected uint8, 0 to 255")
    if y.dtype.kind not in "iu":
        raise DataError(f"{entry.name}: y_{part} is {y.dtype}; expected integers, one label for each image")
    if y.shape != (count,) or y.min() < 0 or y.max() >= classes:
        got = f"y_{part} has shape {y.shape} and labels from {y.min(initial=0)} to {y.max(initial=0)}"
        raise DataError(f"{entry.name}: {got}; {where} ({count},), 0 to {classes - 1}")
    return x.reshape(shape).astype(np.float32) / np.float32(255), y.astype(np.int64)
