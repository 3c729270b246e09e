"""Between images and the matrices of Winograd's algorithm (_winograd.py): sixteen channels at a time."""
from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from .. import simd
from ..gemm.packing import panel_width
from ..runtime.jit import INLINE, OPTIONS, njit
from ._winograd_transforms import POINTS, TAPS, Elements, transform


class Patches(NamedTuple):
    """Patches of m x m outputs, rows x columns of them in an image; the input channels of each of the phases."""

    m: int
    rows: int
    columns: int
    phases: int
    channels: int  # of a phase, in one run of memory: stride * C
    per_image: int  # rows * columns
    matrices: int  # t * t, t = m + 2
    depth: int  # phases * channels

    @property
    def multiplications(self):
        """The multiplications for one image and one pair of channels."""
        return self.matrices * self.per_image


@functools.lru_cache(128)
def patches_of(conv):
    """(the convolution with images padded to whole patches, the Patches), for the m with the fewest multiplications."""
    choices = []
    for m in POINTS:
        rows, columns, channels = -(-conv.ho // m), -(-conv.wo // m), conv.stride * conv.c
        matrices = (m + TAPS - 1) ** 2
        depth = conv.stride * channels
        choices.append(Patches(m, rows, columns, conv.stride, channels, rows * columns, matrices, depth))
    best = min(choices, key=lambda patches: patches.multiplications)
    padded = (conv.stride * (best.m * count + TAPS - 1) for count in (best.rows, best.columns))
    return conv.padded_to(*padded), best


@njit(**INLINE)
def _patch_offset(conv, patches, i, j):
    """The offset of the inputs of patch (i, j) in a padded image."""
    return (conv.stride * patches.m * i * conv.padded_w + conv.stride * patches.m * j) * conv.c


@njit(**INLINE)
def _matrices_at(start, patches, stride):
    """Element (i, j) of a transformed patch lies in matrix i * t + j; the matrices are ``stride`` numbers apart."""
    return Elements(start, (patches.m + 2) * stride, stride)


@njit(**INLINE)
def _inputs_at(start, conv):
    """Element (i, j) of a patch of inputs: a phase has every stride-th row and column."""
    return Elements(start, conv.stride * conv.padded_w * conv.c, conv.stride * conv.c)


@njit(**OPTIONS)
def inputs_to_matrices(source, images, conv, patches, first, last, matrices, stride):
    """X = BT x B: channels first to last of the patches of ``images`` padded images, as rows of the matrices."""
    columns, patch = last - first, 0
    for n in range(images):
        for i in range(patches.rows):
            for j in range(patches.columns):
                at = n * conv.padded_size + _patch_offset(conv, patches, i, j)
                for channel in range(first, last, 16):
                    phase, rest = channel // patches.channels, channel % patches.channels
                    inputs = _inputs_at(at + phase * conv.padded_w * conv.c + rest, conv)
                    target = _matrices_at(patch * columns + channel - first, patches, stride)
                    transform("BT", patches.m, source, inputs, matrices, target, False)
                patch += 1


@njit(**OPTIONS)
def inputs_from_matrices(matrices, stride, conv, patches, n, image, add):
    """x (+)= B X BT for image n of the group: its padded image, or that added to ``image``."""
    patch = n * patches.per_image
    for i in range(patches.rows):
        for j in range(patches.columns):
            at = _patch_offset(conv, patches, i, j)
            for phase in range(patches.phases):
                for rest in range(0, patches.channels, 16):
                    start = patch * patches.depth + phase * patches.channels + rest
                    source = _matrices_at(start, patches, stride)
                    inputs = _inputs_at(at + phase * conv.padded_w * conv.c + rest, conv)
                    if add:
                        transform("B", patches.m, matrices, source, image, inputs, True)
                    else:
                        transform("B", patches.m, matrices, source, image, inputs, False)
            patch += 1


@njit(**OPTIONS)
def outputs_to_matrices(g, first, images, conv, patches, matrices, stride, packed):
    """Y = A g AT, g being 0 beyond the edge; each matrix packed if it is to be the right one of a product."""
    m = patches.m
    buffer = np.zeros(16 * m * m, g.dtype)
    patch, rows_of_matrix = 0, images * patches.per_image
    for n in range(first, first + images):
        for i in range(0, conv.ho, m):
            for j in range(0, conv.wo, m):
                rows, columns = min(m, conv.ho - i), min(m, conv.wo - j)
                at = ((n * conv.ho + i) * conv.wo + j) * conv.o
                if rows < m or columns < m:
                    buffer[:] = 0
                panel, width = 0, panel_width(conv.o) if packed else conv.o
                for channel in range(0, conv.o, 16):
                    if channel == panel + width:
                        panel, width = channel, panel_width(conv.o - channel)
                    target = _matrices_at(panel * rows_of_matrix + patch * width + channel - panel, patches, stride)
                    if rows == m and columns == m:
                        transform("A", m, g, Elements(at + channel, conv.wo * conv.o, conv.o), matrices, target, False)
                    else:
                        for a in range(rows):
                            for b in range(columns):
                                value = simd.load(g, at + (a * conv.wo + b) * conv.o + channel)
                                simd.store(buffer, 16 * (a * m + b), value)
                        transform("A", m, buffer, Elements(0, 16 * m, 16), matrices, target, False)
                patch += 1


@njit(**OPTIONS)
def outputs_from_matrices(matrices, stride, first, images, conv, patches, bias, activation, y):
    """y = activation(AT Y A + bias), the outputs within the edge."""
    m = patches.m
    buffer = np.empty(16 * m * m, y.dtype)
    patch = 0
    for n in range(first, first + images):
        for i in range(0, conv.ho, m):
            for j in range(0, conv.wo, m):
                at = ((n * conv.ho + i) * conv.wo + j) * conv.o
                for channel in range(0, conv.o, 16):
                    source = _matrices_at(patch * conv.o + channel, patches, stride)
                    transform("AT", m, matrices, source, buffer, Elements(0, 16 * m, 16), False)
                    start = simd.load(bias, channel) if bias.size else simd.zeros(bias)
                    for a in range(min(m, conv.ho - i)):
                        for b in range(min(m, conv.wo - j)):
                            value = simd.activate(simd.load(buffer, 16 * (a * m + b)) + start, activation)
                            simd.store(y, at + (a * conv.wo + b) * conv.o + channel, value)
                patch += 1


@njit(**OPTIONS)
def weights_to_matrices(taps, m, matrices):
    """G w GT of nine taps; taps and matrices one after the other."""
    size, t = taps.size // 9, m + 2
    for at in range(0, size, 16):
        transform("G", m, taps, Elements(at, 3 * size, size), matrices, Elements(at, t * size, size), False)


@njit(**OPTIONS)
def weights_from_matrices(matrices, m):
    """GT W G, the transpose of that."""
    t = m + 2
    size = matrices.size // (t * t)
    taps = np.empty(9 * size, matrices.dtype)
    for at in range(0, size, 16):
        transform("GT", m, matrices, Elements(at, t * size, size), taps, Elements(at, 3 * size, size), False)
    return taps
