"""The transforms of Winograd's algorithm, derived from the points at which polynomials are evaluated.

m outputs of a correlation with r taps read t = m + r - 1 inputs. Written as a product of polynomials
that are evaluated at t points, one of them infinity (Toom and Cook), and transposed:

    y = AT [(G w) * (BT x)]        AT[j, i] = p_i^j      G[i, j] = p_i^j      BT[i] = coefficients of
                                                                              the Lagrange polynomial of p_i

In two dimensions each matrix acts on the rows and then on the columns. The matrices are computed
in exact fractions and scaled by powers of two, so that the largest element of a row of BT is near 1;
in the kernels their elements are constants of the code.
"""
from __future__ import annotations

from fractions import Fraction
from math import log2
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ..simd.vector import I64, address_of, call_intrinsic, llvm_suffix, vec_of
from ._winograd_use import TAPS

HALF = Fraction(1, 2)
POINTS = {4: (0, 1, -1, HALF, -HALF), 5: (0, 1, -1, HALF, -HALF, 3)}  # for m outputs of a patch: the finite points


def _times_linear(polynomial, root):
    """polynomial * (x - root); coefficients in ascending order."""
    return [a - root * b for a, b in zip([0, *polynomial], [*polynomial, 0])]


def _lagrange(points, point):
    """Coefficients of the polynomial that is 1 at ``point`` and 0 at the other points."""
    result = [Fraction(1)]
    for other in points:
        if other != point:
            result = [c / (point - other) for c in _times_linear(result, other)]
    return result


def matrices(m):
    """{"AT": (m, t), "G": (t, 3), "BT": (t, t)} of Fractions."""
    points = [Fraction(p) for p in POINTS[m]]
    at_infinity = [Fraction(1)]
    for p in points:
        at_infinity = _times_linear(at_infinity, p)
    bt = [[*_lagrange(points, p), Fraction(0)] for p in points] + [at_infinity]
    scales = [Fraction(2) ** round(log2(max(map(abs, row)))) for row in bt]

    def powers(n):
        return [[p**j for j in range(n)] for p in points] + [[Fraction(0)] * (n - 1) + [Fraction(1)]]

    return {
        "AT": [list(row) for row in zip(*powers(m))],
        "G": [[scale * c for c in row] for scale, row in zip(scales, powers(TAPS))],
        "BT": [[c / scale for c in row] for scale, row in zip(scales, bt)],
    }


def _with_transposes(forward):
    transposed = {"AT": "A", "BT": "B", "G": "GT"}
    return forward | {transposed[name]: list(zip(*matrix)) for name, matrix in forward.items()}


MATRICES = {m: _with_transposes(matrices(m)) for m in POINTS}


class Elements(NamedTuple):
    """The offset of element (i, j) of a matrix whose elements are vectors: start + i * row + j * column."""

    start: int
    row: int
    column: int


def _multiply(builder, vec, matrix, vectors):
    """matrix @ vectors, as code."""
    results = []
    for row in matrix:
        total = None
        for c, vector in zip(row, vectors):
            if c == 0:
                continue
            if total is None:
                total = vector if c == 1 else builder.fmul(_constant(vec, c), vector)
            elif abs(c) == 1:
                total = (builder.fadd if c == 1 else builder.fsub)(total, vector)
            else:
                fmuladd = f"llvm.fmuladd.{llvm_suffix(vec)}"
                total = call_intrinsic(builder, fmuladd, vec.vector, _constant(vec, c), vector, total)
        results.append(total)
    return results


def _constant(vec, c):
    return ir.Constant(vec.vector, [float(np.float32(float(c)))] * vec.vector.count)


@intrinsic(prefer_literal=True)
def transform(typing, which, m, source, source_at, target, target_at, add):
    """target (+)= M source M^T for sixteen channels at a time, M = MATRICES[m][which]; m may be a variable.

    source_at, target_at : :class:`Elements`, where the first channels of the elements lie
    """
    vec, adds = vec_of(source), bool(add.literal_value)

    def code(context, builder, signature, values):
        _, m, source_, source_at, target_, target_at, _ = values

        def address(array, value, at, i, j):
            start, row, column = (builder.extract_value(at, k) for k in range(3))
            offset = builder.add(start, builder.add(builder.mul(row, I64(i)), builder.mul(column, I64(j))))
            return builder.bitcast(address_of(context, builder, array, value, offset), vec.vector.as_pointer())

        def write(matrix):
            n, half = len(matrix[0]), []  # half: rows of the source, combined along the columns
            for i in range(n):
                vectors = [builder.load(address(source, source_, source_at, i, j), align=4) for j in range(n)]
                half.append(_multiply(builder, vec, matrix, vectors))
            for j, vectors in enumerate(zip(*half)):
                for i, result in enumerate(_multiply(builder, vec, matrix, vectors)):
                    to = address(target, target_, target_at, i, j)
                    builder.store(builder.fadd(builder.load(to, align=4), result) if adds else result, to, align=4)

        for outputs, matrices in MATRICES.items():
            with builder.if_then(builder.icmp_signed("==", m, I64(outputs))):
                write(matrices[which.literal_value])
        return context.get_dummy_value()

    return types.void(which, types.intp, source, source_at, target, target_at, add), code
