"""float32 on a CPU with 512-bit vectors, by the microkernel. Other processors, small or strided matrices: NumPy.

A panel of at most 64 columns and _DEPTH rows of the right matrix is packed, small enough for the first-level cache;
while it is multiplied, what comes after it is fetched into the second level. Bias and activation are computed while
the sums are in registers. README.md explains and draws it.
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

_DEPTH = 128  # rows of b packed at a time: a panel of 64 columns then takes 32 KB
_MIN_COLUMNS = 48  # with fewer, half of the lanes are idle
_MAX_ROWS = 256  # of x: of more NumPy's product makes as much or more
_MIN_WORK = 1_000_000  # multiplications that make up for the cost of a call
PIXEL_WORK = 500  # multiplications that take as long as a sampler's pixel, the unit of parallel_for
CODES = {"linear": LINEAR, "tanh": LINEAR, "relu": RELU, "leaky_relu": LEAKY}
_ROWS = tuple(MR.get(vectors, 1) for vectors in range(5))


@njit(**OPTIONS)
def _vectors(columns):
    """The vectors of the next panel if so many columns are left: 4, but 5 as 3 and 2."""
    left = (columns + 15) // 16
    return 3 if left == 5 else min(left, 4)


@njit(**OPTIONS)
def _multiply_panel(vectors, left, first, right, out, column, prefetch, stride, blocks):
    """A panel of ``out``: ``vectors`` vectors from a column on, rows from ``first`` to left.height - 1.

    prefetch : of the first register block, ``stride`` further on with each one, for so many ``blocks``
    """
    rows = _ROWS[vectors]
    for i in range(first, left.height, rows):
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
def _pack_panel(b, columns, j, vectors, top, bottom, panel):
    """Rows top to bottom of a panel of b (unpacked, half of the vectors would lie across two cache lines)."""
    to = 0
    for i in range(top, bottom):
        for v in range(vectors):
            store(panel, to, load_n(b, i * columns + j + 16 * v, columns - j - 16 * v))
            to += 16


@njit(**OPTIONS)
def _pack_transposed(w, o, first, width, stride, top, bottom, panel, zeros, consecutive):
    """panel[i * stride + j] = w[first + j, top + i] for j < width: columns top to bottom of some rows of w as rows."""
    full = width // 16 * 16
    for j in range(0, full, 16):
        for i in range(top, bottom, 16):
            to = (i - top) * stride + j
            transpose(w, (first + j) * o + i, o, bottom - i, panel, to, stride, zeros, consecutive, 0)
    for j in range(full, width):
        for i in range(top, bottom):
            panel[(i - top) * stride + j] = w[(first + j) * o + i]


@njit(**OPTIONS)
def _new_panel(like):
    """Memory for a panel, from a cache line on."""
    panel = np.zeros(64 * (_DEPTH + 1) + 16, like.dtype)
    return panel[-(panel.ctypes.data // 4) % 16 :]


@njit(**OPTIONS)
def _forward_part(part, parts, n, k, o, x, w, bias, activation, y):
    """Some rows of y."""
    rows, depths, blocks = grid_offsets(1, 0, 1, 0, n, k), grid_offsets(1, 0, 1, 0, k, 1), -(-k // _DEPTH)
    panel, start, end = _new_panel(w), part * n // parts, (part + 1) * n // parts
    for block in range(blocks):
        top, bottom = block * k // blocks, (block + 1) * k // blocks
        left = Left(x, rows, depths[top:bottom], end)
        out = Output(y, o, o, top > 0, bias, activation if bottom == k else LINEAR)
        j = 0
        while j < o:
            vectors = _vectors(o - j)
            after = j + 16 * vectors
            _pack_panel(w, o, j, vectors, top, bottom, panel)
            fetch = Prefetch(w, top * o + after if after < o else bottom * o, o)
            _multiply_panel(vectors, left, start, panel, out, j, fetch, 16, vectors)
            j = after


@njit(**OPTIONS)
def _weight_part(part, parts, n, k, o, x, g, gradient):
    """Some rows of the gradient."""
    rows, images, blocks = grid_offsets(1, 0, 1, 0, k, 1), grid_offsets(1, 0, 1, 0, n, k), -(-n // _DEPTH)
    panel, no_bias, start, end = _new_panel(g), np.empty(0, x.dtype), part * k // parts, (part + 1) * k // parts
    for block in range(blocks):
        top, bottom = block * n // blocks, (block + 1) * n // blocks
        left, out = Left(x, rows, images[top:bottom], end), Output(gradient, o, o, top > 0, no_bias, LINEAR)
        j = 0
        while j < o:
            vectors = _vectors(o - j)
            _pack_panel(g, o, j, vectors, top, bottom, panel)
            _multiply_panel(vectors, left, start, panel, out, j, Prefetch(x, top * k + start + 16, k), 6, k)
            j += 16 * vectors


@njit(**OPTIONS)
def _input_part(part, parts, n, k, o, g, w, x):
    """Some rows of x, the gradient."""
    rows, depths, blocks = grid_offsets(1, 0, 1, 0, n, o), grid_offsets(1, 0, 1, 0, o, 1), -(-o // _DEPTH)
    panel, zeros, consecutive = _new_panel(g), np.zeros(16, np.int64), grid_offsets(1, 0, 1, 0, 16, 1)
    no_bias, start, end = np.empty(0, g.dtype), part * n // parts, (part + 1) * n // parts
    j = 0
    while j < k:
        vectors = _vectors(k - j)
        stride = 16 * vectors
        for block in range(blocks):
            top, bottom = block * o // blocks, (block + 1) * o // blocks
            _pack_transposed(w, o, j, min(stride, k - j), stride, top, bottom, panel, zeros, consecutive)
            left, out = Left(g, rows, depths[top:bottom], end), Output(x, k, k, top > 0, no_bias, LINEAR)
            fetch = Prefetch(w, (j + stride) * o + top * stride, 16)
            _multiply_panel(vectors, left, start, panel, out, j, fetch, 0, 1)
        j += stride


def _fits(n, k, o):
    """Whether the code above is faster than NumPy's for such sizes."""
    return WIDEST == 4 and n <= _MAX_ROWS and o >= _MIN_COLUMNS and n * k * o >= _MIN_WORK


def takes(*arrays):
    """Whether all are contiguous float32."""
    return all(a.dtype == np.float32 and a.flags.c_contiguous for a in arrays)


def tanh_of(y, activation):
    """The calls that remain after the product."""
    return ((np.tanh, (y, y)),) if activation == "tanh" else ()


def y_buffer(out, *shape):
    """``out``, or a new array if it cannot be computed in."""
    return output_buffer(out if out is None or out.dtype == np.float32 else None, shape, np.float32)


def forward(x, W, b, activation="linear", out=None):
    (n, k), o = x.shape, W.shape[1]
    if not takes(x, W, b):
        return reference.forward(x, W, b, activation, out)
    y = y_buffer(out, n, o)
    if not _fits(n, k, o):
        execute((np.dot, (x, W, y)), *activations.calls(y, contiguous(b), activation))
    else:
        arguments = n, k, o, flattened(x), flattened(W), contiguous(b), CODES[activation], y.reshape(-1)
        execute((parallel_for, (_forward_part, n, n * k * o // PIXEL_WORK, *arguments)), *tanh_of(y, activation))
    return copy_to(out, y)


def input_gradient(g, W, out=None):
    (n, o), k = g.shape, W.shape[0]
    if not takes(g, W):
        return reference.input_gradient(g, W, out)
    x = y_buffer(out, n, k)
    if not _fits(n, k, o):
        execute((np.dot, (g, W.T, x)))
    else:
        arguments = n, k, o, flattened(g), flattened(W), x.reshape(-1)
        execute((parallel_for, (_input_part, n, n * k * o // PIXEL_WORK, *arguments)))
    return copy_to(out, x)


def weight_gradient(g, x, out=None):
    (n, o), k = g.shape, x.shape[1]
    if not takes(g, x):
        return reference.weight_gradient(g, x, out)
    gradient = y_buffer(out, k, o)
    if not _fits(n, k, o):
        execute((np.dot, (x.T, g, gradient)))
    else:
        arguments = n, k, o, flattened(x), flattened(g), gradient.reshape(-1)
        execute((parallel_for, (_weight_part, k, n * k * o // PIXEL_WORK, *arguments)))
    return copy_to(out, gradient)
