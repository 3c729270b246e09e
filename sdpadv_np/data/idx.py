"""The idx format of MNIST: a big-endian header (0, 0, type, axes; sizes), then the numbers."""
from __future__ import annotations

import struct

import numpy as np

from ..errors import DataError

_UNSIGNED_BYTE = 8


def parse(data: bytes, name: str) -> np.ndarray:
    """The uint8 array in ``data``; ``name`` is for messages."""
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != _UNSIGNED_BYTE:
        raise DataError(f"{name}: is not an idx file of unsigned bytes")
    axes = data[3]
    if len(data) < 4 + 4 * axes:
        raise DataError(f"{name}: is truncated in its header")
    shape = struct.unpack(f">{axes}I", data[4 : 4 + 4 * axes])
    expected, got = int(np.prod(shape)), len(data) - 4 - 4 * axes
    if got != expected:
        raise DataError(f"{name}: holds {got} bytes, its header says {'x'.join(map(str, shape))} = {expected}")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape)
