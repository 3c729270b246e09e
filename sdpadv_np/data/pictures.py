"""Folders of grey PNG files; a file's label is the name of the folder it lies in, where that is a number."""
from __future__ import annotations

import io
import math
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..storage import files
from ..errors import ArgumentError, DataError, Error

LARGEST, ALL = 1 << 24, 1 << 30  # pixels of one picture, and of all in a folder
_FILE = 1 << 26  # bytes of one file
_LARGEST_LABEL = 2**31 - 2
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by the kind of colour
_PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))  # of interlacing: first row and column, steps


def _pillow():
    try:
        from PIL import Image  # matplotlib brings it
    except ImportError as error:
        raise ArgumentError("PNG files need Pillow; install it with: pip install 'sdpadv-np[plot]'") from error
    return Image


def read(folder: Path) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...]]:
    """(x (N, H, W) uint8, labels (N,) or None, names of the files in ``folder``), in the order of the names."""
    paths = sorted(_found(folder))
    if not paths:
        raise DataError(f"{folder}: there is no PNG file in this folder or below")
    labels, pictures = _labels(folder, paths), None
    for number, path in enumerate(paths):
        picture = _grey(path, paths[0], None if pictures is None else pictures.shape[1:], len(paths))
        pictures = np.empty((len(paths), *picture.shape), np.uint8) if pictures is None else pictures
        pictures[number] = picture
    return pictures, labels, tuple(p.relative_to(folder).as_posix() for p in paths)


def _found(folder: Path) -> Iterator[Path]:
    """Its PNG files; what is hidden, folders too, is nobody's picture."""

    def fail(error):
        raise files.unreadable(error.filename, error) from error

    for place, inner, names in os.walk(folder, onerror=fail):
        inner[:] = [name for name in inner if not name.startswith(".")]
        yield from (Path(place, name) for name in names if name.lower().endswith(".png") and not name.startswith("."))


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
    image_module, data = _pillow(), files.read_bytes(path, _FILE)
    try:
        chunks = _chunks(data)
        with image_module.open(io.BytesIO(data), formats=["PNG"]) as file:
            mode, size = file.mode, file.size[::-1]
            if size != (shape or size):
                raise DataError(f"{path}: is {_size(size)}, but {first.name} is {_size(shape)}; bring all pictures to one size")
            if math.prod(size) > min(LARGEST, ALL // count):
                raise DataError(f"{path}: is {_size(size)}; read are pictures of at most {LARGEST:,} pixels, and {ALL:,} in all {count}: make them smaller or fewer")
            _check_pixels(chunks)
            if "PLTE" in chunks and mode == "P" and np.asarray(file).max() >= len(chunks["PLTE"]) // 3:
                raise ValueError("it holds pixels of a colour beyond its palette")
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


def _chunks(data: bytes) -> dict[str, bytes]:
    """What a PNG file says of its pixels: {name: contents}, each checksum compared; Pillow leaves out those of the pixels."""
    at, name, found = 8, b"", {"IHDR": b"", "IDAT": b""}
    while name != b"IEND":
        length, before, name = int.from_bytes(data[at : at + 4], "big"), name, data[at + 4 : at + 8]
        end = at + 8 + length
        if len(name) < 4 or zlib.crc32(data[at + 4 : end]).to_bytes(4, "big") != data[end : end + 4]:
            raise ValueError(f"it is damaged or cut off at byte {at}")
        if name in (b"IHDR", b"PLTE", b"IDAT"):
            if found.get(name.decode()) and not name == before == b"IDAT":  # readers differ on which of them counts
                raise ValueError(f"it has a second {name.decode()} at byte {at}")
            found[name.decode()] = found.get(name.decode(), b"") + data[at + 8 : end]
        at = end + 4
    return found


def _check_pixels(chunks: dict[str, bytes]) -> None:
    """Whether there are as many pixels as the header says: Pillow makes missing rows black, and does not mind surplus ones."""
    header = chunks["IHDR"]
    width, height, bits = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big"), header[8] * _CHANNELS[header[9]]
    if header[9] == 3 and not chunks.get("PLTE"):
        raise ValueError("it lacks its palette")
    size = 0
    for row, column, rows, columns in _PASSES if header[12] else ((0, 0, 1, 1),):
        h, w = len(range(row, height, rows)), len(range(column, width, columns))
        size += h * (1 + (w * bits + 7) // 8) if w else 0  # each row has one byte more: its filter
    unpacked = zlib.decompressobj()
    length = len(unpacked.decompress(chunks["IDAT"], size + 1))
    if length != size or not unpacked.eof or unpacked.unused_data:  # the end is a checksum
        raise ValueError(f"its pixels are {length} bytes{' or more' * (length > size)}{', with no end' * (length == size and not unpacked.eof)}; by its header they are {size}")


def png(picture: np.ndarray) -> bytes:
    """An (H, W) uint8 array as the bytes of a PNG file."""
    memory = io.BytesIO()
    _pillow().fromarray(picture).save(memory, format="PNG")
    return memory.getvalue()
