"""The idx format of MNIST: a big-endian header (0, 0, type, axes; sizes), then the numbers."""
from __future__ import annotations

import io
import math
import struct

import numpy as np

from ..errors import DataError
from .requested import naming

_UNSIGNED_BYTE, _MOST_AXES = 8, 8


def parse(data: bytes, name: str) -> np.ndarray:
    """The uint8 array in ``data``; ``name`` is for messages."""
    with naming(name):
        return read(io.BytesIO(data), len(data))


def read(file, largest: int) -> np.ndarray:
    """The uint8 array in ``file``; at most one byte more is read.

    Raises DataError if the file is shorter or longer than its header says, or the array has more than ``largest``
    bytes.
    """
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] != _UNSIGNED_BYTE or not 0 < start[3] <= _MOST_AXES:
        raise DataError("is not an idx file of unsigned bytes")
    sizes = file.read(4 * start[3])
    if len(sizes) < 4 * start[3]:
        raise DataError("is truncated in its header")
    shape = struct.unpack(f">{start[3]}I", sizes)
    expected = math.prod(shape)
    limit = min(expected, largest)
    data = file.read(limit + 1)
    if len(data) != expected:
        raise DataError(
            f"holds {f'more than {limit}' if len(data) > limit else len(data)} bytes, "
            f"its header says {'x'.join(map(str, shape))} = {expected}"
            + f"; at most {largest:,} are read here" * (expected > largest)
        )
    return np.frombuffer(data, np.uint8).reshape(shape)
