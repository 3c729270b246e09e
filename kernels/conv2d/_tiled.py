"""Direct convolution in the processor's matrix tiles (kernels/gemm/amx_tiles.py), as _direct.py does it in vectors.

The windows of an image are split into tiles where they lie, so they are not copied out either. What
lies one after the other in a window are pieces of 16 numbers; a table tells where each begins.
"""
from __future__ import annotations

import numpy as np

from .. import simd
from ..gemm.amx_gemm import PANEL_STRIDE, PANEL_TILES, SPLIT_TILE, depth_tiles, epilogue, epilogue_transposed, multiply_panel, pack_across, pack_along, tile_count
from ..gemm.amx_tiles import TILE_WORDS, configure_tiles, release_tiles, split_bf16
from ..gemm.operands import Matrix
from ..gemm.packing import grid_offsets, packed_width, panel_width
from ..gemm.workspace import run_with_workspace, workspace_of_part
from ..runtime.jit import OPTIONS, njit
from . import _direct, _weights
from ._direct import _pixels, _sloped, images_in_frames, unframe

WORTH = 4.5  # how many times fewer multiplications make winograd the faster one
_STEPS = 4  # of 32 numbers of depth, split at a time
_ROWS, _SUMMED = 400, 400  # of output: for one pass over the weights; for one over the weights' gradient


def fits(s):
    """Whether windows are made of pieces of 16 numbers and whole tiles, and are so many that splitting the weights pays."""
    return s.kw * s.c % 16 == 0 and s.kh * s.kw * s.c % 32 == 0 and s.o >= 16 and s.count * s.ho * s.wo >= _ROWS


def _taps(s):
    """Where the pieces of a window begin."""
    return grid_offsets(1, 0, s.kh, s.wide * s.c, s.kw * s.c // 16, 16)


@njit(**OPTIONS)
def _windows_along(source, pixels, taps, step, steps, tiles):
    """Windows as left tiles, the depth running along them: ``steps`` steps after the first ``step``."""
    for i in range(pixels.size):
        place, to = pixels[i], i // 16 * steps * SPLIT_TILE + i % 16 * 16
        for s in range(steps):
            k = 2 * (step + s)
            split_bf16(True, source, place + taps[k], place + taps[k + 1], 0, 0, tiles, to + s * SPLIT_TILE)


@njit(**OPTIONS)
def _windows_across(source, pixels, taps, first, count, tiles):
    """16 * count numbers of the windows from the tile ``first`` on as right tiles, the depth running from window to window."""
    steps = depth_tiles(pixels.size)
    for s in range(steps):
        for line in range(16):
            i, to = 32 * s + line, s * SPLIT_TILE + 16 * line
            a, b = pixels[min(i, pixels.size - 1)], pixels[min(i + 16, pixels.size - 1)]
            for j in range(count):
                near, far, place = a + taps[first + j], b + taps[first + j], to + j * steps * SPLIT_TILE
                if i + 16 < pixels.size:
                    split_bf16(True, source, near, far, 0, 0, tiles, place)
                else:
                    split_bf16(False, source, near, far, 16 if i < pixels.size else 0, 0, tiles, place)


@njit(**OPTIONS)
def _forward_part(part, parts, s, group, framed, taps, x, weights, bias, activation, y, rooms):
    configure_tiles()
    mine, end, wide, steps = workspace_of_part(rooms, part, parts), (part + 1) * s.count // parts, tile_count(s.o), s.kh * s.kw * s.c // 32
    tile = np.zeros(group * s.tall * s.wide * s.c if framed else 0, x.dtype)
    pixels = _pixels(group, s)
    for start in range(part * s.count // parts, end, group):
        images = min(group, end - start)
        source, rows = images_in_frames(x, start, images, s, tile), images * s.ho * s.wo
        tall = tile_count(rows)
        left, sums = mine[: tall * _STEPS * SPLIT_TILE], mine[tall * _STEPS * SPLIT_TILE :]
        for step in range(0, steps, _STEPS):
            deep = min(_STEPS, steps - step)
            _windows_along(source, pixels[:rows], taps, step, deep, left)
            for j in range(0, wide, PANEL_TILES):
                at = (j * steps + step) * SPLIT_TILE
                right, panel = Matrix(weights, at, steps * SPLIT_TILE), Matrix(sums, j * tall * TILE_WORDS, PANEL_STRIDE)
                multiply_panel(Matrix(left, 0, deep * SPLIT_TILE), tall, right, min(PANEL_TILES, wide - j), deep, panel, step > 0)
        epilogue(sums, tall, rows, s.o, bias, activation, Matrix(y, start * s.ho * s.wo * s.o, s.o))
    release_tiles()


@njit(**OPTIONS)
def _add_panel(sums, rows, pixels, taps, first, count, target):
    """Add the numbers of a panel, tiles ``first`` and after, where the windows lie."""
    for j in range(count):
        for i in range(rows):
            at = pixels[i] + taps[first + j]
            simd.store(target, at, simd.load(target, at) + simd.load(sums, (i // 16 * PANEL_TILES + j) * TILE_WORDS + i % 16 * 16))


@njit(**OPTIONS)
def _input_part(part, parts, s, group, framed, taps, g, y, code, weights, x, rooms):
    configure_tiles()
    mine, end, deep, depth = workspace_of_part(rooms, part, parts), (part + 1) * s.count // parts, depth_tiles(s.o), s.kh * s.kw * s.c
    pixels, size, image = _pixels(group, s), s.ho * s.wo * s.o, s.tall * s.wide * s.c
    tile = np.empty(group * image if framed else 0, g.dtype)
    sloped = np.empty(group * size if y.size else 0, g.dtype)
    for start in range(part * s.count // parts, end, group):
        images = min(group, end - start)
        rows, gradient = images * s.ho * s.wo, g[start * size : (start + images) * size]
        if y.size:
            gradient = _sloped(gradient, y[start * size : (start + images) * size], code, sloped)
        tall = tile_count(rows)
        left, sums = mine[: tall * deep * SPLIT_TILE], mine[tall * deep * SPLIT_TILE :]
        pack_along(Matrix(gradient, 0, s.o), rows, s.o, False, left)
        target = tile[: images * image] if framed else x[start * image : (start + images) * image]
        target[:] = 0
        for j in range(0, depth // 16, PANEL_TILES):
            count = min(PANEL_TILES, depth // 16 - j)
            right = Matrix(weights, j * deep * SPLIT_TILE, deep * SPLIT_TILE)
            multiply_panel(Matrix(left, 0, deep * SPLIT_TILE), tall, right, count, deep, Matrix(sums, 0, PANEL_STRIDE), False)
            _add_panel(sums, rows, pixels, taps, j, count, target)
        if framed:
            for n in range(images):
                unframe(target[n * image : (n + 1) * image], start + n, s, x)
    release_tiles()


@njit(**OPTIONS)
def _weight_part(part, parts, s, group, framed, taps, x, g, gradient, rooms):
    """Each part does some of the taps, over all images: so the sums are the same for any number of parts."""
    configure_tiles()
    mine, tall, tiles = workspace_of_part(rooms, part, parts), tile_count(s.o), s.kh * s.kw * s.c // 16
    begin, end = part * tiles // parts, (part + 1) * tiles // parts
    tile = np.zeros(group * s.tall * s.wide * s.c if framed else 0, x.dtype)
    pixels, size = _pixels(group, s), s.ho * s.wo
    most = depth_tiles(group * size)
    left, rest = mine[: tall * most * SPLIT_TILE], mine[tall * most * SPLIT_TILE :]
    right, sums = rest[: PANEL_TILES * _STEPS * SPLIT_TILE], rest[PANEL_TILES * _STEPS * SPLIT_TILE :]
    for start in range(0, s.count, group):
        images = min(group, s.count - start)
        source, rows = images_in_frames(x, start, images, s, tile), images * size
        steps = depth_tiles(rows)
        pack_across(Matrix(g, start * size * s.o, s.o), rows, s.o, True, left)
        for j in range(begin, end, PANEL_TILES):
            count, at = min(PANEL_TILES, end - j), (j - begin) * tall * TILE_WORDS
            for step in range(0, steps, _STEPS):
                deep = min(_STEPS, steps - step)
                _windows_across(source, pixels[32 * step : min(32 * (step + deep), rows)], taps, j, count, right)
                of_step, panel = Matrix(left, step * SPLIT_TILE, steps * SPLIT_TILE), Matrix(sums, at, PANEL_STRIDE)
                multiply_panel(of_step, tall, Matrix(right, 0, deep * SPLIT_TILE), count, deep, panel, start + step > 0)
    epilogue_transposed(sums, tall, s.o, 16 * (end - begin), Matrix(gradient, 16 * begin * s.o, s.o))
    release_tiles()


@njit(**OPTIONS)
def _split_packed(matrix, rows, columns, tiles):
    j = 0
    while j < columns:
        width = panel_width(columns - j)
        pack_across(Matrix(matrix, j * rows, width), rows, width, False, tiles[j // 16 * depth_tiles(rows) * SPLIT_TILE :])
        j += width


def _right_tiles(matrix, rows, columns):
    """Of a packed matrix (kernels/gemm/packing.py)."""
    tiles = _weights.on_large_pages(packed_width(columns) // 16 * -(-rows // 32) * SPLIT_TILE)
    _split_packed(matrix, rows, columns, tiles)
    return tiles


@_weights.kept
def _for_outputs(w):
    return _right_tiles(_weights.for_outputs.__wrapped__(w), w[0].size, len(w))


@_weights.kept
def _for_inputs(w):
    return _right_tiles(_weights.for_inputs.__wrapped__(w), len(w), w[0].size)


def forward(s, x, w, bias, activation, y):
    """As _direct.forward."""
    if not fits(s):
        return _direct.forward(s, x, w, bias, activation, y)
    group = s.group(s.tall * s.wide * s.c, _ROWS)
    tall = -(-group * s.ho * s.wo // 16)
    size = tall * (_STEPS * SPLIT_TILE + (-(-s.o // 16) + 1) * TILE_WORDS)
    run_with_workspace(_forward_part, s.count, s.work, size, s, group, s.framed, _taps(s), x, _for_outputs(w), bias, activation, y)


def input_gradient(s, g, y, code, w, x):
    """As _direct.input_gradient."""
    if not fits(s):
        return _direct.input_gradient(s, g, y, code, w, x)
    group = s.group(s.tall * s.wide * s.c, _ROWS)
    tall = -(-group * s.ho * s.wo // 16)
    size = tall * (-(-s.o // 32) * SPLIT_TILE + PANEL_TILES * TILE_WORDS)
    run_with_workspace(_input_part, s.count, s.work, size, s, group, s.framed, _taps(s), g, y, code, _for_inputs(w), x)


def weight_gradient(s, x, g, gradient):
    """As _direct.weight_gradient."""
    if not fits(s):
        return _direct.weight_gradient(s, x, g, gradient)
    group, tiles = s.group(s.tall * s.wide * s.c, _SUMMED), s.kh * s.kw * s.c // 16
    tall, most = -(-s.o // 16), -(-group * s.ho * s.wo // 32)
    size = (tall * most + PANEL_TILES * _STEPS) * SPLIT_TILE + tall * (tiles + PANEL_TILES) * TILE_WORDS
    run_with_workspace(_weight_part, tiles // PANEL_TILES, s.work, size, s, group, s.framed, _taps(s), x, g, gradient)
