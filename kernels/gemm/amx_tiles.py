"""Products of float32 numbers by the processor's matrix tiles (Intel's AMX), which multiply bfloat16.

A float32 is the sum of three bfloat16, x = h + m + l, exactly: each takes 8 of the 24 bits. Of the
nine products of two such numbers six are computed; the other three, ml, lm and ll, are below 2**-22
of the whole, mostly far below, and of either sign. The sums are float32. So the result is as exact
as that of float32's own products, and comes faster, since a tile does sixteen times the work of a
vector.

What is not finite, or larger than 3.39e38, becomes NaN; what is smaller than 1e-38 may count as 0.

A tile of the left matrix holds 16 rows of 32 numbers, one of the right matrix 32 rows of 16; a tile of
sums is 16 x 16. All three take 256 words of memory here, a word being one sum, or numbers k and k + 16
of the 32 as bfloat16. The parts h, m and l of a tile lie one after the other.

Source: Henry, Tang and Heinecke, "Leveraging the bfloat16 artificial intelligence datatype for
higher-precision computations" (2019).
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
from ..simd.vector import I32, I64, address_of, call_intrinsic, unpacked
from .operands import Matrix

TILE_WORDS, BF16_TERMS = 256, 3
_I8 = ir.IntType(8)
_ORDER = ((0, 2), (0, 1), (1, 1), (1, 0), (2, 0), (0, 0))  # the parts multiplied, of a and of b: only one of the two changes at a time


def why_unavailable():
    """Why tiles cannot be used here, or "" if they can; asks Linux to let this process use them."""
    if not {"amx-tile", "amx-bf16", "avx512f", "avx512bw"} <= FEATURES:
        return "the processor has no matrix tiles (AMX) for bfloat16"
    if sys.platform != "linux":
        return "only Linux is asked for the processor's matrix tiles"
    arch_prctl, request, tile_data = 158, 0x1023, 18
    if ctypes.CDLL(None, use_errno=True).syscall(arch_prctl, request, tile_data):
        return f"the system does not let this process use the processor's matrix tiles: {os.strerror(ctypes.get_errno())}"
    return ""


@intrinsic
def configure_tiles(typing):
    """Make this thread's tile registers eight of 16 rows of 64 bytes; close_tiles() gives them back."""

    def code(context, builder, signature, values):
        settings = [1] + 15 * [0] + 8 * [64, 0] + 16 * [0] + 8 * [16] + 8 * [0]  # palette 1, bytes a row (two bytes each), rows
        kind = ir.ArrayType(_I8, len(settings))
        place = builder.alloca(kind)
        builder.store(ir.Constant(kind, settings), place)
        call_intrinsic(builder, "llvm.x86.ldtilecfg", ir.VoidType(), builder.bitcast(place, _I8.as_pointer()))
        return context.get_dummy_value()

    return types.void(), code


@intrinsic
def release_tiles(typing):
    def code(context, builder, signature, values):
        call_intrinsic(builder, "llvm.x86.tilerelease", ir.VoidType())
        return context.get_dummy_value()

    return types.void(), code


def _parts(builder, x):
    """h, m, l of a vector: its bits rounded to the upper half, the upper half of the rest, and the rest of that."""
    words, count = ir.VectorType(I32, x.type.count), x.type.count

    def upper(bits):
        return builder.bitcast(builder.and_(bits, ir.Constant(words, [0xFFFF0000] * count)), x.type)

    h = upper(builder.add(builder.bitcast(x, words), ir.Constant(words, [0x8000] * count)))
    rest = builder.fsub(x, h)
    m = upper(builder.bitcast(rest, words))
    return h, m, builder.fsub(rest, m)


def _paired(builder, a, b):
    """The upper halves of a's and b's numbers, one of each in a word."""
    words = ir.VectorType(I32, a.type.count)
    a, b = (builder.bitcast(v, words) for v in (a, b))
    return builder.bitcast(builder.or_(builder.lshr(a, ir.Constant(words, [16] * words.count)), b), ir.VectorType(ir.FloatType(), words.count))


@intrinsic(prefer_literal=True)
def split_bf16(typing, whole, source, near, far, room, further, tile, to):
    """The parts of 32 numbers as lines of 16 words of a tile, at tile[to], tile[to + 256] and tile[to + 512].

    Word i holds source[near + i] and source[far + i]. Unless ``whole``, only ``room`` numbers from ``near``
    on and ``further`` from ``far`` on are read; the rest is 0.
    """
    whole_, index = whole.literal_value, types.intp

    def code(context, builder, signature, values):
        _, source_, near, far, room, further, tile_, to = values
        kind, halves = ir.VectorType(ir.FloatType(), 16), []
        for place, left in ((near, room), (far, further)):
            if whole_:
                address = address_of(context, builder, source, source_, place, I64(16))
                halves.append(builder.load(builder.bitcast(address, kind.as_pointer()), align=4))
                continue
            any_, all_ = builder.icmp_signed(">", left, I64(0)), builder.icmp_signed(">=", left, I64(16))
            most = builder.select(any_, builder.select(all_, I64(16), left), I64(0))
            address = address_of(context, builder, source, source_, builder.select(any_, place, I64(0)), most)  # a place of nothing may lie nowhere
            mask = builder.bitcast(builder.trunc(builder.sub(builder.shl(I64(1), most), I64(1)), ir.IntType(16)), ir.VectorType(ir.IntType(1), 16))
            halves.append(call_intrinsic(builder, "llvm.masked.load.v16f32.p0", kind, builder.bitcast(address, kind.as_pointer()), I32(4), mask, ir.Constant(kind, None)))
        for part, pair in enumerate(zip(*(_parts(builder, half) for half in halves))):
            words = _paired(builder, *pair)
            place = address_of(context, builder, tile, tile_, builder.add(to, I64(part * TILE_WORDS)))
            builder.store(words, builder.bitcast(place, words.type.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(whole, source, index, index, index, index, tile, index), code


@intrinsic
def transpose_tile(typing, tile, at):
    """Words (i, j) and (j, i) of the tile's three parts change places: a left tile becomes a right one, and a right one a left one."""

    def code(context, builder, signature, values):
        kind = ir.VectorType(ir.FloatType(), 16)
        for part in range(BF16_TERMS):
            place = address_of(context, builder, tile, values[0], builder.add(values[1], I64(part * TILE_WORDS)), I64(TILE_WORDS))
            lines = [builder.gep(builder.bitcast(place, kind.as_pointer()), [I64(i)]) for i in range(16)]
            for line, words in zip(lines, transposed(builder, [builder.load(line, align=4) for line in lines])):
                builder.store(words, line, align=4)
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
            """Of the tile ``offset`` words after the beginning of row (or column) i."""
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
                            load(register, pointer(kind, matrix, line, builder.add(step, I64(terms[side] * TILE_WORDS))))
                for i in range(rows):
                    for j in range(columns):
                        call_intrinsic(builder, "llvm.x86.tdpbf16ps", ir.VoidType(),
                                       _I8(i * columns + j), _I8(lefts[i]), _I8(rights[j]))
        for register, address in zip(sums, outs):
            call_intrinsic(builder, "llvm.x86.tilestored64", ir.VoidType(), _I8(register), address, tile_stride)
        return context.get_dummy_value()

    return signature, code
