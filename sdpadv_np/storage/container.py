"""The bytes of our files: a checksum over all of them first, then an index, then the arrays.

    8   magic, which no HDF5 file begins with
    4   format version, little-endian, as all numbers here
    4   length of the index
    32  SHA-256 of every other byte of the file
    ..  index, JSON: {"kind", "attributes": [offset, length], "arrays": {name: [dtype, shape, offset]}}
    ..  zeros, then the body, where the offsets (from the file's start) point to

In a file on disk the body is HDF5, which has the rest as its user block: any HDF5 tool opens it. We
do not: libhdf5 hangs on some damaged bytes and crashes on others. Reading takes the checksum, the
index and a few lines of NumPy; nothing is parsed before the checksum is right, and since anybody can
make it right, nothing in the index is believed either.
"""
from __future__ import annotations

import hashlib
import json
import math
import re
import struct

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
_FIELDS = {"kind": schema.text(), "attributes": schema.sequence(schema.integer(), length=2), "arrays": schema.mapping()}


def little_endian(name: str, array: np.ndarray) -> np.ndarray:
    """``array`` as files hold it; ArgumentError for a dtype that they do not."""
    array = np.asarray(array, array.dtype.newbyteorder("<"))
    if not _DTYPES.fullmatch(array.dtype.str):
        raise ArgumentError(f"{name} has dtype {array.dtype}, which a file cannot hold; expected floats, whole numbers or booleans of at most 8 bytes")
    return array


def index(kind: str, text: int, length: int, arrays: dict, offsets: dict) -> bytes:
    """The index: ``text`` and ``offsets`` are where the attributes and each array lie."""
    entries = {name: [a.dtype.str, a.shape, offsets[name] if a.size else 0] for name, a in arrays.items()}
    return json.dumps({"kind": kind, "attributes": [text, length], "arrays": entries}).encode()


def body_offset(index: bytes) -> int:
    """Where the body begins: HDF5 looks for itself at 512, 1024, 2048 and so on."""
    return max(512, 1 << (HEAD_SIZE + len(index) - 1).bit_length())


def assemble(index: bytes, body: bytes) -> bytes:
    """The whole file; ``body`` lies at ``start_of_body``, which the offsets of the index take into account."""
    padded = index.ljust(body_offset(index) - HEAD_SIZE, b"\0")
    plain = _HEAD.pack(MAGIC, VERSION, len(index), b"")[:_PLAIN]
    return b"".join((plain, _checksum(plain, padded, body), padded, body))


def pack(kind: str, arrays: dict, text: str) -> bytes:
    """Arrays and attributes (JSON text) without HDF5: how a child process hands them to its parent."""
    arrays, body = {name: little_endian(name, a) for name, a in arrays.items()}, [text.encode()]

    def entries(start):
        at, offsets = start + len(body[0]), {}
        for name, array in arrays.items():
            offsets[name] = at
            at += array.nbytes
        return index(kind, start, len(body[0]), arrays, offsets)

    start = body_offset(entries(2**62))  # as long as it can get
    words = entries(start)
    return assemble(words.ljust(start - HEAD_SIZE), b"".join(body + [a.tobytes() for a in arrays.values()]))


def _checksum(*parts) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def unpack(data: bytes, source: str) -> tuple[str, dict, str]:
    """(kind, arrays, attributes as JSON text) of :func:`assemble` bytes; FileError unless all is as it should be."""
    view = memoryview(data)
    if not data.startswith(MAGIC):
        raise FileError(f"{source}: was not written by sdpadv-np, or its first bytes are damaged; take another copy")
    if len(data) < HEAD_SIZE:
        raise FileError(f"{source}: is cut off after {len(data)} bytes; take another copy")
    _, version, length, checksum = _HEAD.unpack_from(data)
    if _checksum(view[:_PLAIN], view[HEAD_SIZE:]) != checksum:
        raise FileError(f"{source}: is damaged or cut off: its content does not match its checksum; take another copy")
    if version > VERSION:  # a later version may change what follows, not what stands before
        raise FileError(f"{source}: has format version {version}, this sdpadv-np reads up to {VERSION}; install a newer sdpadv-np")
    head = schema.validated(schema.parse_json(_part(view, HEAD_SIZE, length, source, "its index").tobytes(), f"{source}: its index"), _FIELDS, f"{source}: its index")
    arrays = _arrays(view, head["arrays"], source)
    try:
        return head["kind"], arrays, _part(view, *head["attributes"], source, "attributes").tobytes().decode()
    except UnicodeDecodeError as error:
        raise FileError(f"{source}: attributes is no text: {error}; take another copy") from error


def _part(view, offset: int, length: int, source: str, what: str):
    if offset + length > len(view):
        raise FileError(f"{source}: {what} reaches to byte {offset + length} of {len(view)}; take another copy")
    return view[offset : offset + length]


def _arrays(view, entries: dict, source: str) -> dict:
    """Every array, copied out; what they take together is bounded by what the file holds."""
    arrays, left = {}, len(view)
    if len(entries) > _MOST_ARRAYS:
        raise FileError(f"{source}: its index names {len(entries)} arrays; expected at most {_MOST_ARRAYS}")
    whole = schema.integer(0, len(view)).fits
    for name, entry in entries.items():
        fits = isinstance(entry, list) and len(entry) == 3 and isinstance(entry[0], str) and isinstance(entry[1], list) and len(name) <= _LONGEST_NAME
        if not (fits and _DTYPES.fullmatch(entry[0]) and len(entry[1]) <= _MOST_AXES and all(map(whole, [*entry[1], entry[2]]))):
            raise FileError(f"{source}: its index says {repr(name)[:80]} is {repr(entry)[:80]}; expected [dtype, shape, offset] of numbers within this file")
        dtype, shape, offset = np.dtype(entry[0]), entry[1], entry[2]
        left -= math.prod(max(size, 1) for size in shape) * dtype.itemsize
        if left < 0:
            raise FileError(f"{source}: {name[:80]} is {dtype}{shape[:8]}, more than the {len(view)} bytes of this file; take another copy")
        part = _part(view, offset, math.prod(shape) * dtype.itemsize, source, name)
        arrays[name] = np.frombuffer(bytearray(part), dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)
    return arrays
