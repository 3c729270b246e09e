"""Files: written whole or not at all, and believed only after they were checked.

Everything is first written under a temporary name in the same folder, flushed to the disk, and then
renamed over its final name; a crash, a kill or a full disk leaves the previous file as it was.

Weights and checkpoints are HDF5: arrays by name, and everything else as one JSON text beside them,
with a format version and a SHA-256 over all of it. Nothing is pickled, so loading runs no code.
"""
from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from pathlib import Path

import numpy as np

from . import xp
from .errors import FileError
from .extras import needed

FORMAT = "sdpadv-np"
FORMAT_VERSION = 1
PREFIX, SUFFIX = ".sdpadv-", ".unfinished"  # of temporary names, eight letters between


def place(path) -> Path:
    """``path`` with a leading ~ as the user's home folder: every path that somebody types or sets passes here."""
    path = Path(path)
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise FileError(f"{path}: the home folder is not known here; give a path without ~") from error


def write_bytes(path, data: bytes) -> None:
    """Replace the file at ``path`` by ``data``, atomically."""
    path = place(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=PREFIX, suffix=SUFFIX)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~umask())
        os.replace(temporary, path)
    except BaseException as error:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise FileError(f"{path}: cannot be written: {error.strerror or error}; make room or choose another folder") from error
        raise


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path, text: str) -> None:
    write_bytes(path, text.encode(errors="backslashreplace"))  # a file name may be no text


def write_json(path, value) -> None:
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def _digest(arrays: dict, text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def write(path, kind: str, arrays: dict, attributes: dict) -> None:
    """Write arrays and JSON-able attributes as an HDF5 file of the given kind; arrays on a GPU are fetched from there."""
    h5py = needed("h5py", "weights and checkpoints")

    arrays = {name: xp.to_numpy(array) for name, array in arrays.items()}
    text = json.dumps(attributes, allow_nan=False)
    memory = io.BytesIO()  # HDF5 copes badly with a disk that fills up; bytes in memory do not mind
    with h5py.File(memory, "w") as file:
        file.attrs.update({"format": FORMAT, "format_version": FORMAT_VERSION, "kind": kind, "sha256": _digest(arrays, text)})
        file.create_dataset("attributes", data=text)
        group = file.create_group("arrays")
        for name, array in arrays.items():
            group.create_dataset(name, data=array)
    write_bytes(path, memory.getvalue())


def read(path, kinds=None) -> tuple[str, dict, dict]:
    """(kind, arrays, attributes) of a file that :func:`write` wrote.

    Raises FileError if the file is missing, damaged, not ours, of another kind than ``kinds``,
    from a newer version, or if it holds numbers that are not finite.
    """
    h5py = needed("h5py", "weights and checkpoints")

    path = place(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            header = dict(file.attrs)
            if header.get("format") != FORMAT:
                raise FileError(f"{path}: is HDF5, but was not written by sdpadv-np")
            if header["format_version"] > FORMAT_VERSION:
                raise FileError(
                    f"{path}: has format version {header['format_version']}, this sdpadv-np reads up to {FORMAT_VERSION}; "
                    "install a newer sdpadv-np"
                )
            text = file["attributes"][()].decode()
            arrays = {}
            file["arrays"].visititems(lambda name, item: arrays.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    except FileError:
        raise
    except Exception as error:  # h5py raises a great many kinds for a damaged file
        raise FileError(f"{path}: is not a whole HDF5 file (truncated, damaged, or something else): {error}") from error
    if _digest(arrays, text) != header.get("sha256"):
        raise FileError(f"{path}: is damaged: its content does not match its checksum; take another copy")
    kind = str(header["kind"])
    if kinds is not None and kind not in kinds:
        raise FileError(f"{path}: holds a {kind}; expected a {' or '.join(kinds)}")
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise FileError(f"{path}: {name} holds NaN or infinite values; train again")
    return kind, arrays, json.loads(text)
