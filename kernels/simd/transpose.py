"""Sixteen rows of numbers turned into columns, in registers, and back.

What lies next to each other on one side comes from, or goes to, places that a table tells: entry k
is at blocks[k] + scale * places[k]. So a matrix changes its layout in whole vectors on both sides.
"""
from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .memory import first_n
from .vector import I32, I64, address_of, call_intrinsic, llvm_suffix, vec_constant, vec_of


def transposed(builder, rows):
    """Vector k of the result holds number k of every row: blocks of 8, 4, 2, 1 change places across the diagonal."""
    count, rows = len(rows), list(rows)
    size = count // 2
    while size:
        for i in (i for i in range(count) if not i & size):
            low, high = rows[i], rows[i + size]
            rows[i] = builder.shuffle_vector(low, high, vec_constant(I32, [k + count - size if k & size else k for k in range(count)]))
            rows[i + size] = builder.shuffle_vector(low, high, vec_constant(I32, [k + count if k & size else k + size for k in range(count)]))
        size //= 2
    return rows


class _Side:
    """The two sides: rows one pitch apart, of which ``room`` numbers are used, and vectors at the places of a table."""

    def __init__(self, context, builder, vec):
        self.context, self.builder, self.vec, self.count = context, builder, vec, vec.vector.count
        self.size, self.zeros = I32(vec.kind.bitwidth // 8), ir.Constant(vec.vector, None)

    def _vector(self, array, value, at, room=None):
        return self.builder.bitcast(address_of(self.context, self.builder, array, value, at, room), self.vec.vector.as_pointer())

    def row(self, array, value, at, pitch, i, room):
        least = self.builder.select(self.builder.icmp_signed("<", room, I64(self.count)), room, I64(self.count))
        return self._vector(array, value, self.builder.add(at, self.builder.mul(pitch, I64(i))), least)

    def entry(self, kinds, values, k, array, value):
        """Where vector k lies: blocks[first + k] + scale * places[first + k], from base on."""
        (blocks, places), (base, scale, blocks_, places_, first) = kinds, values
        at = self.builder.add(first, I64(k))
        block, place = (self.builder.load(address_of(self.context, self.builder, table, v, at, I64(1))) for table, v in ((blocks, blocks_), (places, places_)))
        return self._vector(array, value, self.builder.add(base, self.builder.add(block, self.builder.mul(scale, place))))


@intrinsic
def transpose(typing, rows, at, pitch, room, columns, base, scale, blocks, places, first):
    """columns[base + blocks[first + k] + scale * places[first + k] + i] = rows[at + i * pitch + k], for i < 16 and k < min(room, 16)."""
    vec = vec_of(rows)

    def code(context, builder, signature, values):
        rows_, at, pitch, room, columns_, *table = values
        side, mask = _Side(context, builder, vec), first_n(builder, vec, room)
        loaded = [call_intrinsic(builder, f"llvm.masked.load.{llvm_suffix(vec)}.p0", vec.vector, side.row(rows, rows_, at, pitch, i, room), side.size, mask, side.zeros)
                  for i in range(side.count)]
        for k, vector in enumerate(transposed(builder, loaded)):
            with builder.if_then(builder.icmp_signed("<", I64(k), room)):
                builder.store(vector, side.entry((blocks, places), table, k, columns, columns_), align=4)
        return context.get_dummy_value()

    return types.void(rows, types.intp, types.intp, types.intp, columns, types.intp, types.intp, blocks, places, types.intp), code


@intrinsic
def transpose_back(typing, columns, base, scale, blocks, places, first, rows, at, pitch, room):
    """rows[at + i * pitch + k] = columns[base + blocks[first + k] + scale * places[first + k] + i], for i < 16 and k < min(room, 16)."""
    vec = vec_of(rows)

    def code(context, builder, signature, values):
        columns_, base, scale, blocks_, places_, first, rows_, at, pitch, room = values
        side, mask, loaded = _Side(context, builder, vec), first_n(builder, vec, room), []
        for k in range(vec.vector.count):  # beyond the room any vector will do: it is not stored
            inside = builder.select(builder.icmp_signed("<", I64(k), room), builder.add(first, I64(k)), first)
            loaded.append(builder.load(side.entry((blocks, places), (base, scale, blocks_, places_, inside), 0, columns, columns_), align=4))
        for i, vector in enumerate(transposed(builder, loaded)):
            place = side.row(rows, rows_, at, pitch, i, room)
            call_intrinsic(builder, f"llvm.masked.store.{llvm_suffix(vec)}.p0", ir.VoidType(), vector, place, side.size, mask)
        return context.get_dummy_value()

    return types.void(columns, types.intp, types.intp, blocks, places, types.intp, rows, types.intp, types.intp, types.intp), code
