"""Weights as the kernels read them: one packed matrix for the direct convolution, t * t for Winograd's."""
from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from ..gemm.packing import grid_offsets, pack, packed_width, panel_at, scatter
from ..runtime.jit import OPTIONS, njit
from ..runtime.tracing import copy_to, output_buffer
from ..simd.transpose import transpose, transpose_back
from ._packing_cache import cached_packing, on_large_pages
from ._winograd_patches import weights_from_matrices, weights_to_matrices
from ._winograd_transforms import TAPS


class Layout(NamedTuple):
    """How the elements of w (O,C,kh,kw) form matrices whose columns are the output channels.

    The kernel is divided into blocks of (block_h, block_w) taps, one matrix each; its rows are the taps
    of the block with their channels. The direct convolution has one block, w[K, O]; Winograd's nine
    are as large as the stride: their further rows are the phases.
    """

    o: int
    c: int
    kh: int
    kw: int
    block_h: int
    block_w: int

    @property
    def taps(self):
        return self.kh * self.kw

    @property
    def rows(self):
        return self.block_h * self.block_w * self.c

    @property
    def starts(self):
        """The offset in w of each matrix."""
        return [i * self.kw + j for i in range(0, self.kh, self.block_h) for j in range(0, self.kw, self.block_w)]

    @property
    def offsets(self):
        """(of each row, of each column), from the matrix's offset on."""
        rows = grid_offsets(self.block_h, self.kw, self.block_w, 1, self.c, self.taps)
        return rows, grid_offsets(1, 0, 1, 0, self.o, self.c * self.taps)


@functools.lru_cache(32)
def _of_taps(layout):
    """For each tap: (number of its matrix, row of its first channel)."""
    (i, j), (block_h, block_w) = np.divmod(np.arange(layout.taps), layout.kw), layout[4:]
    return i // block_h * (layout.kw // block_w) + j // block_w, (i % block_h * block_w + j % block_w) * layout.c


@functools.lru_cache(32)
def _of_elements(layout):
    """For each element of an output channel, in w's order: (number of its matrix, its row)."""
    matrix, row = _of_taps(layout)
    return np.tile(matrix, layout.c), (np.arange(layout.c)[:, None] + row).reshape(-1)


@njit(**OPTIONS)
def _transpose_outputs(w, outputs, rows, matrix, row, result):
    """Pack with 16 output channels side by side."""
    elements, blocks = matrix.size, matrix * (rows * packed_width(outputs))
    for first in range(0, outputs, 16):
        start, width = panel_at(first, outputs)
        at = start * rows + first - start
        for k in range(0, elements, 16):
            transpose(w, first * elements + k, elements, elements - k, result, at, width, blocks, row, k)


@njit(**OPTIONS)
def _transpose_channels(w, outputs, channels, rows, matrix, row, result):
    """Pack with 16 channels of a tap side by side."""
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
def _transpose_back(matrices, outputs, rows, matrix, row, w):
    elements, blocks = matrix.size, matrix * (rows * outputs)
    for first in range(0, outputs, 16):
        for k in range(0, elements, 16):
            at = first * elements + k
            transpose_back(matrices, first, outputs, blocks, row, k, w, at, elements, elements - k)


def _pack_by_outputs(w, layout):
    """The matrices, packed, one after the other."""
    flat, (rows, outputs) = w.reshape(-1), layout.offsets
    if layout.o % 16:
        return np.concatenate([pack(flat, rows + start, outputs) for start in layout.starts])
    result = _empty_packed(len(layout.starts) * layout.rows, layout.o)
    _transpose_outputs(flat, layout.o, layout.rows, *_of_elements(layout), result)
    return result


def _pack_by_inputs(w, layout):
    """The transposes of the matrices, packed, one after the other."""
    flat, (rows, outputs) = w.reshape(-1), layout.offsets
    if layout.c % 16:
        return np.concatenate([pack(flat, outputs, rows + start) for start in layout.starts])
    result = _empty_packed(len(layout.starts) * layout.o, layout.rows)
    _transpose_channels(flat, layout.o, layout.c, layout.rows, *_of_taps(layout), result)
    return result


def _empty_packed(rows, columns):
    """Memory for packed rows; zero where the last panel has more columns."""
    memory = on_large_pages(rows * packed_width(columns))
    if packed_width(columns) != columns:
        memory[:] = 0
    return memory


def _to_winograd(taps, m):
    matrices = on_large_pages(taps.size // 9 * (m + 2) ** 2)
    weights_to_matrices(taps, m, matrices)
    return matrices


def _unpack(matrices, layout, w):
    """Write the elements of the matrices, which are not packed, to w."""
    flat = w.reshape(-1)
    if layout.o % 16 == 0:
        _transpose_back(matrices.reshape(-1), layout.o, layout.rows, *_of_elements(layout), flat)
        return
    rows, outputs = layout.offsets
    for matrix, start in zip(matrices.reshape(len(layout.starts), -1), layout.starts):
        scatter(matrix, rows + start, outputs, flat)


def _whole_kernel(shape):
    return Layout(*shape, *shape[2:])


def _phases(shape, stride):
    """The layout of a kernel filled up to 3 * stride taps per axis; each block has the phases of one tap."""
    return Layout(*shape[:2], TAPS * stride, TAPS * stride, stride, stride)


@cached_packing
def for_outputs(w):
    """w[K, O], packed."""
    return _pack_by_outputs(w, _whole_kernel(w.shape))


@cached_packing
def for_inputs(w):
    """The transpose of w[K, O], packed."""
    return _pack_by_inputs(w, _whole_kernel(w.shape))


def unpacked(gradient, shape, out):
    """The gradient of w (O,C,kh,kw) from that of w[K, O]; in ``out`` if given."""
    result = output_buffer(out, shape, np.float32)
    _unpack(gradient, _whole_kernel(shape), result)
    return copy_to(out, result)


def _filled_up(w, layout):
    """w, with zeros after its last taps where its kernel is smaller than the layout's."""
    if w.shape == layout[:4]:
        return w
    full = np.zeros(layout[:4], w.dtype)
    full[:, :, : w.shape[2], : w.shape[3]] = w
    return full


@cached_packing
def winograd_for_outputs(w, stride, m):
    """The matrices W[q] of _winograd.py, packed."""
    layout = _phases(w.shape, stride)
    return _to_winograd(_pack_by_outputs(_filled_up(w, layout), layout), m)


@cached_packing
def winograd_for_inputs(w, stride, m):
    """The transposes of W[q], packed."""
    layout = _phases(w.shape, stride)
    return _to_winograd(_pack_by_inputs(_filled_up(w, layout), layout), m)


def from_winograd(matrices, shape, stride, m, out):
    """The gradient of w (O,C,kh,kw) from that of its matrices [t * t, depth, O]; in ``out`` if given."""
    layout = _phases(shape, stride)
    full = layout[:4]
    result = output_buffer(out if shape == full else None, full, np.float32)
    _unpack(weights_from_matrices(matrices, m), layout, result)
    return copy_to(out, result[:, :, : shape[2], : shape[3]] if shape != full else result)
