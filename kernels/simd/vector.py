"""The vector type, and the LLVM code that the functions on it share."""
from __future__ import annotations

from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import models, register_model

LANES = {types.float32: 16, types.float64: 8}  # of 64 bytes
I32, I64 = ir.IntType(32), ir.IntType(64)
LLVM_TYPES = {types.float32: ir.FloatType(), types.float64: ir.DoubleType(), types.int32: I32}


class Vec(types.Type):
    """``count`` lanes of the Numba type ``element``: float32, float64, or int32 for indices.

    ``vector`` is its LLVM type.
    """

    def __init__(self, element, count):
        self.element, self.count = element, count
        self.vector = ir.VectorType(LLVM_TYPES[element], count)
        super().__init__(name=f"vec({count} {element})")


@register_model(Vec)
class _VecModel(models.PrimitiveModel):
    def __init__(self, manager, vec):
        super().__init__(manager, vec, vec.vector)


def vec_of(array):
    """The Vec of an array's elements."""
    return Vec(array.dtype, LANES[array.dtype])


def llvm_suffix(vec):
    """The vector type in the name of an LLVM intrinsic, "v16f32"."""
    return f"v{vec.count}f{vec.element.bitwidth}"


def vec_constant(element, numbers):
    return ir.Constant(ir.VectorType(element, len(numbers)), list(numbers))


def splat(builder, vector, scalar):
    """All lanes the same."""
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, I32(0))
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), vec_constant(I32, [0] * vector.count))


def raise_out_of_bounds(context, builder, condition):
    with builder.if_then(condition, likely=False):
        context.call_conv.return_user_exc(builder, IndexError, ("a vector reaches beyond its array",))


def address_of(context, builder, array, value, k, n=None):
    """The address of array[k], from which ``n`` elements (as many as a vector has, if None) will be accessed."""
    value = context.make_array(array)(context, builder, value)
    if config.BOUNDSCHECK:
        last = builder.add(k, I64(LANES[array.dtype]) if n is None else n)
        before, beyond = builder.icmp_signed("<", k, I64(0)), builder.icmp_signed(">", last, value.nitems)
        raise_out_of_bounds(context, builder, builder.or_(before, beyond))
    return builder.gep(value.data, [k])


def vec_address(context, builder, array, value, k, n=None):
    """The same as the address of a vector of the array's elements."""
    return builder.bitcast(address_of(context, builder, array, value, k, n), vec_of(array).vector.as_pointer())


def call_intrinsic(builder, name, result, *arguments):
    """The result of an LLVM intrinsic."""
    kind = ir.FunctionType(result, [a.type for a in arguments])
    return builder.call(builder.module.globals.get(name) or ir.Function(builder.module, kind, name), arguments)


def first_n(builder, vec, n):
    """The mask of the first ``n`` lanes."""
    numbers = vec_constant(I64, range(vec.count))
    return builder.icmp_signed("<", numbers, splat(builder, numbers.type, n))


def masked_load(builder, vec, address, mask):
    """The lanes in the mask; 0 for the others."""
    name, size = f"llvm.masked.load.{llvm_suffix(vec)}.p0", I32(vec.element.bitwidth // 8)
    return call_intrinsic(builder, name, vec.vector, address, size, mask, ir.Constant(vec.vector, None))


def masked_store(builder, vec, value, address, mask):
    name, size = f"llvm.masked.store.{llvm_suffix(vec)}.p0", I32(vec.element.bitwidth // 8)
    call_intrinsic(builder, name, ir.VoidType(), value, address, size, mask)


def unpacked(builder, make, kind, value):
    """(types, LLVM values) of the fields of a named tuple of class ``make``."""
    return make(*kind.types), make(*cgutils.unpack_tuple(builder, value, len(kind.types)))
