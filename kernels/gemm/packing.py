"""Whole matrix products out of the register tiles of product.py, and what they need: tables of places, packed matrices."""
from __future__ import annotations

import numpy as np
from ..runtime.jit import njit

from ..simd.memory import load_some, store
from .microkernel import HEIGHT, NARROW, WIDE, multiply

_OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
_WIDE_ROWS, _MIDDLE_ROWS, _NARROW_ROWS = HEIGHT[WIDE], HEIGHT[(WIDE + 1) // 2], HEIGHT[NARROW]
_MIDDLE = (WIDE + 1) // 2


@njit(**_OPTIONS)
def panel(left):
    """How many columns are computed together when so many are left; the last panel may have some too many."""
    if left > 16 * _MIDDLE:
        return 16 * WIDE
    return 16 * _MIDDLE if left > 16 else 16


@njit(**_OPTIONS)
def whole(columns):
    """The columns of all panels together."""
    at = 0
    while at < columns:
        at += panel(columns - at)
    return at


@njit(**_OPTIONS)
def panel_of(column, columns):
    """(first column, width) of the panel that holds one of so many columns."""
    at = 0
    while at + panel(columns - at) <= column:
        at += panel(columns - at)
    return at, panel(columns - at)


@njit(**_OPTIONS)
def grid(images, image_step, rows, row_step, columns, column_step):
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


@njit(**_OPTIONS)
def packed(matrix, rows, columns):
    """The matrix with numbers matrix[rows[k] + columns[j]], a panel of its columns after the other, zeros beyond the last.

    So a product reads it in the order in which it lies.
    """
    result = np.zeros(rows.size * whole(columns.size), matrix.dtype)
    j = 0
    while j < columns.size:
        width = panel(columns.size - j)
        for k in range(rows.size):
            at = j * rows.size + k * width
            for i in range(min(width, columns.size - j)):
                result[at + i] = matrix[rows[k] + columns[j + i]]
        j += width
    return result


@njit(**_OPTIONS)
def pack_rows(matrix, rows, columns, room):
    """The same of a matrix whose rows lie one after the other: in ``room``, or the matrix itself if it is one panel."""
    if columns == panel(columns):
        return matrix
    j = 0
    while j < columns:
        width = panel(columns - j)
        for k in range(rows):
            source, at = k * columns + j, j * rows + k * width
            for i in range(0, width, 16):
                store(room, at + i, load_some(matrix, source + i, columns - j - i))
        j += width
    return room


@njit(**_OPTIONS)
def scatter(matrix, rows, columns, result):
    """result[rows[k] + columns[j]] = matrix[k, j]"""
    for k in range(rows.size):
        for j in range(columns.size):
            result[rows[k] + columns[j]] = matrix[k * columns.size + j]


@njit(**_OPTIONS)
def product(a, rows, count, steps, b, c, c_pitch, columns, bias, add, activation):
    """c[i, j] (+)= sum over k of a[rows[i] + steps[k]] * b[k, j], for ``count`` rows and ``columns`` columns.

    b is packed. What lies behind it in memory is fetched into the cache, as the next that will be wanted.
    bias : one number for each column, or empty
    """
    j = 0
    while j < columns:
        left = columns - j
        width = panel(left)
        b_at = j * steps.size
        after = b_at + steps.size * width
        if width == 16 * WIDE:
            for i in range(0, count, _WIDE_ROWS):
                turn = i // _WIDE_ROWS
                soon, pace = (after + 16 * steps.size * turn, 16) if turn < WIDE else (after, 0)
                multiply(WIDE, a, rows, i, count, steps, b, b_at, b, soon, pace, c, j, c_pitch, left, bias, j, add, activation)
        elif width == 16 * _MIDDLE:
            for i in range(0, count, _MIDDLE_ROWS):
                multiply(_MIDDLE, a, rows, i, count, steps, b, b_at, b, after, 16, c, j, c_pitch, left, bias, j, add, activation)
        else:
            for i in range(0, count, _NARROW_ROWS):
                multiply(NARROW, a, rows, i, count, steps, b, b_at, b, after, 16, c, j, c_pitch, left, bias, j, add, activation)
        j += width
