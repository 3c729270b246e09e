"""Sixteen rows of numbers turned into columns, in registers, and back.

What lies next to each other on one side comes from, or goes to, places that a table tells: entry k
is at blocks[k] + scale * places[k]. So a matrix changes its layout in whole vectors on both sides.
"""
from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .vector import I32, I64, call, constant, name, of, place_of
from .memory import room_for


def turned(builder, rows):
    """Vector k of the result holds number k of every row: blocks of 8, 4, 2, 1 change places across the diagonal."""
    count, rows = len(rows), list(rows)
    size = count // 2
    while size:
        for i in (i for i in range(count) if not i & size):
            low, high = rows[i], rows[i + size]
            rows[i] = builder.shuffle_vector(low, high, constant(I32, [k + count - size if k & size else k for k in range(count)]))
            rows[i + size] = builder.shuffle_vector(low, high, constant(I32, [k + count if k & size else k + size for k in range(count)]))
        size //= 2
    return rows


class _Side:
    """The two sides: rows one pitch apart, of which ``room`` numbers are used, and vectors at the places of a table."""

    def __init__(self, context, builder, lanes):
        self.context, self.builder, self.lanes, self.count = context, builder, lanes, lanes.vector.count
        self.size, self.zeros = I32(lanes.kind.bitwidth // 8), ir.Constant(lanes.vector, None)

    def _vector(self, array, value, at, room=None):
        return self.builder.bitcast(place_of(self.context, self.builder, array, value, at, room), self.lanes.vector.as_pointer())

    def row(self, array, value, at, pitch, i, room):
        least = self.builder.select(self.builder.icmp_signed("<", room, I64(self.count)), room, I64(self.count))
        return self._vector(array, value, self.builder.add(at, self.builder.mul(pitch, I64(i))), least)

    def entry(self, kinds, values, k, array, value):
        """Where vector k lies: blocks[first + k] + scale * places[first + k], from base on."""
        (blocks, places), (base, scale, blocks_, places_, first) = kinds, values
        at = self.builder.add(first, I64(k))
        block, place = (self.builder.load(place_of(self.context, self.builder, table, v, at, I64(1))) for table, v in ((blocks, blocks_), (places, places_)))
        return self._vector(array, value, self.builder.add(base, self.builder.add(block, self.builder.mul(scale, place))))


@intrinsic
def turn(typing, rows, at, pitch, room, columns, base, scale, blocks, places, first):
    """columns[base + blocks[first + k] + scale * places[first + k] + i] = rows[at + i * pitch + k], for i < 16 and k < min(room, 16)."""
    lanes = of(rows)

    def code(context, builder, signature, values):
        rows_, at, pitch, room, columns_, *table = values
        side, mask = _Side(context, builder, lanes), room_for(builder, lanes, room)
        loaded = [call(builder, f"llvm.masked.load.{name(lanes)}.p0", lanes.vector, side.row(rows, rows_, at, pitch, i, room), side.size, mask, side.zeros)
                  for i in range(side.count)]
        for k, vector in enumerate(turned(builder, loaded)):
            with builder.if_then(builder.icmp_signed("<", I64(k), room)):
                builder.store(vector, side.entry((blocks, places), table, k, columns, columns_), align=4)
        return context.get_dummy_value()

    return types.void(rows, types.intp, types.intp, types.intp, columns, types.intp, types.intp, blocks, places, types.intp), code


@intrinsic
def turn_back(typing, columns, base, scale, blocks, places, first, rows, at, pitch, room):
    """rows[at + i * pitch + k] = columns[base + blocks[first + k] + scale * places[first + k] + i], for i < 16 and k < min(room, 16)."""
    lanes = of(rows)

    def code(context, builder, signature, values):
        columns_, base, scale, blocks_, places_, first, rows_, at, pitch, room = values
        side, mask, loaded = _Side(context, builder, lanes), room_for(builder, lanes, room), []
        for k in range(lanes.vector.count):  # beyond the room any vector will do: it is not stored
            inside = builder.select(builder.icmp_signed("<", I64(k), room), builder.add(first, I64(k)), first)
            loaded.append(builder.load(side.entry((blocks, places), (base, scale, blocks_, places_, inside), 0, columns, columns_), align=4))
        for i, vector in enumerate(turned(builder, loaded)):
            place = side.row(rows, rows_, at, pitch, i, room)
            call(builder, f"llvm.masked.store.{name(lanes)}.p0", ir.VoidType(), vector, place, side.size, mask)
        return context.get_dummy_value()

    return types.void(columns, types.intp, types.intp, blocks, places, types.intp, rows, types.intp, types.intp, types.intp), code
