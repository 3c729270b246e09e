"""The notation of the table's formulas, and its reader.

A formula is what a textbook has, written exactly. Statements are separated by a comma and two spaces, definitions
follow after two spaces and "with":

    x̄ = conv_transpose2d(Z̄, w),  b̄ = Σₙᵢⱼ Z̄  with Z̄ = ȳ · activation′(y)

    x̄, ȳ               the gradient of the input x, of the result y
    ȳ b,  ȳ · b,  ȳ / 2y  products and a quotient, element by element; what stands side by side binds closest
    Ȳ Bᵀ               a matrix product: capitals side by side
    [a ≥ b]            1 where it holds, 0 elsewhere;  ``a if c else b`` selects
    xᵖ⁻¹,  eʸ,  axes⁻¹   powers; the inverse of a permutation
    Σₖ,  Σₙᵢⱼ,  Σ_c      sums over the last axis; over n, i, j; over c of (N,C,H,W); the axes stay as 1
    ȳ repeated         along the axes that the operation reduces
    (a, b)             joined along axis 1
    f(x, ...)          an operation, or one of the operation's ``terms``; parameters that are left out are those of
                       the operation itself, sizes those of the input whose gradient it is

An array with fewer axes is aligned at the left (one number per image), unless the operation broadcasts.
"""
from __future__ import annotations

import operator
import re
from typing import Any

import numpy as np

from ..errors import ArgumentError

_OPERANDS = ("number", "sum", "word")  # kinds of tokens that begin one
BAR = "\u0304"  # the macron of x̄, which follows its letter
_AXES = {"ₙ": 0, "_c": 1, "ᵢ": 2, "ⱼ": 3, "ₖ": -1}
_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ᵖʸ", "0123456789−+py"))
_COMPARE = {"≤": operator.le, "≥": operator.ge, "<": operator.lt, ">": operator.gt, "=": operator.eq, "≠": operator.ne}
_TOKEN = re.compile(
    rf"\s*(?:(?P<number>\d+)|(?P<sum>Σ(?:[ₙᵢⱼₖ]+|_c)?)|(?P<word>[A-Za-zα-ω][A-Za-z0-9_α-ω{BAR}]*′?)[ᵢₖ]?"
    rf"|(?P<super>[{''.join(_SUPERSCRIPTS)}ᵀ]+)|(?P<sign>[-−+·/()\[\],∞≤≥<>=≠]))"
)


class Reader:
    """Recursive descent over one right side; every value is (array, whether it is a matrix)."""

    def __init__(self, text: str, case):
        self.text, self.case, self.tokens, place = text, case, [], 0
        while text[place:].strip():
            if not (found := _TOKEN.match(text, place)):
                raise ArgumentError(f"{text[place:]!r} cannot be read")
            self.tokens.append((found.lastgroup, found[found.lastgroup or 0]))
            place = found.end()
        self.tokens.append(("end", ""))

    def peek(self, *texts):
        return self.tokens[0][1] in texts

    def take(self, *texts):
        """The next token, if it is one of ``texts`` (or any); None otherwise."""
        return self.tokens.pop(0)[1] if not texts or self.peek(*texts) else None

    def need(self, text):
        if self.take(text) is None:
            raise ArgumentError(f"{text!r} is missing before {self.tokens[0][1]!r} in {self.text!r}")

    def all(self):
        value, _ = self.choice()
        if self.tokens[0][0] != "end":
            raise ArgumentError(f"{self.tokens[0][1]!r} is not expected in {self.text!r}")
        return value

    def choice(self):
        value = self.sum()
        if self.take("if"):
            condition = self.condition()
            self.need("else")
            condition, first = self.case.aligned(condition, value[0])
            return np.where(condition, first, self.choice()[0]), value[1]
        return value

    def condition(self):
        inverted = self.take("not") is not None
        left = self.sum()[0]
        holds: Any = True if self.peek(*_COMPARE) else np.asarray(left, bool)
        while (sign := self.take(*_COMPARE)) is not None:
            right = self.sum()[0]
            holds, left = holds & _COMPARE[sign](*self.case.aligned(left, right)), right
        return ~holds if inverted else holds

    def sum(self):
        value, matrix = self.quotient()
        while (sign := self.take("+", "−", "-")) is not None:
            a, b = self.case.aligned(value, self.quotient()[0])
            value = a + b if sign == "+" else a - b
        return value, matrix

    def quotient(self):
        value, matrix = self.product()
        while (sign := self.take("·", "/")) is not None:
            other, also = self.product()
            a, b = self.case.aligned(value, other)
            value, matrix = a * b if sign == "·" else a / b, matrix or also
        return value, matrix

    def product(self):
        """What stands side by side."""
        if self.take("−", "-"):
            value, matrix = self.product()
            return -np.asarray(value), matrix
        value, matrix = self.power()
        while self.peek("(", "[", "∞") or self.tokens[0][0] in _OPERANDS and not self.peek("if", "else"):
            other, also = self.power()
            value = np.matmul(value, other) if matrix and also else operator.mul(*self.case.aligned(value, other))
            matrix = matrix or also
        return value, matrix

    def power(self):
        value, matrix = self.primary()
        if self.tokens[0][0] == "super":
            raised = self.take()
            if raised == "ᵀ":
                value, matrix = np.swapaxes(value, -1, -2), True
            else:
                exponent = Reader("".join(_SUPERSCRIPTS[c] for c in raised), self.case).all()
                axes = value is None or isinstance(value, tuple)
                value = _inverse(value) if axes else np.power(np.asarray(value, float), exponent)
        if self.take("repeated"):
            value = self.case.repeated(value)
        return value, matrix

    def primary(self):
        kind, text = self.tokens.pop(0)
        if kind == "number":
            return int(text), False
        if text == "∞":
            return np.inf, False
        if kind == "sum":
            axes = tuple(_AXES[letter] for letter in re.findall("_c|.", text[1:]))
            value, matrix = self.product()
            return np.sum(value, axis=axes, keepdims=True), matrix
        if kind == "word" and self.case.knows(text) and self.take("("):
            return self.case.call(text, self.listed()), False
        if kind == "word":
            return self.case.value_of(text), text[0].isupper()
        if text == "[":
            holds = self.condition()
            self.need("]")
            return 1.0 * holds, False
        if text == "(":
            value, matrix = self.choice()
            if self.take(")"):
                return value, matrix
            self.need(",")
            return np.concatenate([value, *self.listed()], axis=1), matrix
        raise ArgumentError(f"{text!r} is not expected in {self.text!r}")

    def listed(self):
        """Values separated by commas, up to the closing bracket."""
        values = []
        while not self.take(")"):
            values.append(self.choice()[0])
            if not self.peek(")"):
                self.need(",")
        return values


def _inverse(axes):
    """The inverse of a permutation of axes; None reverses them, and is its own inverse."""
    return None if axes is None else tuple(np.argsort([a % len(axes) for a in axes]).tolist())
