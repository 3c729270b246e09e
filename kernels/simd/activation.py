"""Activations of a vector of sums while it is in registers."""
from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ..activation import LEAK
from .vector import I64

LINEAR, RELU, LEAKY = range(3)


def select_positive(builder, value, otherwise):
    """``value`` where it is positive or NaN."""
    return builder.select(builder.fcmp_unordered(">", value, ir.Constant(value.type, None)), value, otherwise)


def times_leak(builder, value):
    return builder.fmul(ir.Constant(value.type, [LEAK] * value.type.count), value)


@intrinsic
def activate(typing, vec, activation):
    """LINEAR, RELU or LEAKY of the lanes."""

    def code(context, builder, signature, values):
        value, activation = values
        leaky = select_positive(builder, value, times_leak(builder, value))
        relu = select_positive(builder, value, ir.Constant(value.type, None))
        value = builder.select(builder.icmp_signed("==", activation, I64(LEAKY)), leaky, value)
        return builder.select(builder.icmp_signed("==", activation, I64(RELU)), relu, value)

    return vec(vec, types.intp), code
