"""The formulas of the table, computed at its samples, so that a formula that differs from its rule is found out.

The notation is described in formula_reader.py.
"""
from __future__ import annotations

import inspect
import unicodedata

import numpy as np

from ..errors import ArgumentError
from .formula_reader import BAR, Reader
from .registry import FUNCTIONS, NO_GRADIENT, Op
from .rules.reduction import kept_shape
from .rules.shape import sum_to

_SYMBOLS = {"p": ("exponent", "positions"), "ε": ("eps",), "η": ("eta",), "θ": ("theta",)}


def check(op: Op, rng=None) -> None:
    """Raise ArgumentError if ``op.formula`` cannot be read, or differs from a rule at one of ``op``'s samples."""
    where = f"operation {op.name!r}: its formula {op.formula!r:.200}"
    for arrays, params in op.samples(rng or np.random.default_rng(0)) if op.samples else ():
        params = {**op.defaults, **params}
        y = np.asarray(op.forward(*arrays, **params))
        g = np.random.default_rng(1).standard_normal(y.shape)
        try:
            found = _Case(op, y, g, arrays, params).gradients()
        except Exception as error:
            reason = f"{error!s:.200}; see autodiff/formula_reader.py"
            raise ArgumentError(f"{where} cannot be computed: {reason}") from error
        for i, array in enumerate(arrays):
            if op.rule(i) is NO_GRADIENT:
                continue
            if i not in found:
                raise ArgumentError(f"{where} says nothing of input {i}, {op.inputs[i]}; add its gradient")
            expected = np.asarray(sum_to(op.rule(i)(g, y, *arrays, **params), array.shape))
            if found[i].size != array.size or not np.allclose(found[i].reshape(array.shape), expected, 1e-9, 1e-12):
                raise ArgumentError(f"{where} differs from the rule of input {i} at a sample; correct one of them")


class _Case:
    """A formula at one sample."""

    def __init__(self, op: Op, y, g, arrays, params):
        self.op, self.arrays, self.params, self.target = op, arrays, params, arrays[0]
        self.names = {**params, **dict(zip(op.inputs, arrays)), "y": y, f"y{BAR}": g}
        self.names |= {"e": np.e, "count": arrays[0].size / max(y.size, 1)}

        self.functions = {
            "sign": np.sign, "σ": FUNCTIONS["sigmoid"], "shape": np.shape, "size": lambda a: a.shape[2:],
            "flattened": lambda a: a.reshape(*a.shape[:2], -1), "argmax": lambda z: z.argmax(axis=-1),
            "onehot": lambda k: 1.0 * (k[:, None] == np.arange(arrays[0].shape[-1])),
        }
        for name, value in (op.terms(*arrays, **params) if op.terms else {}).items():
            (self.functions if callable(value) else self.names)[name] = value

    def gradients(self) -> dict:
        """{i: the gradient of input i by its statement}."""
        text = unicodedata.normalize("NFD", self.op.formula).replace("=\u0338", "≠")
        statements, _, definitions = text.partition("  with ")
        for definition in filter(None, definitions.split(",  ")):
            name, _, right = definition.partition(" = ")
            self.names[name] = Reader(right, self).all()
        found = {}
        for statement in statements.split(",  "):
            name, _, right = statement.partition(" = ")
            if self.op.variadic:
                for i, array in enumerate(self.arrays):
                    self.target, self.names["i"] = array, i
                    found[i] = np.asarray(Reader(right, self).all())
                return found
            self.target = self.value_of(name.replace(BAR, ""))
            value = self.names[name] = np.asarray(Reader(right, self).all())
            if self.op.broadcasts:
                value = sum_to(value, self.target.shape)
            found.update({i: value for i, array in enumerate(self.arrays) if array is self.target})
        return found

    def value_of(self, word):
        for name in (word, *_SYMBOLS.get(word, ()), word[0].lower() + word[1:]):
            if name in self.names:
                return self.names[name]
        raise ArgumentError(f"{word!r} is neither an input nor a parameter")

    def call(self, name, arguments):
        if name in self.functions:
            return self.functions[name](*arguments)
        function, target = FUNCTIONS[name], self.target.shape
        known = {"shape": target, "size": target[2:], "kernel_size": target[2:]}
        known |= {name: value for name, value in self.names.items() if value is not None}
        left_out = list(inspect.signature(function).parameters)[len(arguments) :]
        return function(*arguments, **{parameter: known[parameter] for parameter in left_out if parameter in known})

    def knows(self, name) -> bool:
        """Whether ``name`` is a function."""
        return name in self.functions or name in FUNCTIONS

    def repeated(self, value):
        """``value``, a reduction of the first input, repeated to its shape."""
        like = self.arrays[0].shape
        return np.broadcast_to(value.reshape(kept_shape(like, self.params["axis"])), like)

    def aligned(self, a, b):
        """a and b for an operation element by element."""
        a, b = np.asarray(a), np.asarray(b)
        return (a, b) if self.op.broadcasts else (_at_the_left(a, b), _at_the_left(b, a))


def _at_the_left(a, b):
    """``a``, with axes of length 1 at its end if its shape is the beginning of that of b (one number per image)."""
    fits = 0 < a.ndim < b.ndim and a.shape == b.shape[: a.ndim]
    return a.reshape(*a.shape, *(1,) * (b.ndim - a.ndim)) if fits else a
