"""The microkernel: a block of a matrix product in registers, the one loop that layers spend their time in.

    c[i, j] = start + sum over k of a[rows[i] + depths[k]] * b[k, j]

The offset of a's element (i, k) is the sum of two entries. So the same loop serves a matrix, its transpose, and the
windows of an image, which are never copied out: with the offsets of the output pixels for ``rows`` and those of the
kernel's taps for ``depths`` it is a convolution, and with the two exchanged it is the gradient of the weights.

A register block of c stays in registers while k runs: MR[v] rows of v vectors. Each step reads v vectors of b and
one element per row of a, and multiplies all with all.
"""
from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..simd.activation import LEAKY, RELU, select_positive, times_leak
from ..simd.processor import FEATURES
from ..simd.vector import (
    I32,
    I64,
    address_of,
    call_intrinsic,
    first_n,
    llvm_suffix,
    masked_load,
    masked_store,
    splat,
    unpacked,
    vec_address,
    vec_of,
)
from .operands import Left, Output, Prefetch

# {vectors of a row: rows}. 32 registers of 16 float32 hold 6 x 64 of them, 16 registers of 8 hold 6 x 16, and
# 16 registers of 4, where each product takes one too, hold 2 x 16.
MR = {4: 6, 3: 8, 2: 12, 1: 12} if "avx512f" in FEATURES else {1: 6} if FEATURES & {"avx", "avx2"} else {1: 2}
WIDEST, NARROWEST = max(MR), 1


class _RegisterBlock:
    """The accumulators, and loops over them while the code is written."""

    def __init__(self, builder, vec, vectors):
        self.builder, self.vec, self.vectors, self.rows = builder, vec, vectors, MR[vectors]
        self.sums = {(r, v): cgutils.alloca_once(builder, vec.vector) for r in range(self.rows) for v in range(vectors)}

    def change(self, new):
        """Every sum becomes new(r, v, sum)."""
        for (r, v), pointer in self.sums.items():
            self.builder.store(new(r, v, self.builder.load(pointer)), pointer)


def _fetch(context, builder, array, value, at):
    """Fetch array[at], which need not exist, into the second-level cache."""
    address = builder.gep(context.make_array(array)(context, builder, value).data, [at])
    call_intrinsic(builder, "llvm.prefetch.p0", ir.VoidType(), address, I32(0), I32(2), I32(1))


@intrinsic(prefer_literal=True)
def microkernel(typing, vectors, left, row, right, right_at, out, column, prefetch):
    """The register block of ``vectors`` vectors whose first element is c[row, column]; see operands.py.

    right : b packed, a row of ``vectors`` vectors after the other from right[right_at] on

    Past the last row that row is computed again, so that no block is cut; columns beyond the last are masked.
    """
    vec, index = vec_of(right), types.intp
    signature = types.void(vectors, left, index, right, index, out, index, prefetch)
    count_of_vectors = vectors.literal_value

    def code(context, builder, signature, values):
        _, left_, row, right_, right_at, out_, column, prefetch_ = values
        a_t, a = unpacked(builder, Left, left, left_)
        c_t, c = unpacked(builder, Output, out, out_)
        ahead_t, ahead = unpacked(builder, Prefetch, prefetch, prefetch_)
        block = _RegisterBlock(builder, vec, count_of_vectors)

        def at_most(value, limit):
            return builder.select(builder.icmp_signed("<", value, limit), value, limit)

        n = builder.sub(c.columns, column)
        offsets, outs = [], []
        for r in range(block.rows):
            i = at_most(builder.add(row, I64(r)), builder.sub(a.height, I64(1)))
            offsets.append(builder.load(address_of(context, builder, a_t.rows, a.rows, i, I64(1))))
            outs.append(builder.add(column, builder.mul(i, c.stride)))
        masks = [first_n(builder, vec, builder.sub(n, I64(16 * v))) for v in range(block.vectors)]
        zero, used = ir.Constant(vec.vector, None), at_most(n, I64(16 * block.vectors))
        outs = [vec_address(context, builder, c_t.array, c.array, out, used) for out in outs]

        def c_vector(r, v):
            return builder.gep(outs[r], [I64(v)])

        with builder.if_else(c.accumulate) as (then, otherwise):
            with then:
                block.change(lambda r, v, _: masked_load(builder, vec, c_vector(r, v), masks[v]))
            with otherwise:
                block.change(lambda r, v, _: zero)
                bias_size = context.make_array(c_t.bias)(context, builder, c.bias).nitems
                with builder.if_then(builder.icmp_signed("!=", bias_size, I64(0))):
                    bias = vec_address(context, builder, c_t.bias, c.bias, column, used)
                    starts = [
                        masked_load(builder, vec, builder.gep(bias, [I64(v)]), masks[v]) for v in range(block.vectors)]
                    block.change(lambda r, v, _: starts[v])
        depth = context.make_array(a_t.depths)(context, builder, a.depths).nitems
        with cgutils.for_range(builder, depth, intp=I64) as loop:
            step = builder.load(address_of(context, builder, a_t.depths, a.depths, loop.index, I64(1)))
            b_row = builder.add(right_at, builder.mul(loop.index, I64(16 * block.vectors)))
            b = [
                builder.load(vec_address(context, builder, right, right_, builder.add(b_row, I64(16 * v))), align=4)
                for v in range(block.vectors)]
            fetched = builder.add(ahead.offset, builder.mul(loop.index, ahead.step))
            _fetch(context, builder, ahead_t.array, ahead.array, fetched)
            elements = [
                builder.load(address_of(context, builder, a_t.array, a.array, builder.add(offset, step), I64(1)))
                for offset in offsets]
            a_row = [splat(builder, vec.vector, element) for element in elements]
            name = f"llvm.fmuladd.{llvm_suffix(vec)}"
            block.change(lambda r, v, total: call_intrinsic(builder, name, vec.vector, a_row[r], b[v], total))

        with builder.if_then(builder.icmp_signed("==", c.activation, I64(RELU))):
            block.change(lambda r, v, total: select_positive(builder, total, zero))
        with builder.if_then(builder.icmp_signed("==", c.activation, I64(LEAKY))):
            block.change(lambda r, v, total: select_positive(builder, total, times_leak(builder, total)))
        for (r, v), pointer in block.sums.items():
            masked_store(builder, vec, builder.load(pointer), c_vector(r, v), masks[v])
        return context.get_dummy_value()

    return signature, code
