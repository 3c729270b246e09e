"""Products of float32 numbers by AMX, the matrix tiles of Intel's processors, which multiply bfloat16.

A float32 is the sum of three bfloat16, x = h + m + l, exactly: each takes 8 of the 24 bits. Of the nine products of
two such numbers six are computed; the other three, ml, lm and ll, are below 2**-22 of the whole, mostly far below,
and of either sign. The sums are float32. So the result is as exact as that of float32's own products, and is
computed faster, since a tile does sixteen times the work of a vector.

Infinity, NaN and numbers above 3.39e38 become NaN; numbers below 1e-38 may count as 0.

A tile of the left matrix holds 16 rows of 32 elements, one of the right matrix 32 rows of 16; a tile of sums is
16 x 16. All three take 256 words of memory here, a word being one sum, or elements k and k + 16 of the 32 as
bfloat16. The terms h, m and l of a tile lie one after the other: a split tile.

Source: Henry, Tang and Heinecke, "Leveraging the bfloat16 artificial intelligence datatype for higher-precision
computations" (2019).
"""
from __future__ import annotations

import ctypes
import os
import sys

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..simd.processor import FEATURES
from ..simd.transpose import transposed
from ..simd.vector import I64, Vec, address_of, call_intrinsic, masked_load, unpacked, vec_address
from .operands import Matrix

TILE_WORDS, BF16_TERMS = 256, 3
_I8, _I32, _VEC = ir.IntType(8), ir.IntType(32), Vec(types.float32, 16)
_WORDS = ir.VectorType(_I32, 16)
_ORDER = (0, 2), (0, 1), (1, 1), (1, 0), (2, 0), (0, 0)  # terms of a and b multiplied: one of the two changes at a time


def why_unavailable():
    """The reason why tiles cannot be used here, or "" after Linux has let this process use them."""
    if not {"amx-tile", "amx-bf16", "avx512f", "avx512bw"} <= FEATURES:
        return "the processor has no matrix tiles (AMX) for bfloat16"
    if sys.platform != "linux":
        return "only Linux is asked for the processor's matrix tiles"
    arch_prctl, request, tile_data = 158, 0x1023, 18
    if ctypes.CDLL(None, use_errno=True).syscall(arch_prctl, request, tile_data):
        reason = os.strerror(ctypes.get_errno())
        return f"the system does not let this process use the processor's matrix tiles: {reason}"
    return ""


@intrinsic
def configure_tiles(typing):
    """Give this thread eight tile registers of 16 rows of 64 bytes, until release_tiles()."""

    def code(context, builder, signature, values):
        palette, row_bytes, rows = [1] + 15 * [0], 8 * [64, 0] + 16 * [0], 8 * [16] + 8 * [0]
        kind = ir.ArrayType(_I8, 64)
        memory = builder.alloca(kind)
        builder.store(ir.Constant(kind, palette + row_bytes + rows), memory)
        call_intrinsic(builder, "llvm.x86.ldtilecfg", ir.VoidType(), builder.bitcast(memory, _I8.as_pointer()))
        return context.get_dummy_value()

    return types.void(), code


@intrinsic
def release_tiles(typing):
    def code(context, builder, signature, values):
        call_intrinsic(builder, "llvm.x86.tilerelease", ir.VoidType())
        return context.get_dummy_value()

    return types.void(), code


def _terms(builder, x):
    """h, m, l of a vector: its bits rounded to the upper half, the upper half of the rest, and the rest of that."""

    def upper(bits):
        return builder.bitcast(builder.and_(bits, ir.Constant(_WORDS, [0xFFFF0000] * 16)), x.type)

    h = upper(builder.add(builder.bitcast(x, _WORDS), ir.Constant(_WORDS, [0x8000] * 16)))
    rest = builder.fsub(x, h)
    m = upper(builder.bitcast(rest, _WORDS))
    return h, m, builder.fsub(rest, m)


def _paired(builder, a, b):
    """The upper halves of the elements of a and b, one of each in a word."""
    a, b = (builder.bitcast(v, _WORDS) for v in (a, b))
    return builder.bitcast(builder.or_(builder.lshr(a, ir.Constant(_WORDS, [16] * 16)), b), _VEC.vector)


@intrinsic(prefer_literal=True)
def split_bf16(typing, full, source, near, far, n_near, n_far, tile, to):
    """The three terms of 32 elements as rows of 16 words of a tile: at tile[to], tile[to + 256] and tile[to + 512].

    Word i holds source[near + i] and source[far + i]. Unless ``full``, only ``n_near`` elements from ``near`` on and
    ``n_far`` from ``far`` on are read; the rest is 0.
    """
    is_full, index = full.literal_value, types.intp

    def load(context, builder, value, at, n):
        if is_full:
            return builder.load(vec_address(context, builder, source, value, at, I64(16)), align=4)
        any_, all_ = builder.icmp_signed(">", n, I64(0)), builder.icmp_signed(">=", n, I64(16))
        n = builder.select(any_, builder.select(all_, I64(16), n), I64(0))
        at = builder.select(any_, at, I64(0))  # ``at`` may be outside if n is 0
        address = vec_address(context, builder, source, value, at, n)
        bits = builder.trunc(builder.sub(builder.shl(I64(1), n), I64(1)), ir.IntType(16))
        return masked_load(builder, _VEC, address, builder.bitcast(bits, ir.VectorType(ir.IntType(1), 16)))

    def code(context, builder, signature, values):
        _, source_, near, far, n_near, n_far, tile_, to = values
        halves = [load(context, builder, source_, at, n) for at, n in ((near, n_near), (far, n_far))]
        for term, pair in enumerate(zip(*(_terms(builder, half) for half in halves))):
            at = builder.add(to, I64(term * TILE_WORDS))
            builder.store(_paired(builder, *pair), vec_address(context, builder, tile, tile_, at), align=4)
        return context.get_dummy_value()

    return types.void(full, source, index, index, index, index, tile, index), code


@intrinsic
def transpose_tile(typing, tile, at):
    """Words (i, j) and (j, i) of a split tile are swapped: a left tile becomes a right one, and the other way round."""

    def code(context, builder, signature, values):
        for term in range(BF16_TERMS):
            first = builder.add(values[1], I64(term * TILE_WORDS))
            address = vec_address(context, builder, tile, values[0], first, I64(TILE_WORDS))
            rows = [builder.gep(address, [I64(i)]) for i in range(16)]
            for row, words in zip(rows, transposed(builder, [builder.load(row, align=4) for row in rows])):
                builder.store(words, row, align=4)
        return context.get_dummy_value()

    return types.void(tile, types.intp), code


@intrinsic(prefer_literal=True)
def multiply_tiles(typing, tall, wide, a, row, b, steps, c, accumulate):
    """c[row + i, j] (+)= sum over ``steps`` of a[row + i, step] b[step, j], for i < ``tall`` and j < ``wide`` (1 or 2).

    a, b, c : Matrix (operands.py) of tiles: the split tiles of a row of a, or of a column of b, and the tiles of sums
        of a row of c, lie one after the other; the next row, or column, is a stride further on
    """
    rows, columns, index = tall.literal_value, wide.literal_value, types.intp
    signature = types.void(tall, wide, a, index, b, index, c, types.boolean)

    def code(context, builder, signature, values):
        _, _, a_, row, b_, steps, c_, accumulate = values
        (a_t, a_v), (b_t, b_v), (c_t, c_v) = (
            unpacked(builder, Matrix, *pair) for pair in ((a, a_), (b, b_), (c, c_)))
        sums, lefts, rights = range(rows * columns), range(4, 4 + rows), range(6, 6 + columns)
        tile_stride = I64(64)  # bytes

        def pointer(kind, matrix, i, offset):
            """The address of the tile ``offset`` words after the beginning of row (or column) i."""
            at = builder.add(builder.add(matrix.offset, builder.mul(matrix.stride, i)), offset)
            return builder.bitcast(address_of(context, builder, kind.array, matrix.array, at, I64(TILE_WORDS)),
                                   _I8.as_pointer())

        def load(register, address):
            call_intrinsic(builder, "llvm.x86.tileloadd64", ir.VoidType(), _I8(register), address, tile_stride)

        row_of = [builder.add(row, I64(i)) for i in range(rows)]
        outs = [pointer(c_t, c_v, i, I64(j * TILE_WORDS)) for i in row_of for j in range(columns)]
        with builder.if_else(accumulate) as (then, otherwise):
            with then:
                for register, address in zip(sums, outs):
                    load(register, address)
            with otherwise:
                for register in sums:
                    call_intrinsic(builder, "llvm.x86.tilezero", ir.VoidType(), _I8(register))
        operands = (lefts, a_t, a_v, row_of), (rights, b_t, b_v, [I64(j) for j in range(columns)])
        with cgutils.for_range(builder, steps, intp=I64) as loop:
            step, loaded = builder.mul(loop.index, I64(BF16_TERMS * TILE_WORDS)), [None, None]
            for terms in _ORDER:
                for side, (registers, kind, matrix, lines) in enumerate(operands):
                    if loaded[side] != terms[side]:
                        loaded[side] = terms[side]
                        for register, line in zip(registers, lines):
                            offset = builder.add(step, I64(terms[side] * TILE_WORDS))
                            load(register, pointer(kind, matrix, line, offset))
                for i in range(rows):
                    for j in range(columns):
                        call_intrinsic(builder, "llvm.x86.tdpbf16ps", ir.VoidType(),
                                       _I8(i * columns + j), _I8(lefts[i]), _I8(rights[j]))
        for register, address in zip(sums, outs):
            call_intrinsic(builder, "llvm.x86.tilestored64", ir.VoidType(), _I8(register), address, tile_stride)
        return context.get_dummy_value()

    return signature, code
