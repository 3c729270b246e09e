"""Folders of grey PNG files; a file's label is the name of the folder it lies in, where that is a number."""
from __future__ import annotations

import io
import math
import zlib
from pathlib import Path

import numpy as np

from .. import files
from ..errors import ArgumentError, DataError, Error

LARGEST, ALL = 1 << 24, 1 << 30  # pixels of one picture, and of all in a folder
_FILE = 1 << 26  # bytes of one file
_LARGEST_LABEL = 2**31 - 2


def _pillow():
    try:
        from PIL import Image  # matplotlib brings it
    except ImportError as error:
        raise ArgumentError("PNG files need Pillow; install it with: pip install 'sdpadv-np[plot]'") from error
    return Image


def read(folder: Path) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...]]:
    """(x (N, H, W) uint8, labels (N,) or None, names of the files in ``folder``), in the order of the names."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() == ".png" and not p.name.startswith("."))
    if not paths:
        raise DataError(f"{folder}: there is no PNG file in this folder or below")
    labels, pictures = _labels(folder, paths), None
    for number, path in enumerate(paths):
        picture = _grey(path, paths[0], None if pictures is None else pictures.shape[1:], len(paths))
        pictures = np.empty((len(paths), *picture.shape), np.uint8) if pictures is None else pictures
        pictures[number] = picture
    return pictures, labels, tuple(p.relative_to(folder).as_posix() for p in paths)


def _size(shape) -> str:
    return "x".join(map(str, shape))


def _labels(folder: Path, paths) -> np.ndarray | None:
    numbered = [p.parent != folder and p.parent.name.isascii() and p.parent.name.isdigit() for p in paths]
    if not any(numbered):
        return None
    if not all(numbered):
        raise DataError(f"{paths[numbered.index(False)]}: lies in no folder named after a label, but {paths[numbered.index(True)]} does; do one or the other")
    labels = [int(p.parent.name) for p in paths]
    if max(labels) > _LARGEST_LABEL:
        raise DataError(f"{paths[labels.index(max(labels))].parent}: is named after no label that there could be; labels are at most {_LARGEST_LABEL}")
    return np.array(labels, np.int64)


def _grey(path: Path, first: Path, shape: tuple | None, count: int) -> np.ndarray:
    """One picture (H, W) uint8; its header is believed only as far as its size is that of the ``first`` one, and ``count`` of them fit."""
    image_module, data = _pillow(), files.contents(path, _FILE)
    try:
        _check_sums(data)
        with image_module.open(io.BytesIO(data), formats=["PNG"]) as file:
            mode, size = file.mode, file.size[::-1]
            if size != (shape or size):
                raise DataError(f"{path}: is {_size(size)}, but {first.name} is {_size(shape)}; bring all pictures to one size")
            if math.prod(size) > min(LARGEST, ALL // count):
                raise DataError(f"{path}: is {_size(size)}; read are pictures of at most {LARGEST:,} pixels, and {ALL:,} in all {count}: make them smaller or fewer")
            rgba = np.asarray(file.convert("RGBA"))
    except Error:
        raise
    except Exception as error:  # Pillow and zlib have many ways to say damaged, or too large
        raise DataError(f"{path}: is not a whole PNG file: {' '.join(str(error).split())}") from error
    if mode.startswith(("I", "F")):
        raise DataError(f"{path}: has more than 8 bits a pixel; save it as 8-bit grey")
    if (rgba[..., 3] < 255).any():
        raise DataError(f"{path}: is partly transparent; save it without an alpha channel")
    if (rgba[..., 0] != rgba[..., 1]).any() or (rgba[..., 0] != rgba[..., 2]).any():
        raise DataError(f"{path}: is coloured; images are grey here: save it as 8-bit grey")
    return rgba[..., 0]


def _check_sums(data: bytes) -> None:
    """Compare the checksum of each chunk of a PNG file; Pillow leaves out those of the pixels."""
    at, name = 8, b""
    while name != b"IEND":
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 8 + length
        if len(name) < 4 or zlib.crc32(data[at + 4 : end]).to_bytes(4, "big") != data[end : end + 4]:
            raise ValueError(f"it is damaged or cut off at byte {at}")
        at = end + 4


def png(picture: np.ndarray) -> bytes:
    """An (H, W) uint8 array as the bytes of a PNG file."""
    memory = io.BytesIO()
    _pillow().fromarray(picture).save(memory, format="PNG")
    return memory.getvalue()
