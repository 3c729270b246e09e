"""Direct convolution in AMX tiles (kernels/gemm/amx_tiles.py); the algorithm is that of _direct.py.

The windows of an image are split into tiles in place, so they are not copied either. A window
consists of runs of 16 numbers; a table holds the offset of each.
"""
from __future__ import annotations

import numpy as np

from .. import simd
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
from ..gemm.amx_tiles import TILE_WORDS, configure_tiles, release_tiles, split_bf16
from ..gemm.operands import Matrix
from ..gemm.packing import grid_offsets, packed_width, panel_width
from ..gemm.workspace import run_with_workspace, workspace_of_part
from ..runtime.jit import OPTIONS, njit
from . import _packed_weights
from ._direct import activation_gradient, pixel_offsets
from ._geometry import crop_image, padded_images
from ._packing_cache import cached_packing, on_large_pages

WINOGRAD_GAIN = 4.5  # Winograd's algorithm is faster from this factor of saved multiplications on
_STEPS = 4  # tiles of depth (32 numbers each) that are split at a time
_ROWS = 400  # output pixels of a group, which share one pass over the weights or their gradient


def applies(conv):
    """Whether windows fill tiles with runs of 16 numbers, and are so many that splitting the weights pays."""
    return conv.kw * conv.c % 16 == conv.taps % 32 == 0 and conv.o >= 16 and conv.n * conv.pixels >= _ROWS


@njit(**OPTIONS)
def _run_offsets(conv):
    """The offset of each run of 16 numbers in a window."""
    return grid_offsets(1, 0, conv.kh, conv.padded_w * conv.c, conv.kw * conv.c // 16, 16)


@njit(**OPTIONS)
def _windows_along(source, pixels, runs, first, steps, tiles):
    """``steps`` tiles of depth of the windows, from tile ``first`` on, as left tiles: the depth runs along a window."""
    for i in range(pixels.size):
        window, to = pixels[i], i // 16 * steps * SPLIT_TILE + i % 16 * 16
        for s in range(steps):
            k = 2 * (first + s)
            split_bf16(True, source, window + runs[k], window + runs[k + 1], 0, 0, tiles, to + s * SPLIT_TILE)


@njit(**OPTIONS)
def _windows_across(source, pixels, runs, first, count, tiles):
    """``count`` runs of the windows, from run ``first`` on, as right tiles: the depth runs from window to window."""
    steps = depth_tiles(pixels.size)
    for s in range(steps):
        for line in range(16):
            i, tile = 32 * s + line, s * SPLIT_TILE + 16 * line
            a, b = pixels[min(i, pixels.size - 1)], pixels[min(i + 16, pixels.size - 1)]
            for j in range(count):
                near, far, to = a + runs[first + j], b + runs[first + j], tile + j * steps * SPLIT_TILE
                if i + 16 < pixels.size:
                    split_bf16(True, source, near, far, 0, 0, tiles, to)
                else:
                    split_bf16(False, source, near, far, 16 if i < pixels.size else 0, 0, tiles, to)


@njit(**OPTIONS)
def _forward_part(part, parts, conv, x, weights, bias, activation, y, workspace):
    configure_tiles()
    own, end = workspace_of_part(workspace, part, parts), (part + 1) * conv.n // parts
    columns, depth = tile_count(conv.o), conv.taps // 32
    padded = np.zeros(conv.group * conv.padded_size if conv.is_padded else 0, x.dtype)
    pixels, runs = pixel_offsets(conv), _run_offsets(conv)
    for start in range(part * conv.n // parts, end, conv.group):
        images = min(conv.group, end - start)
        source, rows = padded_images(x, start, images, conv, padded), images * conv.pixels
        tiles = tile_count(rows)
        left, sums = own[: tiles * _STEPS * SPLIT_TILE], own[tiles * _STEPS * SPLIT_TILE :]
        for step in range(0, depth, _STEPS):
            steps = min(_STEPS, depth - step)
            _windows_along(source, pixels[:rows], runs, step, steps, left)
            for j in range(0, columns, PANEL_TILES):
                right = Matrix(weights, (j * depth + step) * SPLIT_TILE, depth * SPLIT_TILE)
                panel = Matrix(sums, j * tiles * TILE_WORDS, PANEL_STRIDE)
                count, windows = min(PANEL_TILES, columns - j), Matrix(left, 0, steps * SPLIT_TILE)
                multiply_panel(windows, tiles, right, count, steps, panel, step > 0)
        epilogue(sums, tiles, rows, conv.o, bias, activation, Matrix(y, start * conv.pixels * conv.o, conv.o))
    release_tiles()


@njit(**OPTIONS)
def _col2im(sums, rows, pixels, runs, first, count, target):
    """Add a panel of windows, ``count`` tiles of columns from number ``first`` on, where the windows lie."""
    for j in range(count):
        for i in range(rows):
            at, source = pixels[i] + runs[first + j], (i // 16 * PANEL_TILES + j) * TILE_WORDS + i % 16 * 16
            simd.store(target, at, simd.load(target, at) + simd.load(sums, source))


@njit(**OPTIONS)
def _input_part(part, parts, conv, g, y, activation, weights, x, workspace):
    configure_tiles()
    own, end = workspace_of_part(workspace, part, parts), (part + 1) * conv.n // parts
    depth, panels, image = depth_tiles(conv.o), conv.taps // 16, conv.padded_size
    pixels, runs, size = pixel_offsets(conv), _run_offsets(conv), conv.pixels * conv.o
    padded = np.empty(conv.group * image if conv.is_padded else 0, g.dtype)
    buffer = np.empty(conv.group * size if y.size else 0, g.dtype)
    for start in range(part * conv.n // parts, end, conv.group):
        images = min(conv.group, end - start)
        rows, gradient = images * conv.pixels, g[start * size : (start + images) * size]
        if y.size:
            gradient = activation_gradient(gradient, y[start * size : (start + images) * size], activation, buffer)
        tiles = tile_count(rows)
        left, sums = own[: tiles * depth * SPLIT_TILE], own[tiles * depth * SPLIT_TILE :]
        pack_along(Matrix(gradient, 0, conv.o), rows, conv.o, False, left)
        target = padded[: images * image] if conv.is_padded else x[start * image : (start + images) * image]
        target[:] = 0
        for j in range(0, panels, PANEL_TILES):
            count, stride = min(PANEL_TILES, panels - j), depth * SPLIT_TILE
            right, panel = Matrix(weights, j * stride, stride), Matrix(sums, 0, PANEL_STRIDE)
            multiply_panel(Matrix(left, 0, stride), tiles, right, count, depth, panel, False)
            _col2im(sums, rows, pixels, runs, j, count, target)
        if conv.is_padded:
            for n in range(images):
                crop_image(target[n * image : (n + 1) * image], start + n, conv, x)
    release_tiles()


@njit(**OPTIONS)
def _weight_part(part, parts, conv, x, g, gradient, workspace):
    """A part sums some of the runs over all images, so the result does not depend on the number of parts."""
    configure_tiles()
    own, rows_of_tiles = workspace_of_part(workspace, part, parts), tile_count(conv.o)
    begin, end = part * (conv.taps // 16) // parts, (part + 1) * (conv.taps // 16) // parts
    padded = np.zeros(conv.group * conv.padded_size if conv.is_padded else 0, x.dtype)
    pixels, runs = pixel_offsets(conv), _run_offsets(conv)
    size = rows_of_tiles * depth_tiles(conv.group * conv.pixels) * SPLIT_TILE
    left, rest = own[:size], own[size:]
    right, sums = rest[: PANEL_TILES * _STEPS * SPLIT_TILE], rest[PANEL_TILES * _STEPS * SPLIT_TILE :]
    for start in range(0, conv.n, conv.group):
        images = min(conv.group, conv.n - start)
        source, rows = padded_images(x, start, images, conv, padded), images * conv.pixels
        depth = depth_tiles(rows)
        pack_across(Matrix(g, start * conv.pixels * conv.o, conv.o), rows, conv.o, True, left)
        for j in range(begin, end, PANEL_TILES):
            count, at = min(PANEL_TILES, end - j), (j - begin) * rows_of_tiles * TILE_WORDS
            for step in range(0, depth, _STEPS):
                steps = min(_STEPS, depth - step)
                _windows_across(source, pixels[32 * step : min(32 * (step + steps), rows)], runs, j, count, right)
                gradients = Matrix(left, step * SPLIT_TILE, depth * SPLIT_TILE)
                windows, panel = Matrix(right, 0, steps * SPLIT_TILE), Matrix(sums, at, PANEL_STRIDE)
                multiply_panel(gradients, rows_of_tiles, windows, count, steps, panel, start + step > 0)
    epilogue_transposed(sums, rows_of_tiles, conv.o, 16 * (end - begin), Matrix(gradient, 16 * begin * conv.o, conv.o))
    release_tiles()


@njit(**OPTIONS)
def _split_packed(matrix, rows, columns, tiles):
    j = 0
    while j < columns:
        width = panel_width(columns - j)
        panel, at = Matrix(matrix, j * rows, width), j // 16 * depth_tiles(rows) * SPLIT_TILE
        pack_across(panel, rows, width, False, tiles[at:])
        j += width


def _right_tiles(matrix, rows, columns):
    """The tiles of a packed matrix (kernels/gemm/packing.py)."""
    tiles = on_large_pages(packed_width(columns) // 16 * -(-rows // 32) * SPLIT_TILE)
    _split_packed(matrix, rows, columns, tiles)
    return tiles


@cached_packing
def _for_outputs(w):
    return _right_tiles(_packed_weights.for_outputs.__wrapped__(w), w[0].size, len(w))


@cached_packing
def _for_inputs(w):
    return _right_tiles(_packed_weights.for_inputs.__wrapped__(w), len(w), w[0].size)


def forward(conv, x, w, bias, activation, y):
    """As _direct.forward."""
    conv = conv.grouped(conv.padded_size, _ROWS)
    size = -(-conv.group * conv.pixels // 16) * (_STEPS * SPLIT_TILE + (-(-conv.o // 16) + 1) * TILE_WORDS)
    run_with_workspace(_forward_part, conv.n, conv.work, size, conv, x, _for_outputs(w), bias, activation, y)


def input_gradient(conv, g, y, activation, w, x):
    """As _direct.input_gradient."""
    conv = conv.grouped(conv.padded_size, _ROWS)
    size = -(-conv.group * conv.pixels // 16) * (-(-conv.o // 32) * SPLIT_TILE + PANEL_TILES * TILE_WORDS)
    run_with_workspace(_input_part, conv.n, conv.work, size, conv, g, y, activation, _for_inputs(w), x)


def weight_gradient(conv, x, g, out):
    """As _direct.weight_gradient."""
    gradient = conv.sums(conv.taps * conv.o)
    conv, runs = conv.grouped(conv.padded_size, _ROWS), conv.taps // 16
    rows, depth = -(-conv.o // 16), -(-conv.group * conv.pixels // 32)
    size = (rows * depth + PANEL_TILES * _STEPS) * SPLIT_TILE + rows * (runs + PANEL_TILES) * TILE_WORDS
    run_with_workspace(_weight_part, runs // PANEL_TILES, conv.work, size, conv, x, g, gradient)
    return _packed_weights.unpacked(gradient, conv.kernel, out)
