"""The loops around the microkernel (BLIS: the macrokernel): a whole matrix product with a packed right matrix."""
from __future__ import annotations

from ..runtime.jit import OPTIONS, njit
from .microkernel import MR, NARROWEST, WIDEST, microkernel
from .operands import Prefetch
from .packing import panel_width

_MIDDLE = (WIDEST + 1) // 2
_WIDE_ROWS, _MIDDLE_ROWS, _NARROW_ROWS = MR[WIDEST], MR[_MIDDLE], MR[NARROWEST]


@njit(**OPTIONS)
def gemm(left, right, out):
    """The product of ``left`` (Left) and ``right`` (packed, packing.py) into ``out`` (Output).

    What follows a panel of ``right`` in memory, as a rule the next panel, is fetched into the cache meanwhile.
    """
    depth, j = left.depths.size, 0
    while j < out.columns:
        width = panel_width(out.columns - j)
        at = j * depth
        after = at + depth * width
        if width == 16 * WIDEST:
            for i in range(0, left.height, _WIDE_ROWS):
                block = i // _WIDE_ROWS
                offset, step = (after + 16 * depth * block, 16) if block < WIDEST else (after, 0)
                microkernel(WIDEST, left, i, right, at, out, j, Prefetch(right, offset, step))
        elif width == 16 * _MIDDLE:
            for i in range(0, left.height, _MIDDLE_ROWS):
                microkernel(_MIDDLE, left, i, right, at, out, j, Prefetch(right, after, 16))
        else:
            for i in range(0, left.height, _NARROW_ROWS):
                microkernel(NARROWEST, left, i, right, at, out, j, Prefetch(right, after, 16))
        j += width
