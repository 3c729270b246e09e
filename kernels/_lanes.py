"""Vectors for Numba kernels: 16 float32 or 8 float64 that the compiler keeps in registers.

Numba's own loops do not vectorise a gather (the output might alias the image, and some processors
are tuned against it). Here a vector is a value like any other, so that a kernel reads like its
formula, with ``p * a + b`` meaning sixteen of them:

    p = lanes.load(array, k)                  array[k], array[k + 1], ...
    j = lanes.floor(p)
    left, right = lanes.pairs(array, index)   array[index] and array[index + 1]
    lanes.store(array, k, left + (p - j) * (right - left))

LLVM splits them for processors whose registers are shorter. Arrays are 1-D and contiguous. Bounds
are checked if Numba's are (NUMBA_BOUNDSCHECK=1, with a cache folder of its own). All stands at
module level: Numba finds a compiled kernel in its cache only if it can find again what the kernel
calls. It does not see that this file has changed: after an edit, delete the caches (*.nbi).
"""
from __future__ import annotations

import operator

from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic, models, overload, register_model

WIDTH = {types.float32: 16, types.float64: 8}
_I32, _I64 = ir.IntType(32), ir.IntType(64)
_SCALARS = {types.float32: ir.FloatType(), types.float64: ir.DoubleType(), types.int32: _I32}


class Lanes(types.Type):
    """WIDTH[real] numbers: of the type ``real`` itself, or the int32 that index such numbers."""

    def __init__(self, real, kind):
        self.real, self.kind = real, kind
        self.vector = ir.VectorType(_SCALARS[kind], WIDTH[real])
        super().__init__(name=f"lanes({WIDTH[real]} {kind})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, lanes):
        super().__init__(manager, lanes, lanes.vector)


def _of(array):
    return Lanes(array.dtype, array.dtype)


def _name(lanes):
    """LLVM's name of the vector."""
    return f"v{lanes.vector.count}f{lanes.kind.bitwidth}"


def _constant(kind, numbers):
    return ir.Constant(ir.VectorType(kind, len(numbers)), list(numbers))


def _splat(builder, vector, scalar):
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, _I32(0))
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), _constant(_I32, [0] * vector.count))


def _refuse(context, builder, outside):
    with builder.if_then(outside, likely=False):
        context.call_conv.return_user_exc(builder, IndexError, ("a vector reaches beyond its array",))


def _place(context, builder, array, value, k, count=None):
    """The address of array[k], from which ``count`` numbers are going to be used: a vector if not given."""
    value = context.make_array(array)(context, builder, value)
    if config.BOUNDSCHECK:
        last = builder.add(k, _I64(WIDTH[array.dtype]) if count is None else count)
        _refuse(context, builder, builder.or_(builder.icmp_signed("<", k, _I64(0)), builder.icmp_signed(">", last, value.nitems)))
    return builder.gep(value.data, [k])


def _call(builder, name, result, *arguments):
    """The result of a function of LLVM's own."""
    kinds = [a.type for a in arguments]
    function = builder.module.globals.get(name) or ir.Function(builder.module, ir.FunctionType(result, kinds), name)
    return builder.call(function, arguments)


@intrinsic
def width(typing, array):
    """How many numbers of ``array`` make a vector."""
    return types.intp(array), lambda context, builder, signature, values: _I64(WIDTH[array.dtype])


@intrinsic
def zeros(typing, array):
    """A vector of 0, of the numbers of ``array``."""
    lanes = _of(array)
    return lanes(array), lambda context, builder, signature, values: ir.Constant(lanes.vector, None)


def _room(builder, lanes, room):
    """Which lanes are the first ``room``."""
    count = lanes.vector.count
    return builder.icmp_signed("<", _constant(_I64, range(count)), _splat(builder, ir.VectorType(_I64, count), room))


@intrinsic
def load(typing, array, k):
    """array[k], array[k + 1], ..."""
    lanes = _of(array)

    def code(context, builder, signature, values):
        place = builder.bitcast(_place(context, builder, array, *values), lanes.vector.as_pointer())
        return builder.load(place, align=array.dtype.bitwidth // 8)

    return lanes(array, types.intp), code


@intrinsic
def load_some(typing, array, k, room):
    """The first ``room`` of array[k], array[k + 1], ...; 0 in place of the others."""
    lanes = _of(array)

    def code(context, builder, signature, values):
        place = builder.bitcast(_place(context, builder, array, *values), lanes.vector.as_pointer())
        zeros, size = ir.Constant(lanes.vector, None), _I32(array.dtype.bitwidth // 8)
        return _call(builder, f"llvm.masked.load.{_name(lanes)}.p0", lanes.vector, place, size, _room(builder, lanes, values[2]), zeros)

    return lanes(array, types.intp, types.intp), code


@intrinsic
def store(typing, array, k, lanes):
    """array[k], array[k + 1], ... = lanes"""

    def code(context, builder, signature, values):
        place = builder.bitcast(_place(context, builder, array, *values[:2], _I64(lanes.vector.count)), lanes.vector.as_pointer())
        builder.store(values[2], place, align=lanes.kind.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), code


@intrinsic
def store_some(typing, array, k, lanes, room):
    """Store only the first ``room`` lanes."""

    def code(context, builder, signature, values):
        place = builder.bitcast(_place(context, builder, array, *values[:2], values[3]), lanes.vector.as_pointer())
        size = _I32(array.dtype.bitwidth // 8)
        _call(builder, f"llvm.masked.store.{_name(lanes)}.p0", ir.VoidType(), values[2], place, size, _room(builder, lanes, values[3]))
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes, types.intp), code


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
def pairs(typing, array, index):
    """(array[index], array[index + 1]); of float32, both are read as one number of 64 bits."""
    lanes, size, vector = _of(array), array.dtype.bitwidth // 8, index.vector
    halves = [range(vector.count)] if size == 8 else [range(vector.count // 2), range(vector.count // 2, vector.count)]

    def gather(builder, data, chosen):
        count = chosen.type.count
        doubles = ir.VectorType(ir.DoubleType(), count)
        places = _Places(builder, _SCALARS[array.dtype], data, chosen)
        every, nothing = _constant(ir.IntType(1), [1] * count), ir.Constant(doubles, ir.Undefined)
        return _call(builder, f"llvm.masked.gather.v{count}f64.v{count}p0", doubles, places, _I32(size), every, nothing)

    def code(context, builder, signature, values):
        data = context.make_array(array)(context, builder, values[0]).data
        if config.BOUNDSCHECK:
            last = builder.trunc(context.make_array(array)(context, builder, values[0]).nitems, _I32)
            outside = builder.icmp_unsigned(">=", values[1], _splat(builder, vector, builder.sub(last, _I32(1))))
            _refuse(context, builder, builder.icmp_unsigned("!=", builder.bitcast(outside, ir.IntType(vector.count)), ir.IntType(vector.count)(0)))
        chosen = [builder.shuffle_vector(values[1], values[1], _constant(_I32, half)) for half in halves]
        if size == 8:
            left, right = (gather(builder, builder.gep(data, [_I64(step)]), chosen[0]) for step in (0, 1))
        else:
            low, high = (builder.bitcast(gather(builder, data, half), lanes.vector) for half in chosen)
            left, right = (builder.shuffle_vector(low, high, _constant(_I32, range(step, 2 * vector.count, 2))) for step in (0, 1))
        return context.make_tuple(builder, signature.return_type, [left, right])

    return types.UniTuple(lanes, 2)(array, index), code


def _interleave(builder, a, b, group):
    """The two halves of a, b with ``group`` numbers of a and of b taken in turn."""
    count = a.type.count
    order = [side * count + start + k for start in range(0, count, group) for side in (0, 1) for k in range(group)]
    return [builder.shuffle_vector(a, b, _constant(_I32, half)) for half in (order[:count], order[count:])]


@intrinsic
def store_quads(typing, array, k, a, b, c, d):
    """a[0], b[0], c[0], d[0], a[1], ... from array[k] on."""

    def code(context, builder, signature, values):
        place = builder.bitcast(_place(context, builder, array, *values[:2], _I64(4 * a.vector.count)), a.vector.as_pointer())
        lows, highs = (_interleave(builder, *pair, 1) for pair in (values[2:4], values[4:6]))
        quads = [quad for low, high in zip(lows, highs) for quad in _interleave(builder, low, high, 2)]
        for step, quad in enumerate(quads):
            builder.store(quad, builder.gep(place, [_I64(step)]), align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, a, b, c, d), code


@intrinsic
def add_quad(typing, array, k, quads, m):
    """array[k : k + 4] += quads[m : m + 4], as one vector of four."""
    four = ir.VectorType(_SCALARS[array.dtype], 4)

    def code(context, builder, signature, values):
        sums = builder.bitcast(_place(context, builder, array, *values[:2], _I64(4)), four.as_pointer())
        more = builder.bitcast(_place(context, builder, quads, *values[2:], _I64(4)), four.as_pointer())
        size = array.dtype.bitwidth // 8
        builder.store(builder.fadd(builder.load(sums, align=size), builder.load(more, align=size)), sums, align=size)
        return context.get_dummy_value()

    return types.void(array, types.intp, quads, types.intp), code


@intrinsic
def every_fourth(typing, array, k):
    """array[k], array[k + 4], ..."""
    lanes = _of(array)

    def code(context, builder, signature, values):
        count = lanes.vector.count
        place = builder.bitcast(_place(context, builder, array, *values, _I64(4 * count)), lanes.vector.as_pointer())
        parts = [builder.load(builder.gep(place, [_I64(step)]), align=array.dtype.bitwidth // 8) for step in range(4)]
        while len(parts) > 1:  # of two neighbours every second, twice
            parts = [builder.shuffle_vector(low, high, _constant(_I32, range(0, 2 * count, 2))) for low, high in zip(parts[::2], parts[1::2])]
        return parts[0]

    return lanes(array, types.intp), code


@intrinsic
def floor(typing, lanes):
    def code(context, builder, signature, values):
        return _call(builder, f"llvm.floor.{_name(lanes)}", lanes.vector, *values)

    return lanes(lanes), code


@intrinsic
def whole(typing, lanes):
    """As int32, which they must fit."""
    index = Lanes(lanes.real, types.int32)

    def code(context, builder, signature, values):
        return builder.fptosi(values[0], index.vector)

    return index(lanes), code


@intrinsic
def clamp(typing, lanes, low, high):
    """At least ``low``, at most ``high``, two numbers; what is not a number becomes ``low``."""

    def code(context, builder, signature, values):
        value = values[0]
        low, high = (_splat(builder, lanes.vector, v) for v in values[1:])
        value = builder.select(builder.fcmp_ordered(">", value, low), value, low)
        return builder.select(builder.fcmp_ordered("<", value, high), value, high)

    return lanes(lanes, lanes.kind, lanes.kind), code


@intrinsic
def within(typing, lanes, low, high, otherwise):
    """The lanes in [low, high), and ``otherwise`` in place of the others and of what is not a number."""

    def code(context, builder, signature, values):
        low, high, otherwise = (_splat(builder, lanes.vector, v) for v in values[1:])
        inside = builder.and_(builder.fcmp_ordered(">=", values[0], low), builder.fcmp_ordered("<", values[0], high))
        return builder.select(inside, values[0], otherwise)

    return lanes(lanes, lanes.kind, lanes.kind, lanes.kind), code


@intrinsic
def where_between(typing, lanes, p, low, high):
    """The lanes whose p lies in [low, high]; 0 in place of the others."""

    def code(context, builder, signature, values):
        low, high = (_splat(builder, lanes.vector, v) for v in values[2:])
        inside = builder.and_(builder.fcmp_ordered(">=", values[1], low), builder.fcmp_ordered("<=", values[1], high))
        return builder.select(inside, values[0], ir.Constant(lanes.vector, None))

    return lanes(lanes, p, lanes.kind, lanes.kind), code


@intrinsic
def total(typing, lanes):
    """The sum of the lanes, halves first: always in the same order."""

    def code(context, builder, signature, values):
        value = values[0]
        while (count := value.type.count) > 1:
            halves = (builder.shuffle_vector(value, value, _constant(_I32, range(start, start + count // 2))) for start in (0, count // 2))
            value = builder.fadd(*halves)
        return builder.extract_element(value, _I32(0))

    return lanes.kind(lanes), code


def _arithmetic(of_reals, of_integers, a, b):
    """What an intrinsic returns that combines a and b lane by lane; one of the two may be a number."""
    lanes = a if isinstance(a, Lanes) else b
    name, options = (of_integers, {}) if lanes.kind == types.int32 else (of_reals, {"flags": ("contract",)})  # a * b + c may be one instruction

    def code(context, builder, signature, values):
        pair = [v if isinstance(t, Lanes) else _splat(builder, lanes.vector, v) for t, v in zip(signature.args, values)]
        return getattr(builder, name)(*pair, **options)

    return lanes(*(t if isinstance(t, Lanes) else lanes.kind for t in (a, b))), code


@intrinsic
def _plus(typing, a, b):
    return _arithmetic("fadd", "add", a, b)


@intrinsic
def _minus(typing, a, b):
    return _arithmetic("fsub", "sub", a, b)


@intrinsic
def _times(typing, a, b):
    return _arithmetic("fmul", "mul", a, b)


@overload(operator.add, inline="always")
def _add(a, b):
    if isinstance(a, Lanes) or isinstance(b, Lanes):
        return lambda a, b: _plus(a, b)


@overload(operator.sub, inline="always")
def _sub(a, b):
    if isinstance(a, Lanes) or isinstance(b, Lanes):
        return lambda a, b: _minus(a, b)


@overload(operator.mul, inline="always")
def _mul(a, b):
    if isinstance(a, Lanes) or isinstance(b, Lanes):
        return lambda a, b: _times(a, b)
