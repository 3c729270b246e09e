"""Between vectors and arrays: one after the other, at any index, in groups of four."""
from __future__ import annotations

from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

from .vector import I32, I64, SCALARS, address_of, call_intrinsic, llvm_suffix, raise_out_of_bounds, splat, vec_constant, vec_of


def first_n(builder, vec, n):
    """A mask of the first ``n`` lanes."""
    count = vec.vector.count
    return builder.icmp_signed("<", vec_constant(I64, range(count)), splat(builder, ir.VectorType(I64, count), n))


@intrinsic
def load(typing, array, k):
    """array[k], array[k + 1], ..."""
    vec = vec_of(array)

    def code(context, builder, signature, values):
        place = builder.bitcast(address_of(context, builder, array, *values), vec.vector.as_pointer())
        return builder.load(place, align=array.dtype.bitwidth // 8)

    return vec(array, types.intp), code


@intrinsic
def load_n(typing, array, k, n):
    """The first ``n`` of array[k], array[k + 1], ...; 0 in place of the others."""
    vec = vec_of(array)

    def code(context, builder, signature, values):
        place = builder.bitcast(address_of(context, builder, array, *values), vec.vector.as_pointer())
        zeros, size = ir.Constant(vec.vector, None), I32(array.dtype.bitwidth // 8)
        return call_intrinsic(builder, f"llvm.masked.load.{llvm_suffix(vec)}.p0", vec.vector, place, size, first_n(builder, vec, values[2]), zeros)

    return vec(array, types.intp, types.intp), code


@intrinsic
def store(typing, array, k, vec):
    """array[k], array[k + 1], ... = lanes"""

    def code(context, builder, signature, values):
        place = builder.bitcast(address_of(context, builder, array, *values[:2], I64(vec.vector.count)), vec.vector.as_pointer())
        builder.store(values[2], place, align=vec.kind.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, vec), code


@intrinsic
def store_n(typing, array, k, vec, n):
    """Store only the first ``n`` lanes."""

    def code(context, builder, signature, values):
        place = builder.bitcast(address_of(context, builder, array, *values[:2], values[3]), vec.vector.as_pointer())
        size = I32(array.dtype.bitwidth // 8)
        call_intrinsic(builder, f"llvm.masked.store.{llvm_suffix(vec)}.p0", ir.VoidType(), values[2], place, size, first_n(builder, vec, values[3]))
        return context.get_dummy_value()

    return types.void(array, types.intp, vec, types.intp), code


class _Places(ir.Instruction):
    """data + index, for a vector of indices: written out, as llvmlite's gep knows only single ones.

    (Adding integers would do as well, but only from this does LLVM make a gather that adds.)
    """

    def __init__(self, builder, scalar, data, index):
        self.scalar = scalar
        pointers = ir.VectorType(ir.PointerType(), index.type.count)
        super().__init__(builder.block, pointers, "getelementptr", [data, index])
        builder._insert(self)

    def descr(self, buffer):
        data, index = self.operands
        buffer.append(f"getelementptr {self.scalar}, ptr {data.get_reference()}, {index.type} {index.get_reference()}\n")


@intrinsic
def gather_pairs(typing, array, start, index):
    """(array[start + index], array[start + index + 1]); of float32, both are read as one number of 64 bits."""
    vec, size, vector = vec_of(array), array.dtype.bitwidth // 8, index.vector
    halves = [range(vector.count)] if size == 8 else [range(vector.count // 2), range(vector.count // 2, vector.count)]

    def gather(builder, data, chosen):
        count = chosen.type.count
        doubles = ir.VectorType(ir.DoubleType(), count)
        places = _Places(builder, SCALARS[array.dtype], data, chosen)
        every, nothing = vec_constant(ir.IntType(1), [1] * count), ir.Constant(doubles, ir.Undefined)
        return call_intrinsic(builder, f"llvm.masked.gather.v{count}f64.v{count}p0", doubles, places, I32(size), every, nothing)

    def code(context, builder, signature, values):
        value = context.make_array(array)(context, builder, values[0])
        data, index = builder.gep(value.data, [values[1]]), values[2]
        if config.BOUNDSCHECK:
            absolute, last = builder.add(index, splat(builder, vector, builder.trunc(values[1], I32))), builder.sub(builder.trunc(value.nitems, I32), I32(1))
            outside = builder.icmp_unsigned(">=", absolute, splat(builder, vector, last))
            raise_out_of_bounds(context, builder, builder.icmp_unsigned("!=", builder.bitcast(outside, ir.IntType(vector.count)), ir.IntType(vector.count)(0)))
        chosen = [builder.shuffle_vector(index, index, vec_constant(I32, half)) for half in halves]
        if size == 8:
            left, right = (gather(builder, builder.gep(data, [I64(step)]), chosen[0]) for step in (0, 1))
        else:
            low, high = (builder.bitcast(gather(builder, data, half), vec.vector) for half in chosen)
            left, right = (builder.shuffle_vector(low, high, vec_constant(I32, range(step, 2 * vector.count, 2))) for step in (0, 1))
        return context.make_tuple(builder, signature.return_type, [left, right])

    return types.UniTuple(vec, 2)(array, types.intp, index), code


def _interleave(builder, a, b, group):
    """The two halves of a, b with ``group`` numbers of a and of b taken in turn."""
    count = a.type.count
    order = [side * count + start + k for start in range(0, count, group) for side in (0, 1) for k in range(group)]
    return [builder.shuffle_vector(a, b, vec_constant(I32, half)) for half in (order[:count], order[count:])]


@intrinsic
def store_interleaved4(typing, array, k, a, b, c, d):
    """a[0], b[0], c[0], d[0], a[1], ... from array[k] on."""

    def code(context, builder, signature, values):
        place = builder.bitcast(address_of(context, builder, array, *values[:2], I64(4 * a.vector.count)), a.vector.as_pointer())
        lows, highs = (_interleave(builder, *pair, 1) for pair in (values[2:4], values[4:6]))
        quads = [quad for low, high in zip(lows, highs) for quad in _interleave(builder, low, high, 2)]
        for step, quad in enumerate(quads):
            builder.store(quad, builder.gep(place, [I64(step)]), align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, a, b, c, d), code


@intrinsic
def add4(typing, array, k, quads, m):
    """array[k : k + 4] += quads[m : m + 4], as one vector of four."""
    four = ir.VectorType(SCALARS[array.dtype], 4)

    def code(context, builder, signature, values):
        sums = builder.bitcast(address_of(context, builder, array, *values[:2], I64(4)), four.as_pointer())
        more = builder.bitcast(address_of(context, builder, quads, *values[2:], I64(4)), four.as_pointer())
        size = array.dtype.bitwidth // 8
        builder.store(builder.fadd(builder.load(sums, align=size), builder.load(more, align=size)), sums, align=size)
        return context.get_dummy_value()

    return types.void(array, types.intp, quads, types.intp), code


@intrinsic
def load_interleaved4(typing, array, k):
    """What store_quads(array, k, a, b, c, d) stored: (a, b, c, d)."""
    vec = vec_of(array)

    def code(context, builder, signature, values):
        count = vec.vector.count
        place = builder.bitcast(address_of(context, builder, array, *values, I64(4 * count)), vec.vector.as_pointer())
        parts = [builder.load(builder.gep(place, [I64(step)]), align=array.dtype.bitwidth // 8) for step in range(4)]

        def every_second(start, pieces):  # of two neighbours each
            return [builder.shuffle_vector(*pair, vec_constant(I32, range(start, 2 * count, 2))) for pair in zip(pieces[::2], pieces[1::2])]

        halves = [every_second(start, parts) for start in (0, 1)]  # a and c in turn, b and d in turn
        (a,), (c,), (b,), (d,) = (every_second(start, half) for half in halves for start in (0, 1))
        return context.make_tuple(builder, signature.return_type, [a, b, c, d])

    return types.UniTuple(vec, 4)(array, types.intp), code
