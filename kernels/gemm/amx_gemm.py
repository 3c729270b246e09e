"""Products of float32 matrices in the processor's matrix tiles: what dense layers and convolutions share.

left [rows, depth] times right [depth, columns]. Some steps of depth at a time are split into tiles:
all rows of the left matrix, and of the right one a panel of 32 columns after the other, which so
stays in the first-level cache while the tiles of sums, 32 x 32, are computed. Sums that are not
complete wait in memory. A matrix is read where it lies: the depth runs along its lines, or across them.
"""
from __future__ import annotations

import numpy as np

from ..runtime.jit import OPTIONS, njit
from ..simd import activate, load, load_n, store, store_n, zeros
from ..simd.transpose import transpose
from .amx_tiles import BF16_TERMS, TILE_WORDS, multiply_tiles, split_bf16, transpose_tile

SPLIT_TILE = BF16_TERMS * TILE_WORDS  # of one of the two matrices
PANEL_TILES = 2  # tiles of columns


@njit(**OPTIONS)
def tile_count(numbers):
    """How many tiles hold so many rows or columns."""
    return (numbers + 15) // 16


@njit(**OPTIONS)
def depth_tiles(depth):
    """How many tiles hold so many numbers of depth."""
    return (depth + 31) // 32


@njit(**OPTIONS)
def pack_along(source, at, pitch, count, depth, turned, tiles):
    """``count`` lines, ``pitch`` apart, as left tiles, the depth running along them; ``turned``, as right tiles."""
    steps = depth_tiles(depth)
    for i in range(tile_count(count)):
        for line in range(min(16, count - 16 * i)):
            place, to = at + (16 * i + line) * pitch, i * steps * SPLIT_TILE + 16 * line
            for s in range(depth // 32):
                split_bf16(True, source, place + 32 * s, place + 32 * s + 16, 0, 0, tiles, to + s * SPLIT_TILE)
            if depth % 32:
                s = depth // 32
                split_bf16(False, source, place + 32 * s, place + 32 * s + 16, depth - 32 * s, depth - 32 * s - 16, tiles, to + s * SPLIT_TILE)
        if turned:
            for s in range(steps):
                transpose_tile(tiles, (i * steps + s) * SPLIT_TILE)


@njit(**OPTIONS)
def pack_across(source, at, pitch, depth, count, turned, tiles):
    """``count`` columns of lines, ``pitch`` apart, as right tiles, the depth running from line to line; ``turned``, as left tiles."""
    steps = depth_tiles(depth)
    for s in range(steps):
        for line in range(16):
            place, to, further = at + (32 * s + line) * pitch, s * SPLIT_TILE + 16 * line, 16 * pitch
            room, whole = depth - 32 * s - line, count // 16 if depth - 32 * s - line > 16 else 0
            for j in range(whole):
                split_bf16(True, source, place + 16 * j, place + 16 * j + further, 0, 0, tiles, to + j * steps * SPLIT_TILE)
            for j in range(whole, tile_count(count)):
                there = count - 16 * j
                split_bf16(False, source, place + 16 * j, place + 16 * j + further, there if room > 0 else 0, there if room > 16 else 0, tiles, to + j * steps * SPLIT_TILE)
    if turned:
        for tile in range(tile_count(count) * steps):
            transpose_tile(tiles, tile * SPLIT_TILE)


@njit(**OPTIONS)
def multiply_panel(left, left_at, left_pitch, rows, right, right_at, right_pitch, columns, steps, sums, at, add):
    """The sums of a panel, (+)= left times right: a row of PANEL tiles after the other; rows and columns counted in tiles."""
    pitch = PANEL_TILES * TILE_WORDS
    for i in range(0, rows, 2):
        l, c = left_at + i * left_pitch, at + i * pitch
        if rows - i > 1 and columns > 1:
            multiply_tiles(2, 2, left, l, left_pitch, right, right_at, right_pitch, steps, sums, c, pitch, add)
        elif rows - i > 1:
            multiply_tiles(2, 1, left, l, left_pitch, right, right_at, right_pitch, steps, sums, c, pitch, add)
        elif columns > 1:
            multiply_tiles(1, 2, left, l, left_pitch, right, right_at, right_pitch, steps, sums, c, pitch, add)
        else:
            multiply_tiles(1, 1, left, l, left_pitch, right, right_at, right_pitch, steps, sums, c, pitch, add)


@njit(**OPTIONS)
def epilogue(sums, tall, rows, columns, bias, activation, y, at, pitch):
    """y[at + i * pitch + j] = activation(sums[i, j] + bias[j]), a row after the other; ``tall`` tiles to a column."""
    for i in range(rows):
        place = (i // 16 * PANEL_TILES * 16 + i % 16) * 16
        for j in range(0, columns, 16):
            here = place + (j // (16 * PANEL_TILES) * tall * PANEL_TILES + j // 16 % PANEL_TILES) * TILE_WORDS
            if columns - j >= 16:
                start = load(bias, j) if bias.size else zeros(sums)
                store(y, at + i * pitch + j, activate(load(sums, here) + start, activation))
            else:
                start = load_n(bias, j, columns - j) if bias.size else zeros(sums)
                store_n(y, at + i * pitch + j, activate(load(sums, here) + start, activation), columns - j)


@njit(**OPTIONS)
def epilogue_transposed(sums, tall, rows, columns, y, at, pitch):
    """y[at + j * pitch + i] = sums[i, j]"""
    nothing, places = np.zeros(16, np.int64), np.arange(16)
    for j in range(0, columns, 16):
        column = (j // (16 * PANEL_TILES) * tall * PANEL_TILES + j // 16 % PANEL_TILES) * TILE_WORDS
        for i in range(0, rows, 16):
            here = column + i // 16 * PANEL_TILES * TILE_WORDS
            if rows - i >= 16:
                transpose(sums, here, 16, columns - j, y, at + j * pitch + i, pitch, nothing, places, 0)
            else:
                for r in range(rows - i):
                    for k in range(min(16, columns - j)):
                        y[at + (j + k) * pitch + i + r] = sums[here + 16 * r + k]
