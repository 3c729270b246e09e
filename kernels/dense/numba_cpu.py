"""float32 on a CPU with 512-bit vectors: products out of register tiles. What is small, or lies otherwise, goes to NumPy.

A panel of at most 64 columns and _DEPTH rows of the right matrix is laid out in the order in which
the tiles read it, small enough for the first-level cache; while they do, what comes after it is
fetched into the second level. Bias and activation are computed while the numbers are in registers.
"""
from __future__ import annotations

import numpy as np

from ..activation import numba_cpu as activations
from ..gemm.microkernel import MR, WIDEST, microkernel
from ..gemm.operands import Left, Output, Prefetch
from ..gemm.packing import grid_offsets
from ..runtime.jit import OPTIONS, njit
from ..runtime.threads import parallel_for
from ..runtime.tracing import contiguous, copy_to, execute, flattened, output_buffer
from ..simd.activation import LEAKY, LINEAR, RELU
from ..simd.memory import load_n, store
from ..simd.transpose import transpose
from . import reference

_DEPTH = 128  # rows of b to a block: a panel of 64 columns then takes 32 KB
_FEWEST, _MOST = 48, 256  # columns, rows of x: with fewer half of the lanes idle; of more NumPy's product makes as much or more
_LEAST = 1_000_000  # multiplications, for fewer a call costs more than it saves
_A_PIXEL = 500  # multiplications that take about as long as a sampler's pixel, the unit of parallel_for
_ROWS = tuple(MR.get(vectors, 1) for vectors in range(5))
_CODES = {"linear": LINEAR, "tanh": LINEAR, "relu": RELU, "leaky_relu": LEAKY}


@njit(**OPTIONS)
def _vectors(columns):
    """How many vectors of columns to compute together when so many columns are left: 4, but 5 as 3 and 2."""
    left = (columns + 15) // 16
    return 3 if left == 5 else min(left, 4)


@njit(**OPTIONS)
def _multiply_panel(vectors, left, first, right, out, column, prefetch, stride, blocks):
    """A panel of ``out``: ``vectors`` vectors from a column on, rows from ``first`` to left.count - 1.

    prefetch : of the first register block, ``stride`` further on with each one, for so many ``blocks``
    """
    rows = _ROWS[vectors]
    for i in range(first, left.count, rows):
        block = (i - first) // rows
        offset, step = (prefetch.offset + stride * block, prefetch.step) if block < blocks else (prefetch.offset, 0)
        fetch = Prefetch(prefetch.array, offset, step)
        if vectors == 4:
            microkernel(4, left, i, right, 0, out, column, fetch)
        elif vectors == 3:
            microkernel(3, left, i, right, 0, out, column, fetch)
        elif vectors == 2:
            microkernel(2, left, i, right, 0, out, column, fetch)
        else:
            microkernel(1, left, i, right, 0, out, column, fetch)


@njit(**OPTIONS)
def _packed(b, columns, j, vectors, top, bottom, room):
    """Rows top to bottom of a panel of b, one after the other (where rows begin anywhere, half of the vectors lie across two lines of the cache)."""
    to = 0
    for i in range(top, bottom):
        for v in range(vectors):
            store(room, to, load_n(b, i * columns + j + 16 * v, columns - j - 16 * v))
            to += 16


@njit(**OPTIONS)
def _aligned(count, like):
    """Room for so many numbers, beginning at a line of memory."""
    room = np.zeros(count + 16, like.dtype)
    return room[-(room.ctypes.data // 4) % 16 :]


@njit(**OPTIONS)
def _forward_part(part, parts, n, k, o, x, w, bias, activation, y):
    rows, steps, blocks = grid_offsets(1, 0, 1, 0, n, k), grid_offsets(1, 0, 1, 0, k, 1), -(-k // _DEPTH)
    room, end = _aligned(64 * (_DEPTH + 1), w), (part + 1) * n // parts
    start = part * n // parts
    for block in range(blocks):
        top, bottom = block * k // blocks, (block + 1) * k // blocks
        j = 0
        while j < o:
            vectors = _vectors(o - j)
            after = j + 16 * vectors
            soon = top * o + after if after < o else bottom * o
            _packed(w, o, j, vectors, top, bottom, room)
            left, out = Left(x, rows, steps[top:bottom], end), Output(y, o, o, top > 0, bias, activation if bottom == k else LINEAR)
            _multiply_panel(vectors, left, start, room, out, j, Prefetch(w, soon, o), 16, vectors)
            j = after


@njit(**OPTIONS)
def _weight_part(part, parts, n, k, o, x, g, gradient):
    rows, images, nothing, blocks = grid_offsets(1, 0, 1, 0, k, 1), grid_offsets(1, 0, 1, 0, n, k), np.empty(0, x.dtype), -(-n // _DEPTH)
    room, start, end = _aligned(64 * (_DEPTH + 1), g), part * k // parts, (part + 1) * k // parts
    for block in range(blocks):
        top, bottom = block * n // blocks, (block + 1) * n // blocks
        steps = images[top:bottom]
        j = 0
        while j < o:
            vectors = _vectors(o - j)
            _packed(g, o, j, vectors, top, bottom, room)
            left, out = Left(x, rows, steps, end), Output(gradient, o, o, top > 0, nothing, LINEAR)
            _multiply_panel(vectors, left, start, room, out, j, Prefetch(x, top * k + start + 16, k), 6, k)
            j += 16 * vectors


@njit(**OPTIONS)
def _turned(w, o, first, width, pitch, top, bottom, room, zeros, places):
    """room[i * pitch + j] = w[first + j, top + i] for j < width: columns top to bottom of some rows of w become rows."""
    whole = width // 16 * 16
    for j in range(0, whole, 16):
        for i in range(top, bottom, 16):
            transpose(w, (first + j) * o + i, o, bottom - i, room, (i - top) * pitch + j, pitch, zeros, places, 0)
    for j in range(whole, width):
        for i in range(top, bottom):
            room[(i - top) * pitch + j] = w[(first + j) * o + i]


@njit(**OPTIONS)
def _input_part(part, parts, n, k, o, g, w, x):
    rows, steps, blocks, nothing = grid_offsets(1, 0, 1, 0, n, o), grid_offsets(1, 0, 1, 0, o, 1), -(-o // _DEPTH), np.empty(0, g.dtype)
    room, zeros, places = _aligned(64 * (_DEPTH + 1), g), np.zeros(16, np.int64), grid_offsets(1, 0, 1, 0, 16, 1)
    start, end = part * n // parts, (part + 1) * n // parts
    j = 0
    while j < k:
        vectors = _vectors(k - j)
        width = min(16 * vectors, k - j)
        for block in range(blocks):
            top, bottom = block * o // blocks, (block + 1) * o // blocks
            _turned(w, o, j, width, 16 * vectors, top, bottom, room, zeros, places)
            left, out = Left(g, rows, steps[top:bottom], end), Output(x, k, k, top > 0, nothing, LINEAR)
            after = (j + 16 * vectors) * o + top * 16 * vectors
            _multiply_panel(vectors, left, start, room, out, j, Prefetch(w, after, 16), 0, 1)
        j += 16 * vectors


def _fits(n, k, o):
    """Whether the code above is the faster one for such sizes."""
    return WIDEST == 4 and n <= _MOST and o >= _FEWEST and n * k * o >= _LEAST


def takes(*arrays):
    """Whether these are float32 that lie one after the other."""
    return all(a.dtype == np.float32 and a.flags.c_contiguous for a in arrays)


def tanh_of(y, activation):
    """The call that is left to do after the product."""
    return ((np.tanh, (y, y)),) if activation == "tanh" else ()


def _result(out, *shape):
    return output_buffer(out if out is None or out.dtype == np.float32 else None, shape, np.float32)


def forward(x, W, b, activation="linear", out=None):
    (n, k), o = x.shape, W.shape[1]
    if not takes(x, W, b):
        return reference.forward(x, W, b, activation, out)
    y = _result(out, n, o)
    if not _fits(n, k, o):
        execute((np.dot, (x, W, y)), *activations.calls(y, contiguous(b), activation))
    else:
        arguments = n, k, o, flattened(x), flattened(W), contiguous(b), _CODES[activation], y.reshape(-1)
        execute((parallel_for, (_forward_part, n, n * k * o // _A_PIXEL, *arguments)), *tanh_of(y, activation))
    return copy_to(out, y)


def input_gradient(g, W, out=None):
    (n, o), k = g.shape, W.shape[0]
    if not takes(g, W):
        return reference.input_gradient(g, W, out)
    x = _result(out, n, k)
    if not _fits(n, k, o):
        execute((np.dot, (g, W.T, x)))
    else:
        execute((parallel_for, (_input_part, n, n * k * o // _A_PIXEL, n, k, o, flattened(g), flattened(W), x.reshape(-1))))
    return copy_to(out, x)


def weight_gradient(g, x, out=None):
    (n, o), k = g.shape, x.shape[1]
    if not takes(g, x):
        return reference.weight_gradient(g, x, out)
    gradient = _result(out, k, o)
    if not _fits(n, k, o):
        execute((np.dot, (x.T, g, gradient)))
    else:
        execute((parallel_for, (_weight_part, k, n * k * o // _A_PIXEL, n, k, o, flattened(x), flattened(g), gradient.reshape(-1))))
    return copy_to(out, gradient)
