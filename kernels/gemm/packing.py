"""Packed matrices, and tables of offsets: what :func:`gemm` (macrokernel.py) reads."""
from __future__ import annotations

import numpy as np

from ..runtime.jit import OPTIONS, njit
from ..simd.memory import load_n, store
from .microkernel import WIDEST

_MIDDLE = (WIDEST + 1) // 2


@njit(**OPTIONS)
def panel_width(left):
    """How many columns are computed together when so many are left; the last panel may have some too many."""
    if left > 16 * _MIDDLE:
        return 16 * WIDEST
    return 16 * _MIDDLE if left > 16 else 16


@njit(**OPTIONS)
def packed_width(columns):
    """The columns of all panels together."""
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
    """n * image_step + i * row_step + j * column_step, j fastest."""
    places = np.empty(images * rows * columns, np.int64)
    at = 0
    for n in range(images):
        for i in range(rows):
            start = n * image_step + i * row_step
            for j in range(columns):
                places[at] = start + j * column_step
                at += 1
    return places


@njit(**OPTIONS)
def pack(matrix, rows, columns):
    """The matrix with numbers matrix[rows[k] + columns[j]], a panel of its columns after the other, zeros beyond the last.

    So a product reads it in the order in which it lies.
    """
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
def pack_rows(matrix, rows, columns, room):
    """The same of a matrix whose rows lie one after the other: in ``room``, or the matrix itself if it is one panel."""
    if columns == panel_width(columns):
        return matrix
    j = 0
    while j < columns:
        width = panel_width(columns - j)
        for k in range(rows):
            source, at = k * columns + j, j * rows + k * width
            for i in range(0, width, 16):
                store(room, at + i, load_n(matrix, source + i, columns - j - i))
        j += width
    return room


@njit(**OPTIONS)
def scatter(matrix, rows, columns, result):
    """result[rows[k] + columns[j]] = matrix[k, j]"""
    for k in range(rows.size):
        for j in range(columns.size):
            result[rows[k] + columns[j]] = matrix[k * columns.size + j]
