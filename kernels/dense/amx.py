"""float32 in the processor's matrix tiles (kernels/_lanes/tiles.py). What is small, or lies otherwise, goes to the Numba kernels."""
from __future__ import annotations

import numpy as np
from numba import njit

from .._bilinear import OPTIONS
from .._entrance import carry_out, put
from .._lanes.tiles import WORDS, close_tiles, open_tiles, why_not
from .._tile_product import PANEL, TILE, across, along, finish, finish_turned, panel, rest_of, steps_of, tiles_of, with_room
from . import numba_cpu
from .numba_cpu import _A_PIXEL, _CODES, _result, tanh_of

if reason := why_not():
    raise ImportError(reason)

_BLOCK, _STEPS = 4, 2  # steps of depth (32 numbers) of which the left and the right matrix are split at a time
_ROWS = 256  # of the left matrix: so many fit the second-level cache, with their sums
_LEAST = 1_000_000  # multiplications, for fewer a call costs more than it saves


@njit(**OPTIONS)
def _lines_along(rows, pitch, steps, lines):
    """What rest_of() needs to split so many rows, ``pitch`` apart, and whole steps as along() does."""
    k = 0
    for i in range(rows):
        for s in range(steps):
            lines[k], lines[k + 1] = i * pitch + 32 * s, (i // 16 * steps + s) * TILE + i % 16 * 16
            k += 2


@njit(**OPTIONS)
def _lines_across(columns, pitch, steps, lines):
    """The same of whole tiles of columns, as across() does."""
    k = 0
    for j in range(columns):
        for s in range(steps):
            for line in range(16):
                lines[k], lines[k + 1] = (32 * s + line) * pitch + 16 * j, (j * steps + s) * TILE + 16 * line
                k += 2


@njit(**OPTIONS)
def _forward_part(part, parts, rows, columns, depth, l, r, bias, activation, y, rooms):
    """Some rows of y = activation(l r + bias)."""
    open_tiles()
    size, end = rooms.size // parts // WORDS * WORDS, (part + 1) * rows // parts
    mine, wide, steps = rooms[part * size : (part + 1) * size], tiles_of(columns), steps_of(depth)
    half_left, half_right = tiles_of(min(rows, _ROWS)) * _BLOCK * TILE, PANEL * _STEPS * TILE
    left, right, sums = mine[: 2 * half_left], mine[2 * half_left :][: 2 * half_right], mine[2 * (half_left + half_right) :]
    left_lines, right_lines = np.empty(2 * _ROWS * _BLOCK, np.int64), np.empty(2 * 16 * PANEL * _STEPS, np.int64)
    _lines_across(PANEL, columns, _STEPS, right_lines)
    for first in range(part * rows // parts, end, _ROWS):
        count = min(_ROWS, end - first)
        tall, side, l_at = tiles_of(count), 0, 0
        _lines_along(count, depth, _BLOCK, left_lines)
        along(l, first * depth, depth, count, min(32 * _BLOCK, depth), False, left)
        across(r, 0, columns, min(32 * _STEPS, depth), min(16 * PANEL, columns), False, right)
        for block in range(0, steps, _BLOCK):
            long, after = min(_BLOCK, steps - block), block + _BLOCK
            left_total = _BLOCK * count if 32 * (after + _BLOCK) <= depth else 0
            left_work = l, left_lines, first * depth + 32 * after, first * depth + 32 * after + 16, left, half_left - l_at
            left_done = 0
            for step in range(block, block + long, _STEPS):
                deep = min(_STEPS, block + long - step)
                for j in range(0, wide, PANEL):
                    next_step, next_j = (step, j + PANEL) if j + PANEL < wide else (step + _STEPS, 0)
                    whole = 32 * (next_step + _STEPS) <= depth and 16 * (next_j + PANEL) <= columns and next_step % _BLOCK + _STEPS <= _BLOCK
                    total, near = 16 * PANEL * _STEPS if whole else 0, 32 * next_step * columns + 16 * next_j
                    work = r, right_lines, near, near + 16 * columns, right, half_right - side
                    some, middle = tiles_of(min(16 * PANEL, columns - 16 * j)), (tall + 3) // 4 * 2
                    at, a, b = j * tall * WORDS, l_at + (step - block) * TILE, deep * TILE
                    done = panel(left, a, long * TILE, 0, middle, right, side, b, some, deep, sums, at, step > 0, work, 0, total)
                    left_done = panel(left, a, long * TILE, middle, tall, right, side, b, some, deep, sums, at, step > 0, left_work, left_done, left_total)
                    rest_of(work, done, total)
                    side = half_right - side
                    if not whole and next_step < steps:
                        there = min(32 * min(_STEPS, block + long - next_step if next_step < block + long else _BLOCK), depth - 32 * next_step)
                        across(r, near, columns, there, min(16 * PANEL, columns - 16 * next_j), False, right[side:])
            rest_of(left_work, left_done, left_total)
            l_at = half_left - l_at
            if not left_total and after < steps:
                along(l, first * depth + 32 * after, depth, count, depth - 32 * after, False, left[l_at:])
        finish(sums, tall, count, columns, bias, activation, y, first * columns, columns)
    close_tiles()


@njit(**OPTIONS)
def _part(part, parts, rows, columns, depth, l, l_across, r, r_along, bias, activation, turned, y, rooms):
    """Some rows of y = activation(l r + bias), or of its transpose.

    l : the left matrix [rows, depth], or if ``l_across`` [depth, rows]
    r : the right matrix [depth, columns], or if ``r_along`` [columns, depth]
    """
    open_tiles()
    none = np.empty(0, np.int64)
    size, end = rooms.size // parts // WORDS * WORDS, (part + 1) * rows // parts
    mine, wide, steps = rooms[part * size : (part + 1) * size], tiles_of(columns), steps_of(depth)
    for first in range(part * rows // parts, end, _ROWS):
        count = min(_ROWS, end - first)
        tall = tiles_of(count)
        left, rest = mine[: tall * _BLOCK * TILE], mine[tall * _BLOCK * TILE :]
        right, sums = rest[: PANEL * _STEPS * TILE], rest[PANEL * _STEPS * TILE :]
        for block in range(0, steps, _BLOCK):
            long = min(_BLOCK, steps - block)
            there = min(32 * long, depth - 32 * block)
            if l_across:
                across(l, first + 32 * block * rows, rows, there, count, True, left)
            else:
                along(l, first * depth + 32 * block, depth, count, there, False, left)
            for step in range(block, block + long, _STEPS):
                deep = min(_STEPS, block + long - step)
                there = min(32 * deep, depth - 32 * step)
                for j in range(0, wide, PANEL):
                    at, some = j * tall * WORDS, min(16 * PANEL, columns - 16 * j)
                    if r_along:
                        along(r, 16 * j * depth + 32 * step, depth, some, there, True, right)
                    else:
                        across(r, 32 * step * columns + 16 * j, columns, there, some, False, right)
                    panel(left, (step - block) * TILE, long * TILE, 0, tall, right, 0, deep * TILE, tiles_of(some), deep, sums, at, step > 0, (l, none, 0, 0, left, 0), 0, 0)
        if turned:
            finish_turned(sums, tall, count, columns, y, first, rows)
        else:
            finish(sums, tall, count, columns, bias, activation, y, first * columns, columns)
    close_tiles()


def _compute(rows, columns, depth, *matrices):
    tall, wide = -(-min(rows, _ROWS) // 16), -(-columns // 16)
    size = (tall * _BLOCK + PANEL * _STEPS) * TILE + tall * (wide + 1) * WORDS
    carry_out((with_room, (_part, rows, rows * columns * depth // _A_PIXEL, size, rows, columns, depth, *matrices)))


def _fits(n, k, o, *arrays):
    return n * k * o >= _LEAST and min(n, k, o) >= 16 and all(a.dtype == np.float32 and a.flags.carray for a in arrays)


_NOTHING = np.empty(0, np.float32)


def forward(x, W, b, activation="linear", out=None):
    (n, k), o = x.shape, W.shape[1]
    if not _fits(n, k, o, x, W, b):
        return numba_cpu.forward(x, W, b, activation, out)
    y = _result(out, n, o)
    tall, wide = -(-min(n, _ROWS) // 16), -(-o // 16)
    size = 2 * (tall * _BLOCK + PANEL * _STEPS) * TILE + tall * (wide + 1) * WORDS
    arguments = n, o, k, x.reshape(-1), W.reshape(-1), b, _CODES[activation], y.reshape(-1)
    carry_out((with_room, (_forward_part, n, n * k * o // _A_PIXEL, size, *arguments)), *tanh_of(y, activation))
    return put(out, y)


def input_gradient(g, W, out=None):
    (n, o), k = g.shape, W.shape[0]
    if not _fits(n, k, o, g, W):
        return numba_cpu.input_gradient(g, W, out)
    x = _result(out, n, k)
    _compute(k, n, o, W.reshape(-1), False, g.reshape(-1), True, _NOTHING, 0, True, x.reshape(-1))
    return put(out, x)


def weight_gradient(g, x, out=None):
    (n, o), k = g.shape, x.shape[1]
    if not _fits(n, k, o, g, x):
        return numba_cpu.weight_gradient(g, x, out)
    gradient = _result(out, k, o)
    x, g, y = x.reshape(-1), g.reshape(-1), gradient.reshape(-1)
    if o * (6 * n + 4 * k) < k * 6 * n:  # shuffles to turn g's tiles and those of the result, or x's
        _compute(o, k, n, g, True, x, False, _NOTHING, 0, True, y)
    else:
        _compute(k, o, n, x, True, g, False, _NOTHING, 0, False, y)
    return put(out, gradient)
