"""The vector type, and what the functions on it share."""
from __future__ import annotations

from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import models, register_model

LANES = {types.float32: 16, types.float64: 8}
I32, I64 = ir.IntType(32), ir.IntType(64)
SCALARS = {types.float32: ir.FloatType(), types.float64: ir.DoubleType(), types.int32: I32}


class Vec(types.Type):
    """WIDTH[real] numbers: of the type ``real`` itself, or the int32 that index such numbers."""

    def __init__(self, real, kind):
        self.real, self.kind = real, kind
        self.vector = ir.VectorType(SCALARS[kind], LANES[real])
        super().__init__(name=f"vec({LANES[real]} {kind})")


@register_model(Vec)
class _VecModel(models.PrimitiveModel):
    def __init__(self, manager, vec):
        super().__init__(manager, vec, vec.vector)


def vec_of(array):
    return Vec(array.dtype, array.dtype)


def llvm_suffix(vec):
    """LLVM's name of the vector."""
    return f"v{vec.vector.count}f{vec.kind.bitwidth}"


def vec_constant(kind, numbers):
    return ir.Constant(ir.VectorType(kind, len(numbers)), list(numbers))


def splat(builder, vector, scalar):
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, I32(0))
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), vec_constant(I32, [0] * vector.count))


def raise_out_of_bounds(context, builder, outside):
    with builder.if_then(outside, likely=False):
        context.call_conv.return_user_exc(builder, IndexError, ("a vector reaches beyond its array",))


def address_of(context, builder, array, value, k, count=None):
    """The address of array[k], from which ``count`` numbers are going to be used: a vector if not given."""
    value = context.make_array(array)(context, builder, value)
    if config.BOUNDSCHECK:
        last = builder.add(k, I64(LANES[array.dtype]) if count is None else count)
        raise_out_of_bounds(context, builder, builder.or_(builder.icmp_signed("<", k, I64(0)), builder.icmp_signed(">", last, value.nitems)))
    return builder.gep(value.data, [k])


def call_intrinsic(builder, name, result, *arguments):
    """The result of an LLVM intrinsic."""
    function = builder.module.globals.get(name) or ir.Function(builder.module, ir.FunctionType(result, [a.type for a in arguments]), name)
    return builder.call(function, arguments)


def unpacked(builder, make, kind, value):
    """(types, LLVM values) of the fields of a named tuple of class ``make``."""
    return make(*kind.types), make(*cgutils.unpack_tuple(builder, value, len(kind.types)))
