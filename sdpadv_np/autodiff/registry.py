"""The table of operations: one forward line, one line per derivative, and what tests and readers need.

NOTE: how one text serves every purpose.
A rule is called as ``rule(g, y, *inputs, **params)``: the gradient of the output, the output, the
inputs. It is written with operators and with other operations of the table, and both work on
whatever they are given. On plain arrays they compute, at array speed, and that is the ordinary
backward pass. On Tensors they compute *and are recorded*, and the gradient they return can itself
be differentiated: that is double backprop, to any order, and no rule does anything for it:

    tanh = define("tanh", np.tanh, lambda g, y, x: g - g * y * y, ...)

    g, y arrays  ->  an array
    g, y Tensors ->  a Tensor that remembers g * y * y, for the second derivative

So an operation whose rule is not written like that cannot be registered. A fused rule (one kernel
instead of several operations) may stand beside it; it is used when no graph is asked for, and a
test holds the two equal.
"""
from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from .. import xp
from ..errors import AttackError, OperationError, PlanError
from .parameters import COUNTS, PLAIN, kept, settled
from .tensor import Tensor, next_seq, raw, state

OPS: dict[str, "Op"] = {}
_NO_PARAMETERS: dict = {}
_FLOAT32 = np.dtype(np.float32)
_ENGINE = {__package__, f"{__package__}.rules"}


def NO_GRADIENT(g, y, *inputs, **params):
    """The explicit state "not differentiable in this input" (a mask, an index)."""
    raise OperationError("not differentiable in this input")


class _Variadic:
    """The rules of an operation with any number of inputs: rule i is the one rule, told i."""

    def __init__(self, rule):
        self.rule = rule

    def __getitem__(self, index):
        return functools.partial(self.rule, index)


@dataclass(frozen=True, eq=False)
class Op:
    """One row of the table."""

    name: str
    forward: Callable  # (*arrays, **params) -> array
    vjps: tuple  # one rule per input; for a variadic operation one rule (index, g, y, *inputs, **params)
    formula: str  # the derivative, as a textbook has it: x̄ is the gradient of x
    samples: Callable | None  # (rng) -> list of (arrays, params): inputs off the kinks, for the tests
    reads: tuple  # what the rules read of the values: input indices, and "y" for the output
    broadcasts: bool = False  # inputs broadcast; the engine sums the gradients back to their shapes
    variadic: bool = False
    kinks: str = ""  # where the derivative jumps, and which side is taken
    fused: Callable | None = None  # (g, y, *arrays, needs, saved, out, **params) -> one gradient or None per input; out: arrays that may hold them, or None
    saving: Callable | None = None  # (*arrays, needs, **params) -> (y, saved): a forward that spares the fused rule work
    hint: str = ""  # what the operands must be
    instead: Mapping = field(default_factory=dict)  # parameters that somebody may want to differentiate: name -> the operation that can

    def __reduce__(self):
        """An operation of the table is itself in another process, by its name; one of somebody's own (a foreign classifier's) is copied."""
        return (_named, (self.name,)) if OPS.get(self.name) is self else object.__reduce_ex__(self, 2)

    def __deepcopy__(self, memo):
        return self

    @property
    def rules(self):
        """One rule (g, y, *inputs, **params) per input; for a variadic operation, for any index."""
        return _Variadic(self.vjps[0]) if self.variadic else self.vjps

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
        """Of this cause: how axes are counted, or what the operands must be; a wrong type says all, and an operation within a rule has said it."""
        if isinstance(error, (TypeError, OperationError)):
            return ""
        if isinstance(error, np.exceptions.AxisError):
            return "axes are counted from 0, or back from the last as -1"
        return self.hint

    def settled(self, name, value, inputs, params):
        """A parameter in its plain form (parameters.py), or this operation's complaint."""
        try:
            return settled(name, value, xp.array_module(*map(raw, inputs)), self.instead)
        except Exception as error:
            raise self.failure(error, inputs, params) from error


def _named(name: str) -> Op:
    return OPS[name]


def define(name: str, forward: Callable, *vjps: Callable, samples, formula: str, reads=(), doc: str = "", **more):
    """Put an operation in the table and return the function that calls it.

    The function takes Tensors (and returns a recorded Tensor) or plain arrays (and returns an
    array). Raises TypeError if the operation has no composable rule.
    """
    if not vjps:
        raise TypeError(f"operation {name!r} has no derivative rule; mark inputs without one as NO_GRADIENT")
    op = Op(name, forward, vjps, formula, samples, tuple(reads), **more)
    if op.name in OPS:
        raise TypeError(f"operation {name!r} is defined twice")
    OPS[name] = op
    call = caller(op)
    call.__doc__ = f"{doc or name}\n\nDerivative: {formula}" + (f"\n\nKinks: {op.kinks}" if op.kinks else "")
    return call


def caller(op: Op) -> Callable:
    """The function that applies ``op``; positional parameters and defaults are sorted out here."""
    forward, arity = op.forward, None if op.variadic else len(op.vjps)
    signature, names, defaults = None, [], {}
    if not isinstance(forward, np.ufunc):
        signature = inspect.signature(forward)
        extra = [p for i, p in enumerate(signature.parameters.values()) if (p.kind is p.KEYWORD_ONLY if op.variadic else i >= arity)]
        names, defaults = [p.name for p in extra], {p.name: p.default for p in extra if p.default is not p.empty}

    def plain(*inputs):
        if len(inputs) != arity:  # a universal function would take one too many for the place of its result
            raise TypeError(f"{op.name} takes {arity} operand{'s' if arity > 1 else ''}, got {len(inputs)}")
        for value in inputs:
            if type(value) is Tensor:
                return apply(op, inputs, _NO_PARAMETERS)
        return forward(*inputs)

    def call(*inputs, **params):
        if arity is None and not inputs:
            raise TypeError(f"{op.name} takes one operand or more, got none")
        if arity is not None and len(inputs) > arity:
            if len(inputs) > arity + len(names):
                raise TypeError(f"{op.name} takes {arity} operand{'s' if arity > 1 else ''} and {', '.join(names)}, got {len(inputs)} arguments")
            params.update(zip(names, inputs[arity:]))
            inputs = inputs[:arity]
        if defaults:
            params = {**defaults, **params}
        for name, value in params.items():
            kind = type(value)
            if kind in PLAIN or kind is tuple and PLAIN.issuperset(map(type, value)):
                continue
            if kind is not np.ndarray or not value.ndim or name in COUNTS:  # labels, as a rule
                params[name] = op.settled(name, value, inputs, params)
        for value in inputs:
            if type(value) is Tensor:
                return apply(op, inputs, params)
        return forward(*inputs, **params)

    if arity is not None and not names:
        call = plain  # half the calls are of this kind
    call.__name__ = call.__qualname__ = op.name
    call.op = op
    if signature is not None:
        call.__signature__ = signature
    return call


def apply(op: Op, inputs: tuple, params: dict) -> Tensor:
    """Compute ``op`` on inputs of which at least one is a Tensor, and record it if asked to."""
    arrays = [t.data if type(t) is Tensor else t for t in inputs]
    tracked = False
    if state.recording:
        for t in inputs:
            if type(t) is Tensor and t.requires_grad:
                tracked = True
                break
    saved = None
    try:
        if tracked and op.saving is not None:
            y, saved = op.saving(*arrays, needs=[type(t) is Tensor and t.requires_grad for t in inputs], **params)
        else:
            y = op.forward(*arrays, **params)
    except (AttackError, PlanError):
        raise
    except Exception as error:
        raise op.failure(error, inputs, params) from error
    if isinstance(y, np.generic):  # NumPy turns 0-d results into scalars
        y = np.asarray(y)
    if y.dtype is not _FLOAT32:
        _refuse_leak(op, y.dtype, inputs, arrays, params)
    out = Tensor.__new__(Tensor)
    out.data, out.grad, out.name, out.seq = y, None, None, next_seq()
    out.saved, out.requires_grad = saved, tracked
    if tracked:
        out.op, out.inputs, out.params = op, inputs, kept(params) if params else params
        frame = sys._getframe(2)
        while frame.f_globals.get("__package__") in _ENGINE:
            frame = frame.f_back
        out.site = (frame.f_code, frame.f_lasti)
    else:
        out.op, out.inputs, out.params, out.site = None, (), {}, None
    for listener in state.hooks:
        if hasattr(listener, "forward"):
            listener.forward(out)
    return out


def _refuse_leak(op, dtype, inputs, arrays, params):
    """Floats stay what they are: a result is of its operands' dtype, float32 or float64."""
    if dtype.kind in "iub":
        return
    for array in arrays:
        if xp.is_array(array) and array.dtype in xp.FLOATS and array.dtype != dtype:
            remedy = "use .astype(np.float32)" if dtype == np.float64 else "convert it to real numbers of that dtype"
            raise op.failure(TypeError(f"{array.dtype} mixed with a wider operand would silently become {dtype}; {remedy}"), inputs, params)
    if dtype not in xp.FLOATS:
        raise op.failure(TypeError(f"the result would be {dtype}; give operands of real numbers, float32 or float64"), inputs, params)
