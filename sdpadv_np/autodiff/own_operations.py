"""Operations of one's own, beside the table."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..errors import ArgumentError
from .registry import OPS, OWN, described


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
        The name is taken, or the formula differs from a rule or cannot be computed.
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

    if name in OPS:
        raise ArgumentError(f"operation {name!r} is one of sd.ops; choose another name")
    if not callable(samples):
        arrays = [np.asarray(a) for a in samples]
        samples = lambda rng: [(arrays, {})]  # noqa: E731
    op, call = described(name, forward, *vjps, samples=samples, formula=formula, **more)
    check(op)
    OWN[name] = op
    return call
