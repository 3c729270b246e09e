"""The user's own images: npy, npz, HDF5, idx (.gz) or a folder of PNG files, written again in the same form."""
from __future__ import annotations

import gzip
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import checks, files, folders
from ..errors import ArgumentError, DataError, Error, FileError
from ..extras import needed
from . import idx, pictures

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
        """x as a file of this kind can hold it: in a PNG, in steps of 1/255."""
        return np.round(x * 255).astype(np.float32) / np.float32(255) if self.kind == "png" else x

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
            arrays = dict(zip(self.names, (x, self.y)))
            _write_npz(memory, arrays) if self.kind == "npz" else _write_h5(memory, arrays)
        files.write_bytes(path, memory.getvalue())
        return path


def load(path, labels=None) -> Images:
    """The images in ``path``, checked; ``labels`` is a file with their labels, where they do not lie beside them.

    uint8 is divided by 255, floats must lie in [0, 1]; shapes (N, H, W), (N, 1, H, W) and
    (N, H, W, 1). In npz and HDF5 files the arrays are known by their names (``IMAGES``, ``LABELS``).

    Raises FileError if a file cannot be read, DataError if it does not hold what it should.
    """
    path = Path(path)
    kind, names, y = _kind(path), (), None
    if kind == "png":
        x, y, names = pictures.read(path)
    else:
        arrays = _arrays(path, kind)
        if kind in ("npz", "h5"):
            names = (_pick(arrays, IMAGES, "images", path), *[n for n in LABELS if n in arrays][:1])
            y = arrays[names[1]] if len(names) > 1 else None
        x = arrays[names[0] if names else ""]
    x, layout = _images(x, path)
    if labels is not None:
        if y is not None:
            raise ArgumentError(f"{path}: has labels of its own; leave out {labels}")
        y, path_of_y = _labels_file(Path(labels)), labels
    else:
        path_of_y = path
    if y is not None:
        y = _labels(np.asarray(y), len(x), path_of_y)
    return Images(x, y, path, kind, layout, tuple(names))


def _labels_file(path: Path):
    kind = _kind(path)
    if kind == "png":
        raise DataError(f"{path}: is a folder; give a file of labels (npy, npz, h5 or idx)")
    arrays = _arrays(path, kind)
    return arrays[_pick(arrays, LABELS, "labels", path) if kind in ("npz", "h5") else ""]


def _kind(path: Path) -> str:
    if path.is_dir():
        return "png"
    try:
        with open(path, "rb") as file:
            start = file.read(8)
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error
    for magic, kind in _MAGIC.items():
        if start.startswith(magic):
            return kind
    if start.startswith(b"\x89PNG"):
        raise DataError(f"{path}: is a single picture; give the folder of PNG files that it lies in")
    raise DataError(f"{path}: {'is neither' if start else 'is empty: not'} a npy, npz, HDF5 or idx file nor a folder of PNG files")


def _arrays(path: Path, kind: str) -> dict[str, np.ndarray]:
    """All arrays in a file; the one of a npy or idx file is called ""."""
    try:
        if kind == "idx":
            data = path.read_bytes()
            return {"": idx.parse(gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data, str(path))}
        if kind == "h5":
            return _read_h5(path)
        with open(path, "rb") as file:  # np.load leaves it open when it fails
            loaded = np.load(file, allow_pickle=False)
            return {"": loaded} if kind == "npy" else {name: loaded[name] for name in loaded.files}
    except (Error, MemoryError):
        raise
    except Exception as error:  # zipfile, zlib, gzip, NumPy and h5py raise a great many kinds for a damaged file
        raise DataError(f"{path}: is not a whole {kind} file (truncated, damaged, or of another kind): {' '.join(str(error).split())}") from error


def _read_h5(path: Path) -> dict[str, np.ndarray]:
    h5py = needed("h5py", "HDF5 files")

    arrays = {}
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: arrays.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return arrays


def _write_npz(memory, arrays: dict) -> None:
    np.savez_compressed(memory, **arrays)


def _write_h5(memory, arrays: dict) -> None:
    h5py = needed("h5py", "HDF5 files")

    with h5py.File(memory, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array)


def _pick(arrays: dict, known, what: str, path: Path) -> str:
    found = [name for name in known if name in arrays]
    if found:
        return found[0]
    inside = ", ".join(f"{name} {np.shape(a)} {getattr(a, 'dtype', type(a).__name__)}" for name, a in arrays.items()) or "nothing"
    raise DataError(f"{path}: has no array of {what} (named {', '.join(known)}); in it: {inside}")


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
