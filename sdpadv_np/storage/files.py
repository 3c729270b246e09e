"""Files: written completely or not at all, and checked before they are used.

Everything is first written under a temporary name in the same folder, flushed to the disk, and then
renamed over its final name; a crash, a kill or a full disk leaves the previous file as it was.

Weights and checkpoints are HDF5 that any HDF5 tool opens: arrays by name, and everything else as one
JSON text beside them. The part before the HDF5 (container.py) holds a checksum over all bytes and
lets us read without libhdf5. Nothing is pickled, so loading runs no code.
"""
from __future__ import annotations

import contextlib
import io
import json
import os
import secrets
import shutil
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Union

import numpy as np

from .. import xp
from ..errors import FileError
from ..extras import needed
from . import child_process, container, schema

PathLike = Union[str, "os.PathLike[str]"]
Arrays = dict[str, np.ndarray]
LARGEST = 2 << 30  # bytes of a file that is read at once
_HDF5 = b"\x89HDF\r\n\x1a\n"
PREFIX, SUFFIX = ".sdpadv-", ".unfinished"  # of temporary names, eight letters between


def expanded(path: PathLike) -> Path:
    """``path`` with its ~ replaced by the user's home folder. Every path from a user passes here, once or twice."""
    given = os.fspath(path)
    try:
        if not str(given).startswith("~"):
            result = Path(given)  # drops the ./ of ./~name, which would then be somebody's home
            return Path.cwd() / result if result.parts[:1] and result.parts[0].startswith("~") else result
        return Path(given).expanduser()
    except RuntimeError as error:
        raise FileError(f"{given}: this machine knows no such home folder; give the whole path") from error


def open_file(path: PathLike) -> BinaryIO:
    """The file at ``path``, open for reading bytes; FileError if it is missing, or a folder, a pipe or a device."""
    path = expanded(path)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)  # does not wait for a pipe's writer
    try:
        descriptor = os.open(path, flags)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return open(descriptor, "rb")
        os.close(descriptor)
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        raise unreadable(path, error) from error
    raise FileError(f"{path}: is a folder, a pipe or a device; give a file")


def read_bytes(path: PathLike, largest: int = LARGEST) -> bytes:
    """The bytes of the file at ``path``; FileError as :func:`open_file`, and for one larger than ``largest``."""
    data = read_start(path, largest + 1)
    if len(data) > largest:
        raise FileError(f"{path}: is larger than {largest:,} bytes, more than is read here; split it")
    return data


def read_start(path: PathLike, count: int) -> bytes:
    """The first ``count`` bytes of the file at ``path``, or all if it has fewer; FileError as :func:`open_file`."""
    with open_file(path) as file:
        try:
            return file.read(count)
        except OSError as error:
            raise unreadable(path, error) from error


def unreadable(path: PathLike, error: Exception) -> FileError:
    return FileError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}")


def write_bytes(path: PathLike, data: bytes) -> None:
    """Replace the file at ``path`` by ``data``, atomically."""
    with replaced(path) as temporary, open(temporary, "xb") as file:  # not by tempfile: only the owner may read those
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def replaced(path: PathLike) -> Iterator[Path]:
    """A temporary name, for a file or folder made within this context; at its end that is renamed to ``path``.

    After a failure it is removed, and an OSError is a FileError that names ``path``.
    """
    path, temporary = expanded(path), None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = temporary_path(path.parent)
        yield temporary
        os.replace(temporary, path)
    except BaseException as error:
        if temporary is not None:
            remove(temporary)
        if isinstance(error, OSError):
            raise FileError(
                f"{path}: cannot be written: {error.strerror or error}; make room or choose another folder"
            ) from error
        raise


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def temporary_path(folder: PathLike) -> Path:
    """A new temporary name in ``folder``, for a file or a folder that is then made exclusively."""
    return Path(folder) / f"{PREFIX}{secrets.token_hex(4)}{SUFFIX}"


def write_text(path: PathLike, text: str) -> None:
    write_bytes(path, text.encode(errors="backslashreplace"))  # a file name may not be valid text


def write_json(path: PathLike, value: Any) -> None:
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def write(path: PathLike, kind: str, arrays: dict[str, Any], attributes: dict[str, Any]) -> None:
    """Write arrays and JSON-able attributes as a file of the given kind; arrays on a GPU are copied to main memory.

    Raises ArgumentError, before anything is written, for values that a file cannot hold.
    """
    ours = {name: container.little_endian(name, xp.to_numpy(array)) for name, array in arrays.items()}
    write_bytes(path, _file(kind, ours, schema.to_json(attributes, "attributes")))


def _file(kind: str, arrays: Arrays, text: str) -> bytes:
    h5py = needed("h5py", "weights and checkpoints")
    longest = container.index(kind, 2**62, len(text), arrays, dict.fromkeys(arrays, 2**62))
    start = container.body_offset(longest)
    memory = io.BytesIO()  # HDF5 handles a full disk badly, and memory well
    with h5py.File(memory, "w", userblock_size=start) as file:
        file.attrs.update({"format": "sdpadv-np", "format_version": container.VERSION, "kind": kind})
        encoded = np.array(text.encode(), h5py.string_dtype("utf-8", len(text)))
        offset = file.create_dataset("attributes", data=encoded).id.get_offset()
        group = file.create_group("arrays")
        offsets = {name: group.create_dataset(name, data=array).id.get_offset() for name, array in arrays.items()}
    index = container.index(kind, offset, len(text), arrays, offsets)
    return container.assemble(index.ljust(start - container.HEAD_SIZE), memory.getvalue()[start:])


def read(path: PathLike, kinds: Collection[str] | None = None) -> tuple[str, Arrays, dict[str, Any]]:
    """(kind, arrays, attributes) of a file of :func:`write`; the attributes are any JSON object, for schema.validated.

    Raises FileError if the file is missing, damaged, not ours, of another kind than ``kinds``,
    from a newer version, or if it holds numbers that are not finite.
    """
    path = expanded(path)
    source, data = str(path), read_bytes(path)
    if data.startswith(_HDF5):  # format version 1; no single damaged byte makes a newer file begin so
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
