"""Loads, stores and gathers."""
from __future__ import annotations

from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

from .vector import (
    I32,
    I64,
    LLVM_TYPES,
    address_of,
    call_intrinsic,
    first_n,
    masked_load,
    masked_store,
    raise_out_of_bounds,
    splat,
    vec_address,
    vec_constant,
    vec_of,
)


@intrinsic
def load(typing, array, k):
    """array[k], array[k + 1], ..."""

    def code(context, builder, signature, values):
        return builder.load(vec_address(context, builder, array, *values), align=array.dtype.bitwidth // 8)

    return vec_of(array)(array, types.intp), code


@intrinsic
def load_n(typing, array, k, n):
    """The first ``n`` of array[k], array[k + 1], ...; 0 in the other lanes."""
    vec = vec_of(array)

    def code(context, builder, signature, values):
        address = vec_address(context, builder, array, *values)
        return masked_load(builder, vec, address, first_n(builder, vec, values[2]))

    return vec(array, types.intp, types.intp), code


@intrinsic
def store(typing, array, k, vec):
    """array[k], array[k + 1], ... = vec"""

    def code(context, builder, signature, values):
        address = builder.bitcast(
            address_of(context, builder, array, *values[:2], I64(vec.count)), vec.vector.as_pointer())
        builder.store(values[2], address, align=vec.element.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, vec), code


@intrinsic
def store_n(typing, array, k, vec, n):
    """Store only the first ``n`` lanes."""

    def code(context, builder, signature, values):
        address = vec_address(context, builder, array, *values[:2], values[3])
        masked_store(builder, vec, values[2], address, first_n(builder, vec, values[3]))
        return context.get_dummy_value()

    return types.void(array, types.intp, vec, types.intp), code


class _Addresses(ir.Instruction):
    """data + index for a vector of indices, written out because llvmlite's gep takes single ones.

    (Adding integers gives the same addresses, but only from this form LLVM makes a gather that adds.)
    """

    def __init__(self, builder, element, data, index):
        self.element = element
        pointers = ir.VectorType(ir.PointerType(), index.type.count)
        super().__init__(builder.block, pointers, "getelementptr", [data, index])
        builder._insert(self)

    def descr(self, buffer):
        data, index = (operand.get_reference() for operand in self.operands)
        buffer.append(f"getelementptr {self.element}, ptr {data}, {self.operands[1].type} {index}\n")


@intrinsic
def gather_pairs(typing, array, start, index):
    """(array[start + index], array[start + index + 1]); two float32 are read as one element of 64 bits."""
    vec, size, vector = vec_of(array), array.dtype.bitwidth // 8, index.vector
    halves = [range(index.count)] if size == 8 else [range(index.count // 2), range(index.count // 2, index.count)]

    def gather(builder, data, chosen):
        count = chosen.type.count
        doubles = ir.VectorType(ir.DoubleType(), count)
        addresses = _Addresses(builder, LLVM_TYPES[array.dtype], data, chosen)
        every, undefined = vec_constant(ir.IntType(1), [1] * count), ir.Constant(doubles, ir.Undefined)
        name = f"llvm.masked.gather.v{count}f64.v{count}p0"
        return call_intrinsic(builder, name, doubles, addresses, I32(size), every, undefined)

    def check(context, builder, index, start, size):
        absolute = builder.add(index, splat(builder, vector, builder.trunc(start, I32)))
        last = builder.sub(builder.trunc(size, I32), I32(1))
        outside = builder.icmp_unsigned(">=", absolute, splat(builder, vector, last))
        bits = ir.IntType(vector.count)
        raise_out_of_bounds(context, builder, builder.icmp_unsigned("!=", builder.bitcast(outside, bits), bits(0)))

    def code(context, builder, signature, values):
        value = context.make_array(array)(context, builder, values[0])
        data, index = builder.gep(value.data, [values[1]]), values[2]
        if config.BOUNDSCHECK:
            check(context, builder, index, values[1], value.nitems)
        chosen = [builder.shuffle_vector(index, index, vec_constant(I32, half)) for half in halves]
        if size == 8:
            left, right = (gather(builder, builder.gep(data, [I64(step)]), chosen[0]) for step in (0, 1))
        else:
            low, high = (builder.bitcast(gather(builder, data, half), vec.vector) for half in chosen)
            orders = (vec_constant(I32, range(step, 2 * vec.count, 2)) for step in (0, 1))
            left, right = (builder.shuffle_vector(low, high, order) for order in orders)
        return context.make_tuple(builder, signature.return_type, [left, right])

    return types.UniTuple(vec, 2)(array, types.intp, index), code


def _interleave(builder, a, b, group):
    """The two halves of a and b interleaved by groups of ``group`` elements."""
    count = a.type.count
    order = [side * count + start + k for start in range(0, count, group) for side in (0, 1) for k in range(group)]
    return [builder.shuffle_vector(a, b, vec_constant(I32, half)) for half in (order[:count], order[count:])]


@intrinsic
def store_interleaved4(typing, array, k, a, b, c, d):
    """a[0], b[0], c[0], d[0], a[1], ... from array[k] on."""

    def code(context, builder, signature, values):
        address = vec_address(context, builder, array, *values[:2], I64(4 * a.count))
        lows, highs = (_interleave(builder, *pair, 1) for pair in (values[2:4], values[4:6]))
        quads = [quad for low, high in zip(lows, highs) for quad in _interleave(builder, low, high, 2)]
        for step, quad in enumerate(quads):
            builder.store(quad, builder.gep(address, [I64(step)]), align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, a, b, c, d), code


@intrinsic
def add4(typing, array, k, other, m):
    """array[k : k + 4] += other[m : m + 4], as one vector of four."""
    four, size = ir.VectorType(LLVM_TYPES[array.dtype], 4), array.dtype.bitwidth // 8

    def code(context, builder, signature, values):
        sums, more = (
            builder.bitcast(address_of(context, builder, kind, *pair, I64(4)), four.as_pointer())
            for kind, pair in ((array, values[:2]), (other, values[2:])))
        total = builder.fadd(builder.load(sums, align=size), builder.load(more, align=size))
        builder.store(total, sums, align=size)
        return context.get_dummy_value()

    return types.void(array, types.intp, other, types.intp), code


@intrinsic
def load_interleaved4(typing, array, k):
    """The (a, b, c, d) that store_interleaved4(array, k, a, b, c, d) stored."""
    vec, size = vec_of(array), array.dtype.bitwidth // 8

    def code(context, builder, signature, values):
        address = vec_address(context, builder, array, *values, I64(4 * vec.count))
        parts = [builder.load(builder.gep(address, [I64(step)]), align=size) for step in range(4)]

        def every_second(start, pieces):  # of two neighbours each
            order = vec_constant(I32, range(start, 2 * vec.count, 2))
            return [builder.shuffle_vector(*pair, order) for pair in zip(pieces[::2], pieces[1::2])]

        halves = [every_second(start, parts) for start in (0, 1)]  # a and c interleaved, b and d interleaved
        (a,), (c,), (b,), (d,) = (every_second(start, half) for half in halves for start in (0, 1))
        return context.make_tuple(builder, signature.return_type, [a, b, c, d])

    return types.UniTuple(vec, 4)(array, types.intp), code
