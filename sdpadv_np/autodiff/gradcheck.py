"""Analytic derivatives against finite differences, in float64.

Other errors than wrong numbers are looked for, too: shape and dtype, a rule that changes its arguments, a function
whose result differs from call to call, a rule that is right where a graph is recorded and wrong where none is (where
fused rules are used), in float32 only, for some incoming gradients only (a rule is linear in it), or where only some
of the arguments are differentiated.
"""
from __future__ import annotations

import numpy as np

from ..errors import ArgumentError
from .derivative_check import Check, weights_for, zeros_like
from .engine import grad
from .rules.reduction import sum
from .rules.shape import concatenate
from .tensor import Tensor, enable_grad


def gradcheck(fn, *arrays, order: int = 1, rtol: float = 1e-5, atol: float = 1e-7) -> None:
    """Check every derivative of ``fn`` at ``arrays`` against central differences.

    Parameters
    ----------
    fn : callable
        Takes one Tensor per array, returns a Tensor (any shape); the same one each time.
    arrays : float64 arrays
        Keep them small (each element costs two evaluations) and off the kinks of ``fn``.
    order : int
        1 checks the gradient; 2 also the gradient of the gradient; and so on.
    rtol, atol : float
        An element passes if |analytic - numeric| <= atol + rtol * max(1, |numeric|); NaN and infinity never do.

    The gradient is computed with and without ``create_graph``, twice each, for all arguments together, for each alone
    and for all but each, and for several multiples of the incoming gradient. If ``fn`` takes float32 as well, its
    gradients there must agree with those in float64 to 1e-3 of the largest, or 1e-3 if that is below 1.

    Raises
    ------
    GradcheckError
        Names the order, the argument, the worst element with both values, and whether it lies on a kink.

    >>> import numpy as np, sdpadv_np as sd
    >>> sd.gradcheck(lambda x: sd.ops.tanh(x) * x, np.array([0.3, -1.2]), order=3)
    """
    points = [np.array(a) for a in arrays]
    for i, a in enumerate(points):
        if a.dtype != np.float64:
            raise ArgumentError(
                f"gradcheck: argument {i} is {a.dtype}; finite differences need float64, use .astype(np.float64)")
    with enable_grad(), np.errstate(all="ignore"):  # steps may leave the domain; results are checked for it
        for level in range(1, order + 1):
            if level > 1:
                fn, points = _gradient_function(fn, points)
            Check(fn, points, rtol, atol, f"order {level}").run()


def _gradient_function(fn, arrays):
    """The gradient of <fn, v> as a function of the arguments and v, flattened into one output."""
    v = weights_for(fn(*map(Tensor, arrays)))

    def gradient(*tensors):
        *inputs, v = tensors
        inputs = [t if t.requires_grad else Tensor(t.data, requires_grad=True) for t in inputs]
        y = sum(fn(*inputs) * v)
        grads = grad(y, inputs, create_graph=True) if y.requires_grad else zeros_like(inputs)
        return concatenate(*(g.reshape(-1) for g in grads))

    return gradient, [*arrays, v]
