"""Folders of grey PNG files; a file's label is the name of the folder it lies in, where that is a number."""
from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from ..errors import ArgumentError, DataError


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
    pictures = [_grey(path) for path in paths]
    for path, picture in zip(paths, pictures):
        if picture.shape != pictures[0].shape:
            raise DataError(f"{path}: is {_size(picture)}, but {paths[0].name} is {_size(pictures[0])}; bring all pictures to one size")
    return np.stack(pictures), _labels(folder, paths), tuple(p.relative_to(folder).as_posix() for p in paths)


def _size(picture) -> str:
    return "x".join(map(str, picture.shape))


def _labels(folder: Path, paths) -> np.ndarray | None:
    numbered = [p.parent != folder and p.parent.name.isascii() and p.parent.name.isdigit() for p in paths]
    if not any(numbered):
        return None
    if not all(numbered):
        raise DataError(f"{paths[numbered.index(False)]}: lies in no folder named after a label, but {paths[numbered.index(True)]} does; do one or the other")
    return np.array([int(p.parent.name) for p in paths], np.int64)


def _grey(path: Path) -> np.ndarray:
    image_module = _pillow()
    try:
        with image_module.open(path, formats=["PNG"]) as file:
            mode, rgba = file.mode, np.asarray(file.convert("RGBA"))
    except (OSError, ValueError, SyntaxError) as error:  # Pillow's ways to say damaged
        raise DataError(f"{path}: is not a whole PNG file: {' '.join(str(error).split())}") from error
    if mode.startswith(("I", "F")):
        raise DataError(f"{path}: has more than 8 bits a pixel; save it as 8-bit grey")
    if (rgba[..., 3] < 255).any():
        raise DataError(f"{path}: is partly transparent; save it without an alpha channel")
    if (rgba[..., 0] != rgba[..., 1]).any() or (rgba[..., 0] != rgba[..., 2]).any():
        raise DataError(f"{path}: is coloured; images are grey here: save it as 8-bit grey")
    return rgba[..., 0]


def png(picture: np.ndarray) -> bytes:
    """An (H, W) uint8 array as the bytes of a PNG file."""
    memory = io.BytesIO()
    _pillow().fromarray(picture).save(memory, format="PNG")
    return memory.getvalue()
