"""The vector type, and what the functions on it share."""
from __future__ import annotations

from llvmlite import ir
from numba import config, types
from numba.extending import models, register_model

WIDTH = {types.float32: 16, types.float64: 8}
I32, I64 = ir.IntType(32), ir.IntType(64)
SCALARS = {types.float32: ir.FloatType(), types.float64: ir.DoubleType(), types.int32: I32}


class Lanes(types.Type):
    """WIDTH[real] numbers: of the type ``real`` itself, or the int32 that index such numbers."""

    def __init__(self, real, kind):
        self.real, self.kind = real, kind
        self.vector = ir.VectorType(SCALARS[kind], WIDTH[real])
        super().__init__(name=f"lanes({WIDTH[real]} {kind})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, lanes):
        super().__init__(manager, lanes, lanes.vector)


def of(array):
    return Lanes(array.dtype, array.dtype)


def name(lanes):
    """LLVM's name of the vector."""
    return f"v{lanes.vector.count}f{lanes.kind.bitwidth}"


def constant(kind, numbers):
    return ir.Constant(ir.VectorType(kind, len(numbers)), list(numbers))


def splat(builder, vector, scalar):
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, I32(0))
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), constant(I32, [0] * vector.count))


def refuse(context, builder, outside):
    with builder.if_then(outside, likely=False):
        context.call_conv.return_user_exc(builder, IndexError, ("a vector reaches beyond its array",))


def place_of(context, builder, array, value, k, count=None):
    """The address of array[k], from which ``count`` numbers are going to be used: a vector if not given."""
    value = context.make_array(array)(context, builder, value)
    if config.BOUNDSCHECK:
        last = builder.add(k, I64(WIDTH[array.dtype]) if count is None else count)
        refuse(context, builder, builder.or_(builder.icmp_signed("<", k, I64(0)), builder.icmp_signed(">", last, value.nitems)))
    return builder.gep(value.data, [k])


def call(builder, name, result, *arguments):
    """The result of a function of LLVM's own."""
    kinds = [a.type for a in arguments]
    function = builder.module.globals.get(name) or ir.Function(builder.module, ir.FunctionType(result, kinds), name)
    return builder.call(function, arguments)
