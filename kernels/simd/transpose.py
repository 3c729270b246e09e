"""Sixteen rows of float32 transposed in registers, and back.

On one side are rows, a stride apart. On the other side are vectors at offsets that a table gives: vector k is at
base + blocks[k] + scale * offsets[k]. So a matrix changes its layout with whole vectors on both sides.
"""
from __future__ import annotations

from numba import types
from numba.extending import intrinsic

from .vector import I32, I64, address_of, first_n, masked_load, masked_store, vec_address, vec_constant, vec_of


def transposed(builder, rows):
    """Vector k of the result holds element k of every row: blocks of 8, 4, 2, 1 are swapped across the diagonal."""
    count, rows = len(rows), list(rows)
    size = count // 2
    while size:
        low_order = vec_constant(I32, [k + count - size if k & size else k for k in range(count)])
        high_order = vec_constant(I32, [k + count if k & size else k + size for k in range(count)])
        for i in (i for i in range(count) if not i & size):
            low, high = rows[i], rows[i + size]
            rows[i] = builder.shuffle_vector(low, high, low_order)
            rows[i + size] = builder.shuffle_vector(low, high, high_order)
        size //= 2
    return rows


class _Addresses:
    """The addresses of vectors on the two sides."""

    def __init__(self, context, builder):
        self.context, self.builder = context, builder

    def row(self, array, value, at, stride, i, n):
        """The address of row i, of which at most ``n`` elements are used."""
        builder, lanes = self.builder, I64(vec_of(array).count)
        used = builder.select(builder.icmp_signed("<", n, lanes), n, lanes)
        return vec_address(self.context, builder, array, value, builder.add(at, builder.mul(stride, I64(i))), used)

    def vector(self, array, value, table, values, k):
        """The address of the vector with entry first + k of the table."""
        builder, (base, scale, blocks, offsets, first) = self.builder, values
        at = builder.add(first, I64(k)) if isinstance(k, int) else k
        block, offset = (
            builder.load(address_of(self.context, builder, kind, entries, at, I64(1)))
            for kind, entries in zip(table, (blocks, offsets)))
        at = builder.add(base, builder.add(block, builder.mul(scale, offset)))
        return vec_address(self.context, builder, array, value, at)


@intrinsic
def transpose(typing, rows, at, stride, n, columns, base, scale, blocks, offsets, first):
    """columns[base + blocks[first + k] + scale * offsets[first + k] + i] = rows[at + i * stride + k].

    For i < 16 and k < min(n, 16).
    """
    vec, index = vec_of(rows), types.intp

    def code(context, builder, signature, values):
        rows_, at, stride, n, columns_, *table = values
        addresses, mask = _Addresses(context, builder), first_n(builder, vec, n)
        loaded = [
            masked_load(builder, vec, addresses.row(rows, rows_, at, stride, i, n), mask) for i in range(vec.count)]
        for k, vector in enumerate(transposed(builder, loaded)):
            with builder.if_then(builder.icmp_signed("<", I64(k), n)):
                builder.store(vector, addresses.vector(columns, columns_, (blocks, offsets), table, k), align=4)
        return context.get_dummy_value()

    return types.void(rows, index, index, index, columns, index, index, blocks, offsets, index), code


@intrinsic
def transpose_back(typing, columns, base, scale, blocks, offsets, first, rows, at, stride, n):
    """rows[at + i * stride + k] = columns[base + blocks[first + k] + scale * offsets[first + k] + i].

    For i < 16 and k < min(n, 16).
    """
    vec, index = vec_of(rows), types.intp

    def code(context, builder, signature, values):
        columns_, base, scale, blocks_, offsets_, first, rows_, at, stride, n = values
        addresses, mask, loaded = _Addresses(context, builder), first_n(builder, vec, n), []
        for k in range(vec.count):  # from n on any vector will do: it is not stored
            entry = builder.select(builder.icmp_signed("<", I64(k), n), builder.add(first, I64(k)), first)
            table = base, scale, blocks_, offsets_, first
            address = addresses.vector(columns, columns_, (blocks, offsets), table, entry)
            loaded.append(builder.load(address, align=4))
        for i, vector in enumerate(transposed(builder, loaded)):
            masked_store(builder, vec, vector, addresses.row(rows, rows_, at, stride, i, n), mask)
        return context.get_dummy_value()

    return types.void(columns, index, index, blocks, offsets, index, rows, index, index, index), code
