"""Weights in the order in which the kernels read them, kept until they change."""
from __future__ import annotations

import functools
import weakref
from typing import NamedTuple

import numpy as np

from ..gemm.packing import grid_offsets, pack, packed_width, panel_at, scatter
from ..runtime.jit import OPTIONS, njit
from ..runtime.tracing import copy_to, output_buffer
from ..simd.transpose import transpose, transpose_back
from ._planes import weight_planes, weight_taps
from ._transforms import TAPS

_KEPT = 32  # packed weights of one array; a classifier has a few layers, two packings each
_kept: dict = {}  # id of the array that owns the memory -> (a weak reference to it, {what was packed and how: (its bytes, packed)})


def kept(pack):
    """Let ``pack(w, *settings)``, of a contiguous w, answer from memory while w holds the same numbers and lives.

    The place of w in its owner's memory (a model's parameters are one array) finds the earlier answer,
    comparing all bytes confirms it, so that also weights changed in place are noticed. A bytearray
    compares with C's memcmp: a quarter of a millisecond for a million numbers, which a compiled loop
    took three times as long for. In training a new packing takes the old one's place, and all go with
    the owner. Threads need no lock: each step below is one operation of a dictionary.
    """

    @functools.wraps(pack)
    def answer(w, *settings):
        packings = _packings_of(w)
        key = pack, w.__array_interface__["data"][0], w.shape, settings
        earlier = packings.get(key)
        if earlier is not None and earlier[0] == w.data:
            return earlier[1]
        result = pack(w, *settings)
        if len(packings) >= _KEPT:
            packings.clear()
        packings[key] = bytearray(w), result
        return result

    return answer


def _packings_of(w) -> dict:
    owner = w
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    number = id(owner)
    found = _kept.get(number)
    if found is None:
        found = _kept.setdefault(number, (weakref.ref(owner, lambda _: _kept.pop(number, None)), {}))
    return found[1]


_LARGE = 2**21  # bytes of a large page of memory


def on_large_pages(count):
    """Room for so many float32, on large pages where the system has some: NumPy asks for them if an array has 4 MB or more."""
    if 4 * count < _LARGE // 8:
        return np.empty(count, np.float32)
    room = np.empty(max(4 * count, 2 * _LARGE) + _LARGE, np.uint8)
    start = -room.ctypes.data % _LARGE
    return room[start : start + 4 * count].view(np.float32)


class Order(NamedTuple):
    """How the numbers of w (O,C,kh,kw) make matrices whose columns are the outputs.

    ``step`` (rows, columns) divides the kernel. The taps of a step, with the channels, are the rows
    of a matrix, each step has its own. With the whole kernel for a step there is one, w[K, O]; with
    the stride there are winograd's nine, whose further channels are the phases of the images.
    """

    o: int
    c: int
    kh: int
    kw: int
    step: tuple[int, int]

    @property
    def taps(self):
        return self.kh * self.kw

    @property
    def count(self):
        """Of the matrices."""
        return self.taps // (self.step[0] * self.step[1])

    @property
    def rows(self):
        return self.step[0] * self.step[1] * self.c

    @property
    def starts(self):
        """Where in w each matrix begins."""
        return [i * self.kw + j for i in range(0, self.kh, self.step[0]) for j in range(0, self.kw, self.step[1])]

    @property
    def places(self):
        """(of each row, of each column): where its numbers lie, counted from there."""
        return grid_offsets(self.step[0], self.kw, self.step[1], 1, self.c, self.taps), grid_offsets(1, 0, 1, 0, self.o, self.c * self.taps)


@functools.lru_cache(_KEPT)
def _of_taps(order):
    """Of each tap: (its matrix, the row of its first channel)."""
    (i, j), (tall, wide) = np.divmod(np.arange(order.taps), order.kw), order.step
    return i // tall * (order.kw // wide) + j // wide, (i % tall * wide + j % wide) * order.c


@functools.lru_cache(_KEPT)
def _of_numbers(order):
    """Of each number of an output, as they lie in w: (its matrix, its row)."""
    matrix, row = _of_taps(order)
    return np.tile(matrix, order.c), (np.arange(order.c)[:, None] + row).reshape(-1)


@njit(**OPTIONS)
def _turn_outputs(w, outputs, rows, matrix, row, result):
    """16 outputs side by side."""
    numbers, blocks = matrix.size, matrix * (rows * packed_width(outputs))
    for first in range(0, outputs, 16):
        start, width = panel_at(first, outputs)
        for k in range(0, numbers, 16):
            transpose(w, first * numbers + k, numbers, numbers - k, result, start * rows + first - start, width, blocks, row, k)


@njit(**OPTIONS)
def _turn_channels(w, outputs, channels, rows, matrix, row, result):
    """16 channels of a tap side by side."""
    taps, size = matrix.size, outputs * packed_width(rows)
    blocks, widths = np.empty(taps, np.int64), np.empty(taps, np.int64)
    for channel in range(0, channels, 16):
        for t in range(taps):
            column = row[t] + channel
            start, widths[t] = panel_at(column, rows)
            blocks[t] = matrix[t] * size + start * outputs + column - start
        for o in range(outputs):
            for t in range(0, taps, 16):
                transpose(w, (o * channels + channel) * taps + t, taps, taps - t, result, 0, o, blocks, widths, t)


@njit(**OPTIONS)
def _turn_back(matrices, outputs, rows, matrix, row, w):
    numbers, blocks = matrix.size, matrix * (rows * outputs)
    for first in range(0, outputs, 16):
        for k in range(0, numbers, 16):
            transpose_back(matrices, first, outputs, blocks, row, k, w, first * numbers + k, numbers, numbers - k)


def _by_outputs(w, order):
    """The matrices, packed, one after the other."""
    flat, (rows, outputs) = w.reshape(-1), order.places
    if order.o % 16:
        return np.concatenate([pack(flat, rows + start, outputs) for start in order.starts])
    result = _room(order.count * order.rows, order.o)
    _turn_outputs(flat, order.o, order.rows, *_of_numbers(order), result)
    return result


def _by_inputs(w, order):
    """The transposes of the matrices, packed, one after the other."""
    flat, (rows, outputs) = w.reshape(-1), order.places
    if order.c % 16:
        return np.concatenate([pack(flat, outputs, rows + start) for start in order.starts])
    result = _room(order.count * order.o, order.rows)
    _turn_channels(flat, order.o, order.c, order.rows, *_of_taps(order), result)
    return result


def _room(rows, columns):
    """For so many rows packed; what fills the last panel up is 0."""
    room = on_large_pages(rows * packed_width(columns))
    if packed_width(columns) != columns:
        room[:] = 0
    return room


def _planes(taps, m):
    planes = on_large_pages(taps.size // 9 * (m + 2) ** 2)
    weight_planes(taps, m, planes)
    return planes


def _from_matrices(matrices, order, w):
    """w's numbers from those of its matrices, not packed."""
    flat = w.reshape(-1)
    if order.o % 16 == 0:
        _turn_back(matrices.reshape(-1), order.o, order.rows, *_of_numbers(order), flat)
        return
    rows, outputs = order.places
    for matrix, start in zip(matrices.reshape(order.count, -1), order.starts):
        scatter(matrix, rows + start, outputs, flat)


def _whole_kernel(shape):
    return Order(*shape, shape[2:])


def _phases(shape, stride):
    """Of a kernel filled up to 3 * stride taps an axis."""
    return Order(*shape[:2], TAPS * stride, TAPS * stride, (stride, stride))


@kept
def for_outputs(w):
    """w[K, O], packed."""
    return _by_outputs(w, _whole_kernel(w.shape))


@kept
def for_inputs(w):
    """The transpose of w[K, O], packed."""
    return _by_inputs(w, _whole_kernel(w.shape))


def unpacked(gradient, shape, out):
    """w's gradient (O,C,kh,kw) from that of w[K, O], in ``out`` if there is one."""
    result = output_buffer(out, shape, np.float32)
    _from_matrices(gradient, _whole_kernel(shape), result)
    return copy_to(out, result)


def _filled_up(w, order):
    """w with zeros after its last taps, where the kernel is smaller than ``order``'s."""
    o, c, kh, kw = w.shape
    if (kh, kw) == (order.kh, order.kw):
        return w
    full = np.zeros(order[:4], w.dtype)
    full[:, :, :kh, :kw] = w
    return full


@kept
def planes_for_outputs(w, stride, m):
    """The planes W[q] of kernels/conv2d/_winograd.py, packed."""
    order = _phases(w.shape, stride)
    return _planes(_by_outputs(_filled_up(w, order), order), m)


@kept
def planes_for_inputs(w, stride, m):
    """The transposes of the planes, packed."""
    order = _phases(w.shape, stride)
    return _planes(_by_inputs(_filled_up(w, order), order), m)


def from_planes(planes, shape, stride, m, out):
    """w's gradient (O,C,kh,kw) from that of its planes [t * t, channels, O], in ``out`` if there is one."""
    order = _phases(shape, stride)
    full = order[:4]
    result = output_buffer(out if shape == full else None, full, np.float32)
    _from_matrices(weight_taps(planes, m), order, result)
    return copy_to(out, result[:, :, : shape[2], : shape[3]] if shape != full else result)
