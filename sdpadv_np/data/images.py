"""The user's own images: npy, npz, HDF5, idx (.gz) or a folder of PNG files, written again in the same form."""
from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import checks
from ..storage import container, files, folders
from ..errors import ArgumentError, DataError
from ..extras import needed
from . import arrays, pictures
from .requested import Requested

IMAGES = ("x", "X", "images", "image", "x_test", "data")
LABELS = ("y", "Y", "labels", "label", "y_test", "targets")
_MAGIC = {b"\x93NUMPY": "npy", b"PK": "npz", b"\x89HDF": "h5", b"\x1f\x8b": "idx", b"\0\0": "idx"}


@dataclass(frozen=True)
class Images:
    """Images x (N, 1, H, W) float32 in [0, 1], labels y (N,) int64 or None, and how they lay in ``source``."""

    x: np.ndarray
    y: np.ndarray | None
    source: Path
    kind: str  # npy, npz, h5, idx or png
    layout: str  # "NHW", "N1HW" or "NHW1"
    names: tuple[str, ...] = ()  # of the arrays (images, then labels) in npz and h5; of the files of a folder

    def writable(self, x):
        """x as a file of this kind can hold it: in a PNG in steps of 1/255, each pixel rounded towards what it was, so that no change grows beyond eps."""
        if self.kind != "png":
            return x
        steps = (x.astype(np.float64) - self.x) * 255
        whole = np.trunc(steps + np.sign(steps) * 1e-3)  # a whole number of steps may have been rounded to a little less
        return ((np.round(self.x * 255) + whole) / 255).astype(np.float32)

    def write(self, x, path) -> Path:
        """Write x (N, 1, H, W) in [0, 1] as these images lay: same kind of file, layout and names, labels kept.

        ``path`` is without its ending, which is chosen here: .npy (idx too, which has no fractions),
        .npz, .h5, or none for a folder of PNG files. Arrays are float32 in [0, 1], PNGs 8-bit grey.
        Returns the path written.
        """
        path = Path(path)
        if self.kind == "png":
            bytes_of = {name: pictures.png(np.round(image[0] * 255).astype(np.uint8)) for name, image in zip(self.names, x)}
            folders.write(path, bytes_of)
            return path
        path = path.with_name(f"{path.name}.{'npy' if self.kind == 'idx' else self.kind}")
        x = {"NHW": x[:, 0], "N1HW": x, "NHW1": x[:, 0, :, :, None]}[self.layout]
        memory = io.BytesIO()  # npz and HDF5 cope badly with a disk that fills up
        if self.kind in ("npy", "idx"):
            np.save(memory, x)
        else:
            (_write_npz if self.kind == "npz" else _write_h5)(memory, dict(zip(self.names, (x, self.y))))
        files.write_bytes(path, memory.getvalue())
        return path


def load(path, labels=None) -> Images:
    """The images in ``path``, checked; ``labels`` is a file with their labels, where they do not lie beside them.

    uint8 is divided by 255, floats must lie in [0, 1]; shapes (N, H, W), (N, 1, H, W) and
    (N, H, W, 1). In npz and HDF5 files the arrays are known by their names (``IMAGES``, ``LABELS``).

    Raises FileError if a file cannot be read, DataError if it does not hold what it should.
    """
    path = files.expanded(path)
    kind, names, y = _kind(path), (), None
    if kind == "png":
        x, y, names = pictures.read(path)
    else:
        found = arrays.read(path, kind, Requested("images", (IMAGES,), (LABELS,)))
        x, y, *_ = *found.values(), None
        names = tuple(found) if kind in ("npz", "h5") else ()
    x, layout = _images(x, path)
    if labels is not None:
        if y is not None:
            raise ArgumentError(f"{path}: has labels of its own; leave out {labels}")
        y, path_of_y = _labels_file(files.expanded(labels)), labels
    else:
        path_of_y = path
    if y is not None:
        y = _labels(np.asarray(y), len(x), path_of_y)
    return Images(x, y, path, kind, layout, tuple(names))


def _labels_file(path: Path):
    kind = _kind(path)
    if kind == "png":
        raise DataError(f"{path}: is a folder; give a file of labels (npy, npz, h5 or idx)")
    (y,) = arrays.read(path, kind, Requested("labels", (LABELS,))).values()
    return y


def _kind(path: Path) -> str:
    if os.path.isdir(path):  # Path.is_dir fails where it cannot know
        return "png"
    start = files.read_start(path, 8)
    for magic, kind in _MAGIC.items():
        if start.startswith(magic):
            return kind
    if start == container.MAGIC:
        raise DataError(f"{path}: holds a trained network or a checkpoint, no images")
    if start.startswith(b"\x89PNG"):
        raise DataError(f"{path}: is a single picture; give the folder of PNG files that it lies in")
    raise DataError(f"{path}: {'is neither' if start else 'is empty: not'} a npy, npz, HDF5 or idx file nor a folder of PNG files")


def _write_npz(memory, contents: dict) -> None:
    np.savez_compressed(memory, **contents)


def _write_h5(memory, contents: dict) -> None:
    h5py = needed("h5py", "HDF5 files")

    with h5py.File(memory, "w") as file:
        for name, array in contents.items():
            file.create_dataset(name, data=array)


def _images(x, path: Path) -> tuple[np.ndarray, str]:
    """(x as (N, 1, H, W) float32 in [0, 1], its layout)."""
    x = np.asarray(x)
    if x.dtype != np.uint8 and x.dtype.kind != "f":
        raise DataError(f"{path}: images have dtype {x.dtype}; expected uint8, or float in [0, 1]")
    if x.ndim == 3:
        layout, x = "NHW", x[:, None]
    elif x.ndim == 4 and x.shape[1] == 1:
        layout = "N1HW"
    elif x.ndim == 4 and x.shape[3] == 1:
        layout, x = "NHW1", x[..., 0][:, None]
    else:
        raise DataError(f"{path}: images have shape {x.shape}; expected (N, H, W), (N, 1, H, W) or (N, H, W, 1)")
    if x.size == 0:
        raise DataError(f"{path}: images have shape {x.shape}: there is no image in it")
    if x.dtype == np.uint8:
        if x.max() == 1:
            raise DataError(f"{path}: images are uint8 with no value above 1, which divided by 255 is black; use x.astype(np.float32) for images of 0 and 1")
        return x.astype(np.float32) / np.float32(255), layout
    try:
        x = checks.images(x.astype(np.float32, copy=False), "images")
    except ArgumentError as error:
        raise DataError(f"{path}: {error}") from None
    return np.ascontiguousarray(x), layout


def _labels(y: np.ndarray, count: int, path) -> np.ndarray:
    try:
        return checks.labels(y, count, np.iinfo(np.int32).max, "labels")
    except ArgumentError as error:
        raise DataError(f"{path}: {error}") from None
