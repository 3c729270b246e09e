"""Products of float32 matrices in the processor's matrix tiles: what dense layers and convolutions share.

left [rows, depth] times right [depth, columns]. Some steps of depth at a time are split into tiles:
all rows of the left matrix, and of the right one a panel of 32 columns after the other, which so
stays in the first-level cache while the tiles of sums, 32 x 32, are computed. Sums that are not
complete wait in memory. A matrix is read where it lies: the depth runs along its lines, or across them.
"""
from __future__ import annotations

import threading

import numpy as np
from ..runtime.jit import OPTIONS, njit

from ..simd import activated, load, load_some, store, store_some, zeros
from .amx_tiles import PARTS, WORDS, multiply_tiles, split, turn_tile
from ..simd.transpose import turn
from ..runtime.threads import in_parts, parts_of

TILE = PARTS * WORDS  # of one of the two matrices
PANEL = 2  # tiles of columns
_LINE = 16  # numbers of a line of memory


class _Room(threading.local):
    numbers = np.empty(0, np.float32)


_mine = _Room()


def with_room(part, count, work, size, *arguments):
    """in_threads(part, count, work, *arguments, room), with room for ``size`` numbers for each part, one after the other."""
    parts = parts_of(count, work)
    if _mine.numbers.size < size * parts:  # kept for this thread's next call: fresh memory would have to be cleared by the system
        memory = np.empty(size * parts + _LINE, np.float32)
        _mine.numbers = memory[-(memory.ctypes.data // memory.itemsize) % _LINE :][: size * parts]
    in_parts(part, parts, *arguments, _mine.numbers)


@njit(**OPTIONS)
def share(rooms, part, parts):
    """What of the room is this part's, from a line of memory on."""
    size = rooms.size // parts // WORDS * WORDS
    return rooms[part * size : (part + 1) * size]


@njit(**OPTIONS)
def tiles_of(numbers):
    """How many tiles hold so many rows or columns."""
    return (numbers + 15) // 16


@njit(**OPTIONS)
def steps_of(depth):
    """How many tiles hold so many numbers of depth."""
    return (depth + 31) // 32


@njit(**OPTIONS)
def along(source, at, pitch, count, depth, turned, tiles):
    """``count`` lines, ``pitch`` apart, as left tiles, the depth running along them; ``turned``, as right tiles."""
    steps = steps_of(depth)
    for i in range(tiles_of(count)):
        for line in range(min(16, count - 16 * i)):
            place, to = at + (16 * i + line) * pitch, i * steps * TILE + 16 * line
            for s in range(depth // 32):
                split(True, source, place + 32 * s, place + 32 * s + 16, 0, 0, tiles, to + s * TILE)
            if depth % 32:
                s = depth // 32
                split(False, source, place + 32 * s, place + 32 * s + 16, depth - 32 * s, depth - 32 * s - 16, tiles, to + s * TILE)
        if turned:
            for s in range(steps):
                turn_tile(tiles, (i * steps + s) * TILE)


@njit(**OPTIONS)
def across(source, at, pitch, depth, count, turned, tiles):
    """``count`` columns of lines, ``pitch`` apart, as right tiles, the depth running from line to line; ``turned``, as left tiles."""
    steps = steps_of(depth)
    for s in range(steps):
        for line in range(16):
            place, to, further = at + (32 * s + line) * pitch, s * TILE + 16 * line, 16 * pitch
            room, whole = depth - 32 * s - line, count // 16 if depth - 32 * s - line > 16 else 0
            for j in range(whole):
                split(True, source, place + 16 * j, place + 16 * j + further, 0, 0, tiles, to + j * steps * TILE)
            for j in range(whole, tiles_of(count)):
                there = count - 16 * j
                split(False, source, place + 16 * j, place + 16 * j + further, there if room > 0 else 0, there if room > 16 else 0, tiles, to + j * steps * TILE)
    if turned:
        for tile in range(tiles_of(count) * steps):
            turn_tile(tiles, tile * TILE)


@njit(**OPTIONS)
def panel(left, left_at, left_pitch, rows, right, right_at, right_pitch, columns, steps, sums, at, add):
    """The sums of a panel, (+)= left times right: a row of PANEL tiles after the other; rows and columns counted in tiles."""
    pitch = PANEL * WORDS
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
def finish(sums, tall, rows, columns, bias, activation, y, at, pitch):
    """y[at + i * pitch + j] = activation(sums[i, j] + bias[j]), a row after the other; ``tall`` tiles to a column."""
    for i in range(rows):
        place = (i // 16 * PANEL * 16 + i % 16) * 16
        for j in range(0, columns, 16):
            here = place + (j // (16 * PANEL) * tall * PANEL + j // 16 % PANEL) * WORDS
            if columns - j >= 16:
                start = load(bias, j) if bias.size else zeros(sums)
                store(y, at + i * pitch + j, activated(load(sums, here) + start, activation))
            else:
                start = load_some(bias, j, columns - j) if bias.size else zeros(sums)
                store_some(y, at + i * pitch + j, activated(load(sums, here) + start, activation), columns - j)


@njit(**OPTIONS)
def finish_turned(sums, tall, rows, columns, y, at, pitch):
    """y[at + j * pitch + i] = sums[i, j]"""
    nothing, places = np.zeros(16, np.int64), np.arange(16)
    for j in range(0, columns, 16):
        column = (j // (16 * PANEL) * tall * PANEL + j // 16 % PANEL) * WORDS
        for i in range(0, rows, 16):
            here = column + i // 16 * PANEL * WORDS
            if rows - i >= 16:
                turn(sums, here, 16, columns - j, y, at + j * pitch + i, pitch, nothing, places, 0)
            else:
                for r in range(rows - i):
                    for k in range(min(16, columns - j)):
                        y[at + (j + k) * pitch + i + r] = sums[here + 16 * r + k]
