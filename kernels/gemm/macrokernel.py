"""The loops around the microkernel (BLIS: the macrokernel): a whole matrix product from a packed right matrix."""
from __future__ import annotations

from ..runtime.jit import OPTIONS, njit
from .microkernel import MR, NARROWEST, WIDEST, microkernel
from .packing import panel_width

_MIDDLE = (WIDEST + 1) // 2
_WIDE_ROWS, _MIDDLE_ROWS, _NARROW_ROWS = MR[WIDEST], MR[_MIDDLE], MR[NARROWEST]


@njit(**OPTIONS)
def gemm(a, rows, count, steps, b, c, c_pitch, columns, bias, add, activation):
    """c[i, j] (+)= sum over k of a[rows[i] + steps[k]] * b[k, j], for ``count`` rows and ``columns`` columns.

    b is packed. What lies behind it in memory is fetched into the cache, as the next that will be wanted.
    bias : one number for each column, or empty
    """
    j = 0
    while j < columns:
        left = columns - j
        width = panel_width(left)
        b_at = j * steps.size
        after = b_at + steps.size * width
        if width == 16 * WIDEST:
            for i in range(0, count, _WIDE_ROWS):
                turn = i // _WIDE_ROWS
                soon, pace = (after + 16 * steps.size * turn, 16) if turn < WIDEST else (after, 0)
                microkernel(WIDEST, a, rows, i, count, steps, b, b_at, b, soon, pace, c, j, c_pitch, left, bias, j, add, activation)
        elif width == 16 * _MIDDLE:
            for i in range(0, count, _MIDDLE_ROWS):
                microkernel(_MIDDLE, a, rows, i, count, steps, b, b_at, b, after, 16, c, j, c_pitch, left, bias, j, add, activation)
        else:
            for i in range(0, count, _NARROW_ROWS):
                microkernel(NARROWEST, a, rows, i, count, steps, b, b_at, b, after, 16, c, j, c_pitch, left, bias, j, add, activation)
        j += width
