"""What is computed lane by lane, and the sum over the lanes."""
from __future__ import annotations

import operator

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from .vector import I32, I64, LANES, Vec, call_intrinsic, llvm_suffix, splat, vec_constant, vec_of


@intrinsic
def lanes(typing, array):
    """How many numbers of ``array`` make a vector."""
    return types.intp(array), lambda context, builder, signature, values: I64(LANES[array.dtype])


@intrinsic
def zeros(typing, array):
    """A vector of 0, of the numbers of ``array``."""
    vec = vec_of(array)
    return vec(array), lambda context, builder, signature, values: ir.Constant(vec.vector, None)


@intrinsic
def floor(typing, vec):
    def code(context, builder, signature, values):
        return call_intrinsic(builder, f"llvm.floor.{llvm_suffix(vec)}", vec.vector, *values)

    return vec(vec), code


@intrinsic
def to_int(typing, vec):
    """As int32, which they must fit."""
    index = Vec(vec.real, types.int32)

    def code(context, builder, signature, values):
        return builder.fptosi(values[0], index.vector)

    return index(vec), code


@intrinsic
def clamp(typing, vec, low, high):
    """At least ``low``, at most ``high``, two numbers; what is not a number becomes ``low``."""

    def code(context, builder, signature, values):
        value = values[0]
        low, high = (splat(builder, vec.vector, v) for v in values[1:])
        value = builder.select(builder.fcmp_ordered(">", value, low), value, low)
        return builder.select(builder.fcmp_ordered("<", value, high), value, high)

    return vec(vec, vec.kind, vec.kind), code


@intrinsic
def select_within(typing, vec, low, high, otherwise):
    """The lanes in [low, high), and ``otherwise`` in place of the others and of what is not a number."""

    def code(context, builder, signature, values):
        low, high, otherwise = (splat(builder, vec.vector, v) for v in values[1:])
        inside = builder.and_(builder.fcmp_ordered(">=", values[0], low), builder.fcmp_ordered("<", values[0], high))
        return builder.select(inside, values[0], otherwise)

    return vec(vec, vec.kind, vec.kind, vec.kind), code


@intrinsic
def mask_between(typing, vec, p, low, high):
    """The lanes whose p lies in [low, high]; 0 in place of the others."""

    def code(context, builder, signature, values):
        low, high = (splat(builder, vec.vector, v) for v in values[2:])
        inside = builder.and_(builder.fcmp_ordered(">=", values[1], low), builder.fcmp_ordered("<=", values[1], high))
        return builder.select(inside, values[0], ir.Constant(vec.vector, None))

    return vec(vec, p, vec.kind, vec.kind), code


@intrinsic
def slide_up(typing, first, vec):
    """The number ``first``, then the lanes without the last."""

    def code(context, builder, signature, values):
        count = vec.vector.count
        return builder.shuffle_vector(splat(builder, vec.vector, values[0]), values[1], vec_constant(I32, range(count - 1, 2 * count - 1)))

    return vec(vec.kind, vec), code


@intrinsic
def sum_of_lanes(typing, vec):
    """The sum of the lanes, halves first: always in the same order."""

    def code(context, builder, signature, values):
        value = values[0]
        while (count := value.type.count) > 1:
            halves = (builder.shuffle_vector(value, value, vec_constant(I32, range(start, start + count // 2))) for start in (0, count // 2))
            value = builder.fadd(*halves)
        return builder.extract_element(value, I32(0))

    return vec.kind(vec), code


def _arithmetic(of_reals, of_integers, a, b):
    """What an intrinsic returns that combines a and b lane by lane; one of the two may be a number."""
    vec = a if isinstance(a, Vec) else b
    operation, options = (of_integers, {}) if vec.kind == types.int32 else (of_reals, {"flags": ("contract",)})  # a * b + c may be one instruction

    def code(context, builder, signature, values):
        pair = [v if isinstance(t, Vec) else splat(builder, vec.vector, v) for t, v in zip(signature.args, values)]
        return getattr(builder, operation)(*pair, **options)

    return vec(*(t if isinstance(t, Vec) else vec.kind for t in (a, b))), code


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
    if isinstance(a, Vec) or isinstance(b, Vec):
        return lambda a, b: _plus(a, b)


@overload(operator.sub, inline="always")
def _sub(a, b):
    if isinstance(a, Vec) or isinstance(b, Vec):
        return lambda a, b: _minus(a, b)


@overload(operator.mul, inline="always")
def _mul(a, b):
    if isinstance(a, Vec) or isinstance(b, Vec):
        return lambda a, b: _times(a, b)
