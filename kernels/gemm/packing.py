"""Packing: the right matrix of a product as panels of columns, in the order in which the microkernel reads it.

A panel holds the rows of at most 16 * WIDEST columns one after the other, filled up with zeros to whole vectors.
"""
from __future__ import annotations

import numpy as np

from ..runtime.jit import OPTIONS, njit
from ..simd.memory import load_n, store
from .microkernel import WIDEST

_MIDDLE = (WIDEST + 1) // 2


@njit(**OPTIONS)
def panel_width(columns):
    """The width of the next panel if so many columns are left; more than these in the last panel."""
    if columns > 16 * _MIDDLE:
        return 16 * WIDEST
    return 16 * _MIDDLE if columns > 16 else 16


@njit(**OPTIONS)
def packed_width(columns):
    """The width of all panels together."""
    at = 0
    while at < columns:
        at += panel_width(columns - at)
    return at


@njit(**OPTIONS)
def panel_at(column, columns):
    """(first column, width) of the panel that holds one of so many columns."""
    at = 0
    while at + panel_width(columns - at) <= column:
        at += panel_width(columns - at)
    return at, panel_width(columns - at)


@njit(**OPTIONS)
def grid_offsets(images, image_step, rows, row_step, columns, column_step):
    """n * image_step + i * row_step + j * column_step of a grid, j fastest."""
    offsets = np.empty(images * rows * columns, np.int64)
    at = 0
    for n in range(images):
        for i in range(rows):
            start = n * image_step + i * row_step
            for j in range(columns):
                offsets[at] = start + j * column_step
                at += 1
    return offsets


@njit(**OPTIONS)
def pack(matrix, rows, columns):
    """The matrix with elements matrix[rows[k] + columns[j]], packed."""
    result = np.zeros(rows.size * packed_width(columns.size), matrix.dtype)
    j = 0
    while j < columns.size:
        width = panel_width(columns.size - j)
        for k in range(rows.size):
            at = j * rows.size + k * width
            for i in range(min(width, columns.size - j)):
                result[at + i] = matrix[rows[k] + columns[j + i]]
        j += width
    return result


@njit(**OPTIONS)
def pack_rows(matrix, rows, columns, workspace):
    """A contiguous matrix, packed into the workspace; or the matrix itself if it is one panel."""
    if columns == panel_width(columns):
        return matrix
    j = 0
    while j < columns:
        width = panel_width(columns - j)
        for k in range(rows):
            source, at = k * columns + j, j * rows + k * width
            for i in range(0, width, 16):
                store(workspace, at + i, load_n(matrix, source + i, columns - j - i))
        j += width
    return workspace


@njit(**OPTIONS)
def scatter(matrix, rows, columns, result):
    """result[rows[k] + columns[j]] = matrix[k, j]"""
    for k in range(rows.size):
        for j in range(columns.size):
            result[rows[k] + columns[j]] = matrix[k * columns.size + j]
