"""Arrays in users' files (npy, npz, HDF5, idx): only the requested ones are read, and at most LARGEST bytes of each."""
from __future__ import annotations

import gzip
import io
import math
import zipfile

import numpy as np

from ..errors import DataError, Error
from ..storage import files
from . import hdf5, idx
from .requested import Requested

LARGEST = 1 << 30  # bytes of one array, unpacked
_HEADER = 1 << 14  # bytes that hold any npy header; NumPy's own limit is 10,000 characters
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read(path, kind: str, requested: Requested) -> dict[str, np.ndarray]:
    """{name: array} of the requested arrays in a file of this kind (npy, npz, h5 or idx).

    The array of a npy or idx file is called "". Raises DataError if the file is damaged, or lacks a required array.
    """
    try:
        if kind == "h5":
            return hdf5.read(path, requested, LARGEST)
        with files.open_file(path) as file:
            if kind == "npz":
                return _npz(file, requested)
            if kind == "npy":
                return {"": _npy(file)}
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            return {"": idx.read(gzip.GzipFile(fileobj=file) if packed else file, LARGEST)}
    except Error as error:
        raise error if str(path) in str(error) else DataError(f"{path}: {error}") from error
    except MemoryError as error:
        raise DataError(f"{path}: takes more memory than this machine has; split it") from error
    except Exception as error:  # zipfile, zlib, gzip and NumPy raise many kinds for a damaged file
        raise DataError(
            f"{path}: is not a whole {kind} file (truncated, damaged, or of another kind): "
            f"{' '.join(str(error).split())}"
        ) from error


def _npy(file, texts: bool = False) -> np.ndarray:
    shape, fortran, dtype = _header(file)
    size = math.prod(shape) * dtype.itemsize
    what = f"is an array of shape {shape} and dtype {dtype}"
    if dtype.kind not in ("US" if texts else "fiubc") or min(shape, default=0) < 0:
        raise DataError(f"{what}; expected {'texts' if texts else 'numbers'}")
    if size > LARGEST:
        raise DataError(f"{what}, more than the {LARGEST:,} bytes that are read here; split it")
    data = file.read(size)
    if len(data) < size:
        raise DataError(f"is not a whole npy file: it is cut off after {len(data)} of {size} bytes of its array")
    return np.frombuffer(bytearray(data), dtype).reshape(shape, order="F" if fortran else "C")


def _header(file) -> tuple:
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"npy format {version}")
    return _HEADERS[version](file)


def _npz(file, requested: Requested) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(file) as archive:
        members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
        names = requested.among(members, lambda name: _described(archive, name, members[name]))
        return {
            name: _npy(_member(archive, members[name], LARGEST + _HEADER), name in requested.texts) for name in names
        }


def _described(archive, name: str, member) -> str:
    """Name, shape and dtype of a member for a message; the name alone if it is no readable array."""
    try:
        shape, _, dtype = _header(_member(archive, member, _HEADER))
        return f"{name} {shape} {dtype}"
    except Exception:
        return name


def _member(archive, member, largest: int) -> io.BytesIO:
    """The first ``largest`` bytes of a member, unpacked."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(
            f"{member.filename} is compressed in a way that NumPy does not write (method {member.compress_type}); "
            "write it with np.savez_compressed"
        )
    with archive.open(member) as unpacked:
        return io.BytesIO(unpacked.read(largest))
