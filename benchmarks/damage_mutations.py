"""The mutations of benchmarks/damage.py: of bytes, of JSON by values, of arrays by name, dtype and shape."""
import copy
import json
import struct
import zlib

import numpy as np

from sdpadv_np.storage import container

ODD = [None, True, False, -1, 0, 1, 7, 10**6, 10**12, 2**63, 10**40, 0.5, -0.0, 1e308, "", "0", "A", "B", "\0",
       "x" * 5000, "\x1b[2J", [], [[]], [1], [-1, 10**9], {}, {"a": 1}, [None] * 50]
DTYPES = ("<f2", "<f4", "<f8", ">f4", "<i8", "|u1", "|b1")


def anyhow(data: bytes, rng) -> bytes:
    """One to four changes: bits, bytes, spans removed, doubled, inserted, exchanged, cut off."""
    for _ in range(int(rng.integers(1, 5))):
        data = CHANGES[rng.integers(len(CHANGES))](bytearray(data), rng)
    return data


def _span(data, rng):
    start = int(rng.integers(0, len(data) + 1))
    return start, min(len(data), start + int(rng.choice([1, 2, 4, 8, 100])))


def _bit(data, rng):
    if data:
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    return bytes(data)


def _byte(data, rng):
    if data:
        data[rng.integers(len(data))] = int(rng.choice([0, 255, 1, 127, 128, int(rng.integers(256))]))
    return bytes(data)


def _number(data, rng):
    """A span of 2, 4 or 8 bytes replaced by a number that is a hard case as a length or an offset."""
    start, size = _span(data, rng)[0], int(rng.choice([2, 4, 8]))
    edges = [0, 1, 2**7, 2**8 - 1, 2**15, 2**16 - 1] if size == 2 else [0, 1, 2**31 - 1, 2**31, 2**32 - 1]
    value = int(rng.choice(edges))
    data[start : start + size] = value.to_bytes(size, "little" if rng.integers(2) else "big")
    return bytes(data)


def _of_span(change):
    """The change(data, start, end, rng) of a random span."""
    return lambda data, rng: bytes(change(data, *_span(data, rng), rng))


CHANGES = (
    _bit, _bit, _byte, _byte, _number, *map(_of_span, (
        lambda data, start, end, rng: data[:start] + data[end:],  # removed
        lambda data, start, end, rng: data[:end] + data[start:],  # doubled
        lambda data, start, end, rng: data[:start] + rng.bytes(int(rng.integers(1, 20))) + data[start:],  # inserted
        lambda data, start, end, rng: data[:start],  # cut off
    )),
)


def odd_json(value, rng):
    """``value`` with one to three of its parts replaced, removed, renamed, or wrapped in a hundred lists."""
    value = json.loads(json.dumps(value))
    for _ in range(int(rng.integers(1, 4))):
        places = list(_places(value))
        if not places:
            return _odd(rng)
        inside, key = places[rng.integers(len(places))]
        how = rng.integers(8)
        if how == 0:
            del inside[key]
        elif how == 1 and isinstance(inside, dict):
            inside[str(key) + "x"] = inside.pop(key)
        elif how == 2:
            for _ in range(int(rng.choice([5, 100, 5000]))):
                inside[key] = [inside[key]]
            return value  # json cannot walk through it again
        elif how == 3 and isinstance(inside[key], (int, float)):
            inside[key] = inside[key] * int(rng.choice([-1, 2, 1000, 10**9]))
        else:
            inside[key] = _odd(rng)
    return value


def _odd(rng):
    return copy.deepcopy(ODD[rng.integers(len(ODD))])  # the next change may be made within it


def _places(value):
    """(container, key) of everything within."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _places(inner)


def text(value) -> str:
    """``value`` as JSON text, however deep it is."""
    depth = 0
    while isinstance(value, list) and len(value) == 1:
        value, depth = value[0], depth + 1
    try:
        return "[" * depth + json.dumps(value) + "]" * depth
    except RecursionError:
        return "[" * 100_000


def odd_arrays(arrays: dict, rng) -> dict:
    """One array renamed, left out, of another dtype or shape, or with a NaN in it."""
    arrays, name = dict(arrays), list(arrays)[rng.integers(len(arrays))]
    array, how = arrays.pop(name), rng.integers(7)
    if how == 0:
        return arrays
    if how == 1:
        return {**arrays, name + "/x": array}
    changes = {
        2: lambda: array.astype(DTYPES[rng.integers(len(DTYPES))]), 3: lambda: array.reshape(-1),
        4: lambda: np.zeros((3, *array.shape), array.dtype),
        5: lambda: np.full_like(array, np.nan) if array.dtype.kind == "f" else array + 1, 6: lambda: array.ravel()[:0],
    }
    return {**arrays, name: changes[how]()}


def resealed(data: bytes) -> bytes:
    """A file of ours with its checksum corrected."""
    head, content = data[:16], data[container.HEAD_SIZE :]
    return data if len(data) < container.HEAD_SIZE else head + container._checksum(head, content) + content


def odd_index(data: bytes, rng) -> bytes:
    """A file of ours with an odd index in place of its own, nothing else moved where it fits."""
    length = struct.unpack_from("<I", data, 12)[0]
    index = json.loads(data[container.HEAD_SIZE : container.HEAD_SIZE + length])
    words = text(odd_json(index, rng)).encode()
    return (data[:12] + struct.pack("<I", len(words)) + data[16 : container.HEAD_SIZE] + words.ljust(length)
            + data[container.HEAD_SIZE + length :])


def png_resealed(data: bytes) -> bytes:
    """PNG bytes with the checksum corrected of every chunk that can still be found."""
    out, at = data[:8], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if at + 12 + length > len(data):
            break
        body = data[at + 4 : at + 8 + length]
        out, at = out + data[at : at + 4] + body + zlib.crc32(body).to_bytes(4, "big"), at + 12 + length
    return out + data[at:]
