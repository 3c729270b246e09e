"""The idx format of MNIST: a big-endian header (0, 0, type, axes; sizes), then the numbers."""
from __future__ import annotations

import io
import math
import struct

import numpy as np

from ..errors import DataError

_UNSIGNED_BYTE, _MOST_AXES = 8, 8


def parse(data: bytes, name: str) -> np.ndarray:
    """The uint8 array in ``data``; ``name`` is for messages."""
    try:
        return read(io.BytesIO(data), len(data))
    except DataError as error:
        raise DataError(f"{name}: {error}") from None


def read(file, largest: int) -> np.ndarray:
    """The uint8 array in ``file``; at most one byte more is read.

    Raises DataError if the file is shorter or longer than its header says, or the array has more than ``largest``
    bytes.
    """
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] != _UNSIGNED_BYTE or not 0 < start[3] <= _MOST_AXES:
        raise DataError("is not an idx file of unsigned bytes")
    axes = start[3]
    sizes = file.read(4 * axes)
    if len(sizes) < 4 * axes:
        raise DataError("is truncated in its header")
    shape = struct.unpack(f">{axes}I", sizes)
    expected = math.prod(shape)
    data = file.read(min(expected, largest) + 1)
    if len(data) != expected:
        held = f"more than {min(expected, largest)}" if len(data) > min(expected, largest) else len(data)
        limit = f"; at most {largest:,} are read here" if expected > largest else ""
        raise DataError(f"holds {held} bytes, its header says {'x'.join(map(str, shape))} = {expected}{limit}")
    return np.frombuffer(data, np.uint8).reshape(shape)
