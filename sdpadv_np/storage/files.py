"""Files: written whole or not at all, and believed only after they were checked.

Everything is first written under a temporary name in the same folder, flushed to the disk, and then
renamed over its final name; a crash, a kill or a full disk leaves the previous file as it was.

Weights and checkpoints are HDF5 that any HDF5 tool opens: arrays by name, and everything else as one
JSON text beside them. What stands before the HDF5 (container.py) holds a checksum over all bytes and
lets us read without libhdf5. Nothing is pickled, so loading runs no code.
"""
from __future__ import annotations

import io
import json
import os
import secrets
import stat
from pathlib import Path

import numpy as np

from .. import xp
from ..errors import FileError
from ..extras import needed
from . import child_process, container, schema

LARGEST = 2 << 30  # bytes of a file that is read as a whole
_HDF5 = b"\x89HDF\r\n\x1a\n"
PREFIX, SUFFIX = ".sdpadv-", ".unfinished"  # of temporary names, eight letters between


def expanded(path) -> Path:
    """``path`` with its ~ replaced by the user's home folder; every path that a user gives passes here, and may do so again."""
    given = os.fspath(path)
    try:
        if not str(given).startswith("~"):
            path = Path(given)  # drops the ./ of ./~name, which would then be somebody's home
            return Path.cwd() / path if path.parts[:1] and path.parts[0].startswith("~") else path
        return Path(given).expanduser()
    except RuntimeError as error:
        raise FileError(f"{path}: this machine knows no such home folder; give the whole path") from error


def open_file(path):
    """The file at ``path``, open for reading bytes; FileError for what is not there, or no file (a folder, a pipe, a device)."""
    path = expanded(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))  # a pipe that nobody writes to must not hold us up
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return open(descriptor, "rb")
        os.close(descriptor)
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        raise unreadable(path, error) from error
    raise FileError(f"{path}: is a folder, a pipe or a device; give a file")


def read_bytes(path, largest: int = LARGEST) -> bytes:
    """The bytes of the file at ``path``; FileError as :func:`open_file`, and for one larger than ``largest``."""
    data = read_start(path, largest + 1)
    if len(data) > largest:
        raise FileError(f"{path}: is larger than {largest:,} bytes, more than is read here; split it")
    return data


def read_start(path, count: int) -> bytes:
    """The first ``count`` bytes of the file at ``path``, or all if it has fewer; FileError as :func:`open_file`."""
    with open_file(path) as file:
        try:
            return file.read(count)
        except OSError as error:
            raise unreadable(path, error) from error


def unreadable(path, error) -> FileError:
    return FileError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}")


def write_bytes(path, data: bytes) -> None:
    """Replace the file at ``path`` by ``data``, atomically."""
    path = expanded(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = temporary_path(path.parent)
        with open(temporary, "xb") as file:  # not tempfile's, which only the owner may read: to ask for the umask is to change it, for all threads
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise FileError(f"{path}: cannot be written: {error.strerror or error}; make room or choose another folder") from error
        raise


def temporary_path(folder) -> Path:
    """A temporary name of ours in ``folder``, like no other: for a file or a folder that is then made exclusively."""
    return Path(folder) / f"{PREFIX}{secrets.token_hex(4)}{SUFFIX}"


def write_text(path, text: str) -> None:
    write_bytes(path, text.encode(errors="backslashreplace"))  # a file name may be no text


def write_json(path, value) -> None:
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def write(path, kind: str, arrays: dict, attributes: dict) -> None:
    """Write arrays and JSON-able attributes as a file of the given kind; arrays on a GPU are fetched from there.

    Raises ArgumentError, before anything is written, for what a file cannot hold.
    """
    arrays = {name: container.little_endian(name, xp.to_numpy(array)) for name, array in arrays.items()}
    write_bytes(path, _file(kind, arrays, schema.to_json(attributes, "attributes")))


def _file(kind: str, arrays: dict, text: str) -> bytes:
    h5py = needed("h5py", "weights and checkpoints")
    start = container.body_offset(container.index(kind, 2**62, len(text), arrays, dict.fromkeys(arrays, 2**62)))  # no offset is longer
    memory = io.BytesIO()  # HDF5 copes badly with a disk that fills up; bytes in memory do not mind
    with h5py.File(memory, "w", userblock_size=start) as file:
        file.attrs.update({"format": "sdpadv-np", "format_version": container.VERSION, "kind": kind})
        at = file.create_dataset("attributes", data=np.array(text.encode(), h5py.string_dtype("utf-8", len(text)))).id.get_offset()
        group = file.create_group("arrays")
        offsets = {name: group.create_dataset(name, data=array).id.get_offset() for name, array in arrays.items()}
    index = container.index(kind, at, len(text), arrays, offsets)
    return container.assemble(index.ljust(start - container.HEAD_SIZE), memory.getvalue()[start:])


def read(path, kinds=None) -> tuple[str, dict, dict]:
    """(kind, arrays, attributes) of a file that :func:`write` wrote; the attributes are some JSON object, to be read by schema.validated.

    Raises FileError if the file is missing, damaged, not ours, of another kind than ``kinds``,
    from a newer version, or if it holds numbers that are not finite.
    """
    path = expanded(path)
    source, data = str(path), read_bytes(path)
    if data.startswith(_HDF5):  # of format version 1: today's begins otherwise, and no single damaged byte makes it begin so
        data = child_process.call("sdpadv_np.storage.old_files:converted", path)
    kind, arrays, text = container.unpack(data, source)
    if kinds is not None and kind not in kinds:
        raise FileError(f"{path}: holds a {kind}; expected a {' or '.join(kinds)}")
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise FileError(f"{path}: {name} holds NaN or infinite values; train again")
    attributes = schema.parse_json(text, f"{path}: attributes")
    if not isinstance(attributes, dict):
        raise FileError(f"{path}: attributes is a {type(attributes).__name__}; expected an object")
    return kind, arrays, attributes
