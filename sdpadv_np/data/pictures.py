"""Folders of PNG and JPEG files, grey or in colour; a file's label is the name of its folder, if that is a number."""
from __future__ import annotations

import io
import math
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..errors import DataError, Error
from ..extras import needed
from ..storage import files

LARGEST, ALL = 1 << 24, 1 << 30  # pixels of one picture, and numbers in all of a folder
_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
_FILE = 1 << 26  # bytes of one file
_LARGEST_LABEL = 2**31 - 2
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by the kind of colour
# interlacing: first row and column, steps between rows and columns
_PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def _pillow():
    needed("PIL", "PNG and JPEG files")
    return needed("PIL.Image", "PNG and JPEG files")


def read(folder: Path, image_shape: tuple | None = None) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...]]:
    """(x uint8, labels (N,) or None, names of the files in ``folder``), in the order of the names.

    x is (N, H, W, 3), or (N, H, W) if all pictures are grey, or a network takes one channel.

    image_shape : (C, H, W) that a network takes; DataError for pictures of another size or number of channels
    """
    paths = sorted(_found(folder))
    if not paths:
        raise DataError(f"{folder}: there is no PNG or JPEG file in this folder or below")
    channels, *size = image_shape or (None,)
    if channels not in (None, 1, 3):
        raise DataError(
            f"{folder}: pictures have 1 channel (grey) or 3 (colour), the network takes {channels}; "
            "give a npz or HDF5 file"
        )
    labels, pixels = _labels(folder, paths), np.empty(0)
    expected = (tuple(size), "the network takes") if size else None
    for number, path in enumerate(paths):
        picture = _picture(path, expected, channels, len(paths))
        if not number:
            pixels = np.empty((len(paths), *picture.shape), np.uint8)
            expected = expected or (picture.shape[:2], f"{path.name} is")
        pixels[number] = picture
    if channels is None and not (pixels[..., 1:] != pixels[..., :1]).any():
        pixels = np.ascontiguousarray(pixels[..., 0])
    return pixels, labels, tuple(p.relative_to(folder).as_posix() for p in paths)


def _found(folder: Path) -> Iterator[Path]:
    """Its PNG and JPEG files; hidden ones and hidden folders are left out."""

    def fail(error):
        raise files.unreadable(error.filename, error) from error

    for place, inner, names in os.walk(folder, onerror=fail):
        inner[:] = [name for name in inner if not name.startswith(".")]
        yield from (Path(place, name) for name in names if _format(name) and not name.startswith("."))


def _format(name) -> str | None:
    """"PNG", "JPEG" or None, by the ending of a file's name."""
    return _FORMATS.get(os.path.splitext(name)[1].lower())


def _size(shape) -> str:
    return "x".join(map(str, shape))


def _labels(folder: Path, paths) -> np.ndarray | None:
    numbered = [p.parent != folder and p.parent.name.isascii() and p.parent.name.isdigit() for p in paths]
    if not any(numbered):
        return None
    if not all(numbered):
        loose, other = paths[numbered.index(False)], paths[numbered.index(True)]
        raise DataError(
            f"{loose}: lies in no folder named after a label, but {other} does; move all pictures into such folders, "
            "or none"
        )
    labels = [int(p.parent.name) for p in paths]
    if max(labels) > _LARGEST_LABEL:
        raise DataError(
            f"{paths[labels.index(max(labels))].parent}: is named after no label that there could be; "
            f"labels are at most {_LARGEST_LABEL}"
        )
    return np.array(labels, np.int64)


def _picture(path: Path, expected: tuple | None, channels: int | None, count: int) -> np.ndarray:
    """One picture as uint8: (H, W) for one channel, otherwise (H, W, 3).

    The size in its header must be the expected one ((H, W), name of the picture that has it), and ``count`` such
    pictures must fit in memory.
    """
    image_module, data, kind = _pillow(), files.read_bytes(path, _FILE), _format(path)
    try:
        chunks = _chunks(data) if kind == "PNG" else {}
        with image_module.open(io.BytesIO(data), formats=[kind]) as file:
            mode, size = file.mode, file.size[::-1]
            if expected is not None and size != expected[0]:
                raise DataError(
                    f"{path}: is {_size(size)}, but {expected[1]} {_size(expected[0])}; bring all pictures to one size"
                )
            if math.prod(size) > LARGEST or math.prod(size) * (channels or 3) > ALL // count:
                most = f"pictures of at most {LARGEST:,} pixels, and {ALL:,} in all {count}"
                raise DataError(f"{path}: is {_size(size)}; expected {most}: make them smaller or fewer")
            if kind == "PNG":
                _check_pixels(chunks)
                if "PLTE" in chunks and mode == "P" and np.asarray(file).max() >= len(chunks["PLTE"]) // 3:
                    raise ValueError("it holds pixels of a colour beyond its palette")
            rgba = np.asarray(file.convert("RGBA"))
    except Error:
        raise
    except Exception as error:  # Pillow and zlib have many ways to say damaged, or too large
        raise DataError(f"{path}: is not a whole {kind} file: {' '.join(str(error).split())}") from error
    if mode.startswith(("I", "F")) or (kind == "PNG" and chunks["IHDR"][8] > 8):
        raise DataError(f"{path}: has more than 8 bits a channel; save it with 8")
    if mode == "CMYK":
        raise DataError(f"{path}: is CMYK, for printing; save it in RGB or grey")
    if (rgba[..., 3] < 255).any():
        raise DataError(f"{path}: is partly transparent; save it without an alpha channel")
    if channels != 1:
        return rgba[..., :3]
    if (rgba[..., 0] != rgba[..., 1]).any() or (rgba[..., 0] != rgba[..., 2]).any():
        raise DataError(f"{path}: is coloured, but the network takes 1 channel; save it as 8-bit grey")
    return rgba[..., 0]


def _chunks(data: bytes) -> dict[str, bytes]:
    """The chunks of a PNG file that describe its pixels, {name: contents}; every checksum is compared.

    Pillow does not compare those of the pixels.
    """
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
    """ValueError unless there are as many pixels as the header says; Pillow makes missing rows black."""
    header = chunks["IHDR"]
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    bits = header[8] * _CHANNELS[header[9]]
    if header[9] == 3 and not chunks.get("PLTE"):
        raise ValueError("it lacks its palette")
    size = 0
    for row, column, rows, columns in _PASSES if header[12] else ((0, 0, 1, 1),):
        h, w = len(range(row, height, rows)), len(range(column, width, columns))
        size += h * (1 + (w * bits + 7) // 8) if w else 0  # each row has one byte more: its filter
    unpacked = zlib.decompressobj()
    length = len(unpacked.decompress(chunks["IDAT"], size + 1))
    if length != size or not unpacked.eof or unpacked.unused_data:  # the end is a checksum
        more, endless = " or more" * (length > size), ", with no end" * (length == size and not unpacked.eof)
        raise ValueError(f"its pixels are {length} bytes{more}{endless}; by its header they are {size}")


def png_name(name: str) -> str:
    """The name of a PNG file in place of the picture ``name``."""
    return name if _format(name) == "PNG" else f"{name}.png"


def png(picture: np.ndarray) -> bytes:
    """An (H, W) or (H, W, 3) uint8 array as the bytes of a PNG file."""
    memory = io.BytesIO()
    _pillow().fromarray(picture).save(memory, format="PNG")
    return memory.getvalue()
