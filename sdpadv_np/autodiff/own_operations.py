"""Operations of one's own, beside the table."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..errors import ArgumentError
from .registry import NO_GRADIENT, OPS, OWN, Op, described


def define_op(name: str, forward: Callable, *vjps: Callable, formula: str, samples, **more) -> Callable:
    """Define an operation by its value and one derivative rule per input; returns the function that applies it.

    Parameters
    ----------
    name : str
        Shown in messages; not that of an operation of sd.ops. Defining one's own anew replaces it.
    forward : callable
        ``(*arrays, **params)`` -> array, with NumPy's functions.
    vjps : callables
        ``(g, y, *inputs, **params)`` -> gradient of the input, where g is the gradient of the result y. Written with
        operators and sd.ops, so that it can be differentiated again. ``NO_GRADIENT`` (sdpadv_np.autodiff.registry)
        for an input without a derivative.
    formula : str
        The gradients as a textbook has them, x̄ of the input x, ȳ of the result; the notation is that of
        autodiff/formula_reader.py. It becomes part of the function's documentation.
    samples : callable or sequence of arrays
        The float64 arrays of one case, or (rng) -> [(arrays, params), ...], off the kinks. The formula is computed
        there and compared with the rules.
    more : kinks, hint, doc (texts); reads, fused, saving, terms, ...
        See Op in autodiff/operation.py.

    Raises
    ------
    ArgumentError
        The name is taken or no name; forward or a rule is no function, fails at a sample, changes it, or gives
        something else than numbers; the formula differs from a rule or cannot be computed; there is no sample.
    TypeError
        There is no rule.

    The function takes Tensors, and records, or arrays. Check the rules themselves by :func:`gradcheck`.

    >>> import numpy as np, sdpadv_np as sd
    >>> points = [np.array([0.5, -2.0])]
    >>> def rule(g, y, x):
    ...     return g * (3 * x * x)
    >>> cube = sd.define_op("cube", lambda x: x**3, rule, formula="x̄ = 3 ȳ x²", samples=points)
    >>> cube(np.array([2.0]))
    array([8.])
    >>> x = sd.Tensor(np.array([2.0]), requires_grad=True)
    >>> (first,) = sd.grad(cube(x).sum(), [x], create_graph=True)
    >>> (second,) = sd.grad(first.sum(), [x])
    >>> first.item(), second.item()
    (12.0, 12.0)
    >>> sd.gradcheck(cube, np.array([0.3, -1.2]), order=2)
    >>> sd.define_op("cube", lambda x: x**3, rule, formula="x̄ = 2 ȳ x²", samples=points)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    sdpadv_np.errors.ArgumentError: operation 'cube': its formula 'x̄ = 2 ȳ x²' differs from the rule of input 0 at ...
    """
    from .formulas import check  # only here, to keep `import sdpadv_np` short

    if not isinstance(name, str) or not name.isidentifier():
        raise ArgumentError(f"name is {name!r:.80}; give a text of letters, digits and _, such as 'cube'")
    if name in OPS:
        raise ArgumentError(f"operation {name!r} is one of sd.ops; choose another name")
    for what, function in (("forward", forward), *((f"rule {i}", rule) for i, rule in enumerate(vjps))):
        if not callable(function):
            raise ArgumentError(f"operation {name!r}: its {what} is {function!r:.80}; give a function of arrays")
    if not isinstance(formula, str):
        raise ArgumentError(f"operation {name!r}: its formula is {formula!r:.80}; give a text, such as 'x̄ = 2 ȳ x'")
    if not callable(samples):
        arrays = [np.asarray(a) for a in samples]
        samples = lambda rng: [(arrays, {})]  # noqa: E731
    op, call = described(name, forward, *vjps, samples=samples, formula=formula, **more)
    _try(op)
    check(op)
    OWN[name] = op
    return call


def _try(op: Op) -> None:
    """Compute ``op`` and its rules at its samples; ArgumentError for what can be said before the formula is read."""
    cases = list(op.samples(np.random.default_rng(0)))  # type: ignore[misc]
    if not cases:
        raise ArgumentError(f"operation {op.name!r}: samples gives no case; give one, at which its formula is computed")
    for given, params in cases:
        if not op.variadic and len(given) != len(op.vjps):
            counts = f"{len(op.vjps)} rules, a sample has {len(given)} inputs"
            raise ArgumentError(f"operation {op.name!r} has {counts}; give one rule for each input")
        arrays, params = [_read_only(array) for array in given], {**op.defaults, **params}
        y = _numbers(op, "forward", op.forward, arrays, params)
        for i, array in enumerate(arrays):
            if (rule := op.rule(i)) is NO_GRADIENT:
                continue
            gradient = _numbers(op, f"rule {i}", rule, [_read_only(np.ones(y.shape)), y, *arrays], params)
            if gradient.shape != array.shape and not op.broadcasts:
                wrong = f"a gradient of shape {gradient.shape} at an input of shape {array.shape}"
                raise ArgumentError(f"operation {op.name!r}: its rule {i} gives {wrong}; sum over the other axes")


def _read_only(array) -> np.ndarray:
    array = np.array(array)
    array.flags.writeable = False
    return array


def _numbers(op: Op, what: str, function: Callable, arrays: list, params: dict) -> np.ndarray:
    """The result of ``function``, part ``what`` of ``op``, at a sample."""
    try:
        result = np.asarray(function(*arrays, **params))
    except Exception as error:  # the function is a user's: it may fail in any way
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        remedy = "let it make new arrays" if "read-only" in reason else "correct it, or the samples"
        raise ArgumentError(f"operation {op.name!r}: its {what} fails at a sample ({reason}); {remedy}") from error
    if result.dtype.kind not in "fiub":
        got = f"gives {result.dtype} at a sample"
        raise ArgumentError(f"operation {op.name!r}: its {what} {got}; expected real numbers, as its inputs are")
    return _read_only(result)
