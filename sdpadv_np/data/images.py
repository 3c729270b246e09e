"""Users' own images: npy, npz, HDF5, idx (.gz) or a folder of PNG and JPEG files, written again in the same form."""
from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import checks
from ..errors import ArgumentError, DataError
from ..extras import needed
from ..storage import container, files, folders
from . import arrays, pictures
from .layout import checked_pixels, from_nchw, layout_of, to_nchw
from .requested import Requested, kind_of, naming

IMAGES = ("x", "X", "images", "image", "x_test", "data")
LABELS = ("y", "Y", "labels", "label", "y_test", "targets")


@dataclass(frozen=True)
class Images:
    """Images x (N, C, H, W) float32 in [0, 1], labels y (N,) int64 or None, and how they lie in ``source``."""

    x: np.ndarray
    y: np.ndarray | None
    source: Path
    kind: str  # npy, npz, h5, idx or pictures
    layout: str  # see data/layout.py
    names: tuple[str, ...] = ()  # of the arrays (images, then labels) in npz and h5; of the files of a folder

    def writable(self, x):
        """x as a file of this kind can hold it.

        In a picture in steps of 1/255, each pixel rounded towards its original, so that no change grows beyond eps.
        """
        if self.kind != "pictures":
            return x
        steps = (x.astype(np.float64) - self.x) * 255
        whole = np.trunc(steps + np.sign(steps) * 1e-3)  # rounding may have made whole steps a little smaller
        return ((np.round(self.x * 255) + whole) / 255).astype(np.float32)

    def write(self, x, path) -> Path:
        """Write x (N, C, H, W) in [0, 1] as these images lie: same kind of file, layout and names, labels kept.

        ``path`` is without its ending, which is chosen here: .npy (idx too, which has no fractions), .npz, .h5, or
        none for a folder of pictures. Arrays are float32 in [0, 1], pictures PNG files of 8 bits per channel; that of
        a.jpg, which JPEG would change, is a.jpg.png. Returns the path written.
        """
        path = Path(path)
        x = from_nchw(x, self.layout)
        if self.kind == "pictures":
            images = zip(self.names, np.round(x * 255).astype(np.uint8))
            folders.write(path, {pictures.png_name(name): pictures.png(image) for name, image in images})
            return path
        path = path.with_name(f"{path.name}.{'npy' if self.kind == 'idx' else self.kind}")
        memory = io.BytesIO()  # npz and HDF5 cope badly with a disk that fills up
        contents = dict(zip(self.names, (x, self.y)))
        if self.kind in ("npy", "idx"):
            np.save(memory, x)
        elif self.kind == "npz":
            np.savez_compressed(memory, **contents)
        else:
            with needed("h5py", "HDF5 files").File(memory, "w") as file:
                for name, array in contents.items():
                    file.create_dataset(name, data=array)
        files.write_bytes(path, memory.getvalue())
        return path


def load(path, labels=None, image_shape: tuple | None = None) -> Images:
    """The images in ``path``, checked.

    uint8 is divided by 255, floats must lie in [0, 1]; arrays of shape (N, H, W), (N, C, H, W) or (N, H, W, C). In npz
    and HDF5 files the arrays are known by their names (``IMAGES``, ``LABELS``).

    labels : a file with their labels, where these do not lie beside the images
    image_shape : (C, H, W) that a network takes; images of any other shape are refused

    Raises FileError if a file cannot be read, DataError if its content is not as described.
    """
    path = files.expanded(path)
    kind = _kind(path)
    if kind == "pictures":
        x, y, names = pictures.read(path, image_shape)
    else:
        found = arrays.read(path, kind, Requested("images", (IMAGES,), (LABELS,)))
        x, y, *_ = *found.values(), None
        names = tuple(filter(None, found))
    with naming(path):
        if kind == "pictures":
            layout, name = "NHW" if x.ndim == 3 else "NHWC", "x"
        else:
            name = names[0] if names else "x"
            layout = layout_of(x, name, image_shape)
        x = checked_pixels(to_nchw(x, layout), name)
    if labels is not None:
        if y is not None:
            raise ArgumentError(f"{path}: has labels of its own; leave out {labels}")
        y = _labels_file(files.expanded(labels))
    if y is not None:
        with naming(labels or path):
            y = checks.labels(y, len(x), np.iinfo(np.int32).max, "labels")
    return Images(x, y, path, kind, layout, names)


def _labels_file(path: Path):
    kind = _kind(path)
    if kind == "pictures":
        raise DataError(f"{path}: is a folder; give a file of labels (npy, npz, h5 or idx)")
    (y,) = arrays.read(path, kind, Requested("labels", (LABELS,))).values()
    return y


def _kind(path: Path) -> str:
    if os.path.isdir(path):  # Path.is_dir fails where it cannot know
        return "pictures"
    start = files.read_start(path, 8)
    if kind := kind_of(start):
        return kind
    if start == container.MAGIC:
        raise DataError(f"{path}: holds a trained network or a checkpoint, no images")
    if start.startswith((b"\x89PNG", b"\xff\xd8\xff")):
        raise DataError(f"{path}: is a single picture; give the folder of PNG or JPEG files that it lies in")
    raise DataError(
        f"{path}: {'is neither' if start else 'is empty: not'} a npy, npz, HDF5 or idx file "
        "nor a folder of PNG or JPEG files"
    )
