"""Products of float32 matrices in AMX tiles, shared by dense layers and convolutions.

left [rows, depth] times right [depth, columns]. Some steps of 32 of the depth at a time are split into tiles: all
rows of the left matrix, and of the right one a panel of 32 columns after the other, which stays in the first-level
cache while the sums, 32 x 32 at a time, are computed. Incomplete sums wait in memory. A matrix is read where it
lies: the depth runs along its rows, or across them.
"""
from __future__ import annotations

import numpy as np

from ..runtime.jit import OPTIONS, njit
from ..simd import activate, load, load_n, store, store_n, zeros
from ..simd.transpose import transpose
from .amx_tiles import BF16_TERMS, TILE_WORDS, multiply_tiles, split_bf16, transpose_tile

SPLIT_TILE = BF16_TERMS * TILE_WORDS  # words of a tile of the left or right matrix
PANEL_TILES = 2  # tiles of columns in a panel
PANEL_STRIDE = PANEL_TILES * TILE_WORDS  # words between two rows of tiles of a panel of sums


@njit(**OPTIONS)
def tile_count(n):
    """How many tiles hold n rows or columns."""
    return (n + 15) // 16


@njit(**OPTIONS)
def depth_tiles(depth):
    """How many tiles hold such a depth."""
    return (depth + 31) // 32


@njit(**OPTIONS)
def pack_along(source, count, depth, transposed, tiles):
    """Rows of ``source`` (Matrix), along which the depth runs, as left tiles; ``transposed``, as right tiles."""
    steps = depth_tiles(depth)
    for i in range(tile_count(count)):
        for line in range(min(16, count - 16 * i)):
            at = source.offset + (16 * i + line) * source.stride
            to = i * steps * SPLIT_TILE + 16 * line
            for s in range(depth // 32):
                near = at + 32 * s
                split_bf16(True, source.array, near, near + 16, 0, 0, tiles, to + s * SPLIT_TILE)
            if depth % 32:
                s = depth // 32
                near, left = at + 32 * s, depth - 32 * s
                split_bf16(False, source.array, near, near + 16, left, left - 16, tiles, to + s * SPLIT_TILE)
        if transposed:
            for s in range(steps):
                transpose_tile(tiles, (i * steps + s) * SPLIT_TILE)


@njit(**OPTIONS)
def pack_across(source, depth, count, transposed, tiles):
    """Columns of ``source`` (Matrix), down which the depth runs, as right tiles; ``transposed``, as left tiles."""
    steps = depth_tiles(depth)
    for s in range(steps):
        for line in range(16):
            at, to = source.offset + (32 * s + line) * source.stride, s * SPLIT_TILE + 16 * line
            further, left = 16 * source.stride, depth - 32 * s - line
            full = count // 16 if left > 16 else 0
            for j in range(full):
                near = at + 16 * j
                split_bf16(True, source.array, near, near + further, 0, 0, tiles, to + j * steps * SPLIT_TILE)
            for j in range(full, tile_count(count)):
                near, n = at + 16 * j, count - 16 * j
                split_bf16(False, source.array, near, near + further, n if left > 0 else 0, n if left > 16 else 0,
                           tiles, to + j * steps * SPLIT_TILE)
    if transposed:
        for tile in range(tile_count(count) * steps):
            transpose_tile(tiles, tile * SPLIT_TILE)


@njit(**OPTIONS)
def multiply_panel(left, rows, right, columns, steps, sums, accumulate):
    """A panel of sums (+)= left times right: ``rows`` x ``columns`` (at most PANEL_TILES) tiles, ``steps`` deep.

    left, right, sums : Matrix of tiles, see multiply_tiles(); the stride of the sums is PANEL_STRIDE
    """
    for i in range(0, rows, 2):
        if rows - i > 1 and columns > 1:
            multiply_tiles(2, 2, left, i, right, steps, sums, accumulate)
        elif rows - i > 1:
            multiply_tiles(2, 1, left, i, right, steps, sums, accumulate)
        elif columns > 1:
            multiply_tiles(1, 2, left, i, right, steps, sums, accumulate)
        else:
            multiply_tiles(1, 1, left, i, right, steps, sums, accumulate)


@njit(**OPTIONS)
def epilogue(sums, tall, rows, columns, bias, activation, y):
    """y[i, j] = activation(sums[i, j] + bias[j]), a row after the other.

    sums : panels of ``tall`` tiles in a column, one after the other
    bias : one element per column, or empty
    y : Matrix
    """
    for i in range(rows):
        row, out = (i // 16 * PANEL_TILES * 16 + i % 16) * 16, y.offset + i * y.stride
        for j in range(0, columns, 16):
            at = row + (j // (16 * PANEL_TILES) * tall * PANEL_TILES + j // 16 % PANEL_TILES) * TILE_WORDS
            if columns - j >= 16:
                start = load(bias, j) if bias.size else zeros(sums)
                store(y.array, out + j, activate(load(sums, at) + start, activation))
            else:
                start = load_n(bias, j, columns - j) if bias.size else zeros(sums)
                store_n(y.array, out + j, activate(load(sums, at) + start, activation), columns - j)


@njit(**OPTIONS)
def epilogue_transposed(sums, tall, rows, columns, y):
    """y[j, i] = sums[i, j]; see epilogue()."""
    zero, consecutive = np.zeros(16, np.int64), np.arange(16)
    for j in range(0, columns, 16):
        column = (j // (16 * PANEL_TILES) * tall * PANEL_TILES + j // 16 % PANEL_TILES) * TILE_WORDS
        for i in range(0, rows, 16):
            at, out = column + i // 16 * PANEL_STRIDE, y.offset + j * y.stride + i
            if rows - i >= 16:
                transpose(sums, at, 16, columns - j, y.array, out, y.stride, zero, consecutive, 0)
            else:
                for r in range(rows - i):
                    for k in range(min(16, columns - j)):
                        y.array[out + k * y.stride + r] = sums[at + 16 * r + k]
