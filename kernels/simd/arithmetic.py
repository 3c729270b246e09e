"""Arithmetic lane by lane, and the sum over the lanes."""
from __future__ import annotations

import operator

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from .vector import I32, I64, LANES, Vec, call_intrinsic, llvm_suffix, splat, vec_constant, vec_of


@intrinsic
def lanes(typing, array):
    """How many elements of ``array`` make a vector."""
    return types.intp(array), lambda context, builder, signature, values: I64(LANES[array.dtype])


@intrinsic
def zeros(typing, array):
    """A vector of zeros of the array's dtype."""
    vec = vec_of(array)
    return vec(array), lambda context, builder, signature, values: ir.Constant(vec.vector, None)


@intrinsic
def floor(typing, vec):
    def code(context, builder, signature, values):
        return call_intrinsic(builder, f"llvm.floor.{llvm_suffix(vec)}", vec.vector, *values)

    return vec(vec), code


@intrinsic
def to_int(typing, vec):
    """The lanes, which must be in the range of int32, as int32."""
    index = Vec(types.int32, vec.count)
    return index(vec), lambda context, builder, signature, values: builder.fptosi(values[0], index.vector)


@intrinsic
def clamp(typing, vec, low, high):
    """The lanes limited to [low, high]; NaN becomes ``low``."""

    def code(context, builder, signature, values):
        value, (low, high) = values[0], (splat(builder, vec.vector, v) for v in values[1:])
        value = builder.select(builder.fcmp_ordered(">", value, low), value, low)
        return builder.select(builder.fcmp_ordered("<", value, high), value, high)

    return vec(vec, vec.element, vec.element), code


@intrinsic
def select_within(typing, vec, low, high, otherwise):
    """The lanes in [low, high), ``otherwise`` in place of the others and of NaN."""

    def code(context, builder, signature, values):
        low, high, otherwise = (splat(builder, vec.vector, v) for v in values[1:])
        inside = builder.and_(builder.fcmp_ordered(">=", values[0], low), builder.fcmp_ordered("<", values[0], high))
        return builder.select(inside, values[0], otherwise)

    return vec(vec, vec.element, vec.element, vec.element), code


@intrinsic
def mask_between(typing, vec, p, low, high):
    """The lanes whose p is in [low, high], 0 in place of the others."""

    def code(context, builder, signature, values):
        low, high = (splat(builder, vec.vector, v) for v in values[2:])
        inside = builder.and_(builder.fcmp_ordered(">=", values[1], low), builder.fcmp_ordered("<=", values[1], high))
        return builder.select(inside, values[0], ir.Constant(vec.vector, None))

    return vec(vec, p, vec.element, vec.element), code


@intrinsic
def slide_up(typing, first, vec):
    """The number ``first``, then all lanes but the last."""

    def code(context, builder, signature, values):
        order = vec_constant(I32, range(vec.count - 1, 2 * vec.count - 1))
        return builder.shuffle_vector(splat(builder, vec.vector, values[0]), values[1], order)

    return vec(vec.element, vec), code


@intrinsic
def sum_of_lanes(typing, vec):
    """The sum of the lanes: of the two halves, then of their halves, always in this order."""

    def code(context, builder, signature, values):
        value = values[0]
        while (count := value.type.count) > 1:
            orders = (vec_constant(I32, range(start, start + count // 2)) for start in (0, count // 2))
            value = builder.fadd(*(builder.shuffle_vector(value, value, order) for order in orders))
        return builder.extract_element(value, I32(0))

    return vec.element(vec), code


def _lane_by_lane(of_reals, of_integers, a, b):
    """What an intrinsic returns that combines a and b lane by lane; one of the two may be a number."""
    vec = a if isinstance(a, Vec) else b
    integers = vec.element == types.int32
    operation, options = (of_integers, {}) if integers else (of_reals, {"flags": ("contract",)})  # a * b + c: one FMA

    def code(context, builder, signature, values):
        kinds = zip(signature.args, values)
        pair = [v if isinstance(t, Vec) else splat(builder, vec.vector, v) for t, v in kinds]
        return getattr(builder, operation)(*pair, **options)

    return vec(*(t if isinstance(t, Vec) else vec.element for t in (a, b))), code


@intrinsic
def _plus(typing, a, b):
    return _lane_by_lane("fadd", "add", a, b)


@intrinsic
def _minus(typing, a, b):
    return _lane_by_lane("fsub", "sub", a, b)


@intrinsic
def _times(typing, a, b):
    return _lane_by_lane("fmul", "mul", a, b)


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
