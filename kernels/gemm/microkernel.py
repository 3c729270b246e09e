"""A matrix product in registers: the one loop that convolutions spend their time in.

    c[i, j] = start + sum over k of a[rows[i] + steps[k]] * b[k, j]

Where a's number (i, k) lies is the sum of two entries, so that the same loop serves a matrix, its
transpose, and the windows of an image, which are never copied out: with the places of the output
pixels for ``rows`` and those of the kernel's taps for ``steps`` it is a convolution, and with the
two exchanged it is the gradient of the weights.

A register block of c stays in registers while k runs: MR[v] rows of v vectors. Each step reads v vectors
of b and one number a row of a, and multiplies all with all.
"""
from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..simd.activation import LEAKY, RELU, select_positive, times_leak
from ..simd.memory import first_n
from ..simd.processor import FEATURES
from ..simd.vector import I32, I64, address_of, call_intrinsic, llvm_suffix, splat, vec_of

# 32 registers of 16 numbers hold a tile of 6 x 64; 16 of 8 one of 6 x 16; 16 of 4, with a register for each product, one of 2 x 16
MR = {4: 6, 3: 8, 2: 12, 1: 12} if "avx512f" in FEATURES else {1: 6} if FEATURES & {"avx", "avx2"} else {1: 2}
WIDEST, NARROWEST = max(MR), 1


class _Tile:
    """The accumulators, and loops over them while the code is written."""

    def __init__(self, builder, vec, vectors):
        self.builder, self.vec, self.vectors, self.height = builder, vec, vectors, MR[vectors]
        self.sums = {(r, v): cgutils.alloca_once(builder, vec.vector) for r in range(self.height) for v in range(vectors)}

    def change(self, new):
        """Every sum becomes new(r, v, sum)."""
        for (r, v), place in self.sums.items():
            self.builder.store(new(r, v, self.builder.load(place)), place)


def _vector(context, builder, array, value, vec, at, room=None):
    """Address of the vector at array[at], of which ``room`` numbers will be used."""
    return builder.bitcast(address_of(context, builder, array, value, at, room), vec.vector.as_pointer())


def _fetch(context, builder, array, value, at):
    """Ask for array[at] to come into the second-level cache; it need not exist."""
    place = builder.gep(context.make_array(array)(context, builder, value).data, [at])
    call_intrinsic(builder, "llvm.prefetch.p0", ir.VoidType(), place, I32(0), I32(2), I32(1))


@intrinsic(prefer_literal=True)
def microkernel(typing, vectors, a, rows, first, count, steps, b, b_at, ahead, soon, pace, c, c_at, c_pitch, room, bias, bias_at, add, activation):
    """Rows first, first + 1, ... of c, ``room`` columns from c_at on; past row count - 1 that row again, so that no tile is cut.

    b_at : where b[0, 0] lies; its rows are so many vectors long, one after the other
    soon, pace : every step fetches a line of memory into the cache, ahead[soon + step * pace]: what will be read next comes from far away
    add : whether to start from c, otherwise from the numbers at bias[bias_at], or from 0 if bias is empty
    activation : LINEAR, RELU or LEAKY, of what is stored
    """
    vec, count_of_vectors = vec_of(a), vectors.literal_value
    index = types.intp
    signature = types.void(vectors, a, rows, index, index, steps, b, index, ahead, index, index, c, index, index, index, bias, index, types.boolean, index)

    def code(context, builder, signature, values):
        _, a_, rows_, first, count, steps_, b_, b_at, ahead_, soon, pace, c_, c_at, c_pitch, room, bias_, bias_at, add, activation = values
        tile = _Tile(builder, vec, count_of_vectors)

        def at_most(value, limit):
            return builder.select(builder.icmp_signed("<", value, limit), value, limit)

        places, outs = [], []
        for r in range(tile.height):
            row = builder.add(first, I64(r))
            row = at_most(row, builder.sub(count, I64(1)))
            places.append(builder.load(address_of(context, builder, rows, rows_, row, I64(1))))
            outs.append(builder.add(c_at, builder.mul(row, c_pitch)))
        masks = [first_n(builder, vec, builder.sub(room, I64(16 * v))) for v in range(tile.vectors)]
        zero, size = ir.Constant(vec.vector, None), ir.IntType(32)(4)
        outs = [address_of(context, builder, c, c_, out, at_most(room, I64(16 * tile.vectors))) for out in outs]

        def out(r, v):
            return builder.bitcast(builder.gep(outs[r], [I64(16 * v)]), vec.vector.as_pointer())

        def load(place, v):
            return call_intrinsic(builder, f"llvm.masked.load.{llvm_suffix(vec)}.p0", vec.vector, place, size, masks[v], zero)

        with builder.if_else(add) as (then, otherwise):
            with then:
                tile.change(lambda r, v, _: load(out(r, v), v))
            with otherwise:
                tile.change(lambda r, v, _: zero)
                with builder.if_then(builder.icmp_signed("!=", context.make_array(bias)(context, builder, bias_).nitems, I64(0))):
                    start = _vector(context, builder, bias, bias_, vec, bias_at, at_most(room, I64(16 * tile.vectors)))
                    starts = [load(builder.gep(start, [I64(v)]), v) for v in range(tile.vectors)]
                    tile.change(lambda r, v, _: starts[v])
        with cgutils.for_range(builder, context.make_array(steps)(context, builder, steps_).nitems, intp=I64) as loop:
            step = builder.load(address_of(context, builder, steps, steps_, loop.index, I64(1)))
            b_row = builder.add(b_at, builder.mul(loop.index, I64(16 * tile.vectors)))
            right = [builder.load(_vector(context, builder, b, b_, vec, builder.add(b_row, I64(16 * v))), align=4) for v in range(tile.vectors)]
            _fetch(context, builder, ahead, ahead_, builder.add(soon, builder.mul(loop.index, pace)))
            left = [splat(builder, vec.vector, builder.load(address_of(context, builder, a, a_, builder.add(place, step), I64(1)))) for place in places]
            tile.change(lambda r, v, total: call_intrinsic(builder, f"llvm.fmuladd.{llvm_suffix(vec)}", vec.vector, left[r], right[v], total))

        with builder.if_then(builder.icmp_signed("==", activation, I64(RELU))):
            tile.change(lambda r, v, total: select_positive(builder, total, zero))
        with builder.if_then(builder.icmp_signed("==", activation, I64(LEAKY))):
            tile.change(lambda r, v, total: select_positive(builder, total, times_leak(builder, total)))
        for (r, v), place in tile.sums.items():
            call_intrinsic(builder, f"llvm.masked.store.{llvm_suffix(vec)}.p0", ir.VoidType(), builder.load(place), out(r, v), size, masks[v])
        return context.get_dummy_value()

    return signature, code
