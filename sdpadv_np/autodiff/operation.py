"""One row of the table of operations, and the tables themselves; rows are made in registry.py."""
from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from .. import xp
from ..errors import OperationError
from .parameters import normalised
from .tensor import raw

OPS: dict[str, Op] = {}  # the table
FUNCTIONS: dict[str, Callable] = {}  # name -> the function that applies the operation; sd.ops
OWN: dict[str, Op] = {}  # operations of users, by sd.define_op


def NO_GRADIENT(g, y, *inputs, **params):
    """The explicit state "not differentiable in this input" (a mask, an index)."""
    raise OperationError("not differentiable in this input")


@dataclass(frozen=True, eq=False)
class Op:
    """One row of the table.

    ``fused`` is ``(g, y, *arrays, needs, saved, out, **params)`` -> one gradient or None per input; ``out`` has an
    array or None per input, into which that gradient may be written.
    """

    name: str
    forward: Callable  # (*arrays, **params) -> array
    vjps: tuple  # one rule per input; for a variadic operation one rule (index, g, y, *inputs, **params)
    formula: str  # the derivative, as a textbook has it: x̄ is the gradient of x
    samples: Callable | None  # (rng) -> list of (arrays, params): inputs off the kinks, for the tests
    reads: tuple  # what the rules read of the values: input indices, and "y" for the output
    broadcasts: bool = False  # inputs broadcast; the engine sums the gradients back to their shapes
    variadic: bool = False
    kinks: str = ""  # where the derivative jumps, and which side is taken
    fused: Callable | None = None  # see below
    saving: Callable | None = None  # (*arrays, needs, **params) -> (y, saved): saves the fused rule work
    terms: Callable | None = None  # (*arrays, **params) -> {name: value or function}, for the formula
    hint: str = ""  # what the operands must be
    instead: Mapping = field(default_factory=dict)  # {parameter without a derivative: the operation that has one}

    def __reduce__(self):
        """Operations of the tables are pickled by name; others (an external classifier's) are copied."""
        named = self in (OPS.get(self.name), OWN.get(self.name))
        return (_named, (self.name,)) if named else object.__reduce_ex__(self, 2)

    def __deepcopy__(self, memo):
        return self

    def rule(self, index: int) -> Callable:
        """The rule (g, y, *inputs, **params) of one input."""
        return functools.partial(self.vjps[0], index) if self.variadic else self.vjps[index]

    @functools.cached_property
    def inputs(self) -> tuple:
        """The names of the inputs, as the rules have them."""
        rule = next(rule for rule in self.vjps if rule is not NO_GRADIENT)
        return ("x",) if self.variadic else tuple(inspect.signature(rule).parameters)[2 : 2 + len(self.vjps)]

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        """Of the forward function; a ufunc's inputs have the names that the rules have for them."""
        if not isinstance(self.forward, np.ufunc):
            return inspect.signature(self.forward)
        return inspect.Signature([inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in self.inputs])

    @functools.cached_property
    def parameters(self) -> dict:
        """{name: default, or inspect.Parameter.empty} of what is not an input."""
        if isinstance(self.forward, np.ufunc):
            return {}
        every = list(self.signature.parameters.values())
        return {p.name: p.default for p in every[1 if self.variadic else len(self.vjps) :]}

    @functools.cached_property
    def defaults(self) -> dict:
        """{name: default} of the parameters that have one."""
        return {name: value for name, value in self.parameters.items() if value is not inspect.Parameter.empty}

    def failure(self, error: Exception, inputs, params, where: str | None = None) -> OperationError:
        def describe(value):
            array = raw(value)
            return f"{array.dtype}{list(array.shape)}" if hasattr(array, "dtype") else repr(value)

        operands = ", ".join(map(describe, inputs))
        given = "".join(f", {k}={v}" for k, v in params.items() if isinstance(v, (int, float, str, tuple, bool)))
        place = f" (made at {where})" if where else ""
        remedy = self._remedy(error)
        return OperationError(f"{self.name}({operands}{given}){place}: {error}" + (f"; {remedy}" if remedy else ""))

    def _remedy(self, error) -> str:
        """How axes are counted, or what the operands must be; "" where the error names its remedy itself."""
        if isinstance(error, (TypeError, OperationError)):
            return ""
        if isinstance(error, np.exceptions.AxisError):
            return "axes are counted from 0, or back from the last as -1"
        return self.hint

    def normalised(self, name, value, inputs, params):
        """A parameter in its normal form (parameters.py), or this operation's error."""
        try:
            return normalised(name, value, xp.array_module(*map(raw, inputs)), self.instead)
        except Exception as error:
            raise self.failure(error, inputs, params) from error


def _named(name: str) -> Op:
    return OPS[name] if name in OPS else OWN[name]
