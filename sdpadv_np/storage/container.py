"""The bytes of our files: first a checksum over all of them, then an index, then the arrays.

    8   magic, with which no HDF5 file begins
    4   format version, little-endian, as all numbers here
    4   length of the index
    32  SHA-256 of every other byte of the file
    ..  index, JSON: {"kind", "attributes": [offset, length], "arrays": {name: [dtype, shape, offset]}}
    ..  zeros, then the body; the offsets (from the file's start) point into it

In a file on disk the body is HDF5, which has the rest as its user block: any HDF5 tool opens it. We
do not use libhdf5, which hangs on some damaged bytes and crashes on others. Reading takes the
checksum, the index and a few lines of NumPy; nothing is parsed before the checksum is right, and
since anybody can make it right, the index is checked as well.
"""
from __future__ import annotations

import hashlib
import json
import math
import re
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import ArgumentError, FileError
from . import schema

MAGIC = b"\x89SDPADV\n"
VERSION = 2
_HEAD = struct.Struct("<8sII32s")
HEAD_SIZE = _HEAD.size
_PLAIN = 16  # bytes of the head before the checksum
_DTYPES = re.compile(r"<[fiu][248]|\|[iub]1")
_MOST_ARRAYS, _MOST_AXES, _LONGEST_NAME = 10_000, 8, 300
_FIELDS = {
    "kind": schema.text(), "attributes": schema.sequence(schema.integer(), length=2), "arrays": schema.mapping(),
}


def little_endian(name: str, array: np.ndarray) -> np.ndarray:
    """``array`` as files hold it; ArgumentError for a dtype that they cannot hold."""
    array = np.asarray(array, array.dtype.newbyteorder("<"))
    if not _DTYPES.fullmatch(array.dtype.str):
        raise ArgumentError(
            f"{name} has dtype {array.dtype}, which a file cannot hold; "
            "expected floats, whole numbers or booleans of at most 8 bytes"
        )
    return array


def index(kind: str, text: int, length: int, arrays: Mapping[str, np.ndarray], offsets: Mapping[str, int]) -> bytes:
    """The index: the attributes lie at ``text``, the arrays at ``offsets``."""
    return json.dumps({
        "kind": kind, "attributes": [text, length],
        "arrays": {name: [a.dtype.str, a.shape, offsets[name] if a.size else 0] for name, a in arrays.items()},
    }).encode()


def body_offset(index: bytes) -> int:
    """Where the body begins: HDF5 looks for itself at 512, 1024, 2048 and so on."""
    return max(512, 1 << (HEAD_SIZE + len(index) - 1).bit_length())


def assemble(index: bytes, body: bytes) -> bytes:
    """The whole file; ``body`` lies at :func:`body_offset`, from which the index counts."""
    padded = index.ljust(body_offset(index) - HEAD_SIZE, b"\0")
    plain = _HEAD.pack(MAGIC, VERSION, len(index), b"")[:_PLAIN]
    return b"".join((plain, _checksum(plain, padded, body), padded, body))


def pack(kind: str, arrays: Mapping[str, np.ndarray], text: str) -> bytes:
    """Arrays and attributes (JSON text) without HDF5: how a child process hands them to its parent."""
    arrays, encoded = {name: little_endian(name, a) for name, a in arrays.items()}, text.encode()

    def index_at(start: int) -> bytes:
        offset, offsets = start + len(encoded), {}
        for name, array in arrays.items():
            offsets[name] = offset
            offset += array.nbytes
        return index(kind, start, len(encoded), arrays, offsets)

    start = body_offset(index_at(2**62))  # the longest it can get
    body = b"".join([encoded, *(array.tobytes() for array in arrays.values())])
    return assemble(index_at(start).ljust(start - HEAD_SIZE), body)


def _checksum(*parts: bytes | memoryview) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def unpack(data: bytes, source: str) -> tuple[str, dict[str, np.ndarray], str]:
    """(kind, arrays, attributes as JSON text) of the bytes of :func:`assemble`; FileError unless all of it is right."""
    view = memoryview(data)
    if not data.startswith(MAGIC):
        raise FileError(f"{source}: was not written by sdpadv-np, or its first bytes are damaged; take another copy")
    if len(data) < HEAD_SIZE:
        raise FileError(f"{source}: is cut off after {len(data)} bytes; take another copy")
    _, version, length, checksum = _HEAD.unpack_from(data)
    if _checksum(view[:_PLAIN], view[HEAD_SIZE:]) != checksum:
        raise FileError(
            f"{source}: is damaged or cut off: its content does not match its checksum; take another copy"
        )
    if version > VERSION:  # a later version may change the rest of the file, not its head
        raise FileError(
            f"{source}: has format version {version}, this sdpadv-np reads up to {VERSION}; install a newer sdpadv-np"
        )
    where = f"{source}: its index"
    parsed = schema.parse_json(_part(view, HEAD_SIZE, length, source, "its index").tobytes(), where)
    head = schema.validated(parsed, _FIELDS, where)
    arrays, (start, length) = _arrays(view, head["arrays"], source), head["attributes"]
    try:
        return head["kind"], arrays, _part(view, start, length, source, "attributes").tobytes().decode()
    except UnicodeDecodeError as error:
        raise FileError(f"{source}: attributes is no text: {error}; take another copy") from error


def _part(view: memoryview, offset: int, length: int, source: str, what: str) -> memoryview:
    if offset + length > len(view):
        raise FileError(f"{source}: {what} reaches to byte {offset + length} of {len(view)}; take another copy")
    return view[offset : offset + length]


def _arrays(view: memoryview, entries: dict[str, Any], source: str) -> dict[str, np.ndarray]:
    """A copy of every array; together they may not be larger than the file."""
    arrays, left = {}, len(view)
    if len(entries) > _MOST_ARRAYS:
        raise FileError(f"{source}: its index names {len(entries)} arrays; expected at most {_MOST_ARRAYS}")
    for name, entry in entries.items():
        if not _is_entry(name, entry, len(view)):
            raise FileError(
                f"{source}: its index says {repr(name)[:80]} is {repr(entry)[:80]}; "
                "expected [dtype, shape, offset] of numbers within this file"
            )
        dtype, shape, offset = np.dtype(entry[0]), entry[1], entry[2]
        left -= math.prod(max(size, 1) for size in shape) * dtype.itemsize
        if left < 0:
            raise FileError(
                f"{source}: {name[:80]} is {dtype}{shape[:8]}, more than the {len(view)} bytes of this file; "
                "take another copy"
            )
        part = _part(view, offset, math.prod(shape) * dtype.itemsize, source, name)
        arrays[name] = np.frombuffer(bytearray(part), dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)
    return arrays


def _is_entry(name: str, entry: Any, size: int) -> bool:
    """Whether an entry of the index is [dtype, shape, offset], with no number beyond ``size``."""
    return (
        isinstance(entry, list) and len(entry) == 3 and isinstance(entry[0], str) and isinstance(entry[1], list)
        and _DTYPES.fullmatch(entry[0]) is not None and len(name) <= _LONGEST_NAME and len(entry[1]) <= _MOST_AXES
        and all(map(schema.integer(0, size).fits, [*entry[1], entry[2]]))
    )
