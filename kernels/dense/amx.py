"""float32 in AMX tiles (kernels/gemm/amx_tiles.py). Small or strided matrices go to the Numba kernels."""
from __future__ import annotations

import numpy as np

from ..gemm.amx_gemm import (
    PANEL_STRIDE,
    PANEL_TILES,
    SPLIT_TILE,
    depth_tiles,
    epilogue,
    epilogue_transposed,
    multiply_panel,
    pack_across,
    pack_along,
    tile_count,
)
from ..gemm.amx_tiles import TILE_WORDS, configure_tiles, release_tiles, why_unavailable
from ..gemm.operands import Matrix
from ..gemm.workspace import run_with_workspace, workspace_of_part
from ..runtime.jit import OPTIONS, njit
from ..runtime.tracing import contiguous, copy_to, execute, flattened
from ..simd.activation import LINEAR
from . import numba_cpu
from .numba_cpu import CODES, PIXEL_WORK, takes, tanh_of, y_buffer

if reason := why_unavailable():
    raise ImportError(reason)

_STEPS = 2  # of 32 of the depth, split at a time
_ROWS = 256  # of the left matrix: these fit the second-level cache, with their sums
_MIN_WORK = 1_000_000  # multiplications that make up for the cost of a call


@njit(**OPTIONS)
def _part(part, parts, rows, columns, depth, a, a_across, b, b_along, bias, activation, transposed, y, workspace):
    """Some rows of y = activation(a b + bias), or of its transpose.

    a : [rows, depth], or if ``a_across`` [depth, rows]
    b : [depth, columns], or if ``b_along`` [columns, depth]
    """
    configure_tiles()
    own, end = workspace_of_part(workspace, part, parts), (part + 1) * rows // parts
    wide, steps = tile_count(columns), depth_tiles(depth)
    for first in range(part * rows // parts, end, _ROWS):
        count = min(_ROWS, end - first)
        tall = tile_count(count)
        left, rest = own[: tall * _STEPS * SPLIT_TILE], own[tall * _STEPS * SPLIT_TILE :]
        right, sums = rest[: PANEL_TILES * _STEPS * SPLIT_TILE], rest[PANEL_TILES * _STEPS * SPLIT_TILE :]
        for step in range(0, steps, _STEPS):
            some_steps, some_depth, k = min(_STEPS, steps - step), min(32 * _STEPS, depth - 32 * step), 32 * step
            stride = some_steps * SPLIT_TILE
            if a_across:
                pack_across(Matrix(a, first + k * rows, rows), some_depth, count, True, left)
            else:
                pack_along(Matrix(a, first * depth + k, depth), count, some_depth, False, left)
            for j in range(0, wide, PANEL_TILES):
                some = min(16 * PANEL_TILES, columns - 16 * j)
                if b_along:
                    pack_along(Matrix(b, 16 * j * depth + k, depth), some, some_depth, True, right)
                else:
                    pack_across(Matrix(b, k * columns + 16 * j, columns), some_depth, some, False, right)
                panel = Matrix(sums, j * tall * TILE_WORDS, PANEL_STRIDE)
                tiles = Matrix(right, 0, stride)
                multiply_panel(Matrix(left, 0, stride), tall, tiles, tile_count(some), some_steps, panel, step > 0)
        if transposed:
            epilogue_transposed(sums, tall, count, columns, Matrix(y, first, rows))
        else:
            epilogue(sums, tall, count, columns, bias, activation, Matrix(y, first * columns, columns))
    release_tiles()


def _compute(rows, columns, depth, *rest):
    """The call that runs :func:`_part`."""
    tall, wide = -(-min(rows, _ROWS) // 16), -(-columns // 16)
    size = (tall + PANEL_TILES) * _STEPS * SPLIT_TILE + tall * (wide + 1) * TILE_WORDS
    return run_with_workspace, (_part, rows, rows * columns * depth // PIXEL_WORK, size, rows, columns, depth, *rest)


def _fits(n, k, o, *arrays):
    return n * k * o >= _MIN_WORK and min(n, k, o) >= 16 and takes(*arrays)


_NO_BIAS = np.empty(0, np.float32)


def forward(x, W, b, activation="linear", out=None):
    (n, k), o = x.shape, W.shape[1]
    if not _fits(n, k, o, x, W, b):
        return numba_cpu.forward(x, W, b, activation, out)
    y = y_buffer(out, n, o)
    operands = flattened(x), False, flattened(W), False, contiguous(b), CODES[activation], False, y.reshape(-1)
    execute(_compute(n, o, k, *operands), *tanh_of(y, activation))
    return copy_to(out, y)


def input_gradient(g, W, out=None):
    (n, o), k = g.shape, W.shape[0]
    if not _fits(n, k, o, g, W):
        return numba_cpu.input_gradient(g, W, out)
    x = y_buffer(out, n, k)
    execute(_compute(k, n, o, flattened(W), False, flattened(g), True, _NO_BIAS, LINEAR, True, x.reshape(-1)))
    return copy_to(out, x)


def weight_gradient(g, x, out=None):
    (n, o), k = g.shape, x.shape[1]
    if not _fits(n, k, o, g, x):
        return numba_cpu.weight_gradient(g, x, out)
    gradient = y_buffer(out, k, o)
    x, g, y = flattened(x), flattened(g), gradient.reshape(-1)
    if o * (6 * n + 4 * k) < k * 6 * n:  # fewer shuffles to transpose g and the result than x
        execute(_compute(o, k, n, g, True, x, False, _NO_BIAS, LINEAR, True, y))
    else:
        execute(_compute(k, o, n, x, True, g, False, _NO_BIAS, LINEAR, False, y))
    return copy_to(out, gradient)
