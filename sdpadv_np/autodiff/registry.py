"""The table of operations: one forward line, one line per derivative, and what tests and readers need.

NOTE: how one text serves every purpose.
A rule is called as ``rule(g, y, *inputs, **params)``: the gradient of the output, the output, the inputs. It is
written with operators and other operations of the table, which work on arrays and on Tensors. On arrays they compute
at array speed: that is the ordinary backward pass. On Tensors they compute *and are recorded*, so that the gradient
can itself be differentiated: that is double backprop, to any order, without any code for it in the rule:

    tanh = define("tanh", np.tanh, lambda g, y, x: g - g * y * y, ...)

    g, y arrays  ->  an array
    g, y Tensors ->  a Tensor that remembers g * y * y, for the second derivative

An operation without such a rule cannot be registered. A fused rule (one kernel instead of several operations) may
stand beside it; it is used when no graph is recorded, and a test compares the two.
"""
from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import xp
from ..errors import AttackError, PlanError
from .operation import FUNCTIONS, NO_GRADIENT, OPS, OWN, Op
from .parameters import COUNTS, PLAIN, copied
from .tensor import Tensor, next_seq, state

__all__ = ["FUNCTIONS", "NO_GRADIENT", "OPS", "OWN", "Op", "apply", "caller", "define", "described"]
_NO_PARAMETERS: dict = {}
_FLOAT32 = np.dtype(np.float32)
_ENGINE = {__package__, f"{__package__}.rules"}


def define(name: str, forward: Callable, *vjps: Callable, samples, formula: str, **more) -> Callable:
    """Put an operation in the table and return the function that applies it (sd.ops has it by its name)."""
    op, call = described(name, forward, *vjps, samples=samples, formula=formula, **more)
    if name in OPS:
        raise TypeError(f"operation {name!r} is defined twice")
    OPS[name], FUNCTIONS[name] = op, call
    return call


def described(name: str, forward: Callable, *vjps: Callable, samples, formula: str, reads=(), doc: str = "", **more):
    """(operation, the function that applies it): the function takes Tensors and records, or computes on plain arrays.

    Raises TypeError if the operation has no composable rule.
    """
    if not vjps:
        raise TypeError(f"operation {name!r} has no derivative rule; mark inputs without one as NO_GRADIENT")
    op = Op(name, forward, vjps, formula, samples, tuple(reads), **more)
    call = caller(op)
    call.__doc__ = f"{doc or name}\n\nDerivative: {formula}" + (f"\n\nKinks: {op.kinks}" if op.kinks else "")
    return op, call


def caller(op: Op) -> Callable:
    """The function that applies ``op``: positional parameters and defaults are resolved here."""
    forward, names, defaults = op.forward, list(op.parameters), op.defaults
    arity = None if op.variadic else len(op.vjps)
    operands = f"{arity} operand{'s' if arity != 1 else ''}"

    def plain(*inputs):
        if len(inputs) != arity:  # a ufunc would take one too many for its ``out``
            raise TypeError(f"{op.name} takes {operands}, got {len(inputs)}")
        for value in inputs:
            if type(value) is Tensor:
                return apply(op, inputs, _NO_PARAMETERS)
        return forward(*inputs)

    def call(*inputs, **params):
        if arity is None and not inputs:
            raise TypeError(f"{op.name} takes one operand or more, got none")
        if arity is not None and len(inputs) > arity:
            if len(inputs) > arity + len(names):
                raise TypeError(f"{op.name} takes {operands} and {', '.join(names)}, got {len(inputs)} arguments")
            params.update(zip(names, inputs[arity:]))
            inputs = inputs[:arity]
        if defaults:
            params = {**defaults, **params}
        for name, value in params.items():
            kind = type(value)
            if kind in PLAIN or kind is tuple and PLAIN.issuperset(map(type, value)):
                continue
            if kind is not np.ndarray or not value.ndim or name in COUNTS:  # labels, as a rule
                params[name] = op.normalised(name, value, inputs, params)
        for value in inputs:
            if type(value) is Tensor:
                return apply(op, inputs, params)
        return forward(*inputs, **params)

    if arity is not None and not names:
        call = plain  # half the calls are of this kind
    call.__name__ = call.__qualname__ = op.name
    call.op = op
    call.__signature__ = op.signature
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
        out.op, out.inputs, out.params = op, inputs, copied(params) if params else params
        frame: Any = sys._getframe(2)
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
    """Raise unless the result has its operands' dtype, float32 or float64 (or is no float)."""
    if dtype.kind in "iub":
        return
    for array in arrays:
        if xp.is_array(array) and array.dtype in xp.FLOATS and array.dtype != dtype:
            remedy = "use .astype(np.float32)" if dtype == np.float64 else "convert it to real numbers of that dtype"
            message = f"{array.dtype} mixed with a wider operand would silently become {dtype}; {remedy}"
            raise op.failure(TypeError(message), inputs, params)
    if dtype not in xp.FLOATS:
        message = f"the result would be {dtype}; give operands of real numbers, float32 or float64"
        raise op.failure(TypeError(message), inputs, params)
