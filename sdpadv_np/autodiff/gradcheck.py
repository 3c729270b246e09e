"""Analytic derivatives against finite differences, in float64."""
from __future__ import annotations

import numpy as np

from ..errors import ArgumentError, GradcheckError
from .engine import grad
from .rules.reduction import sum
from .rules.shape import concatenate
from .tensor import Tensor

STEP = 6e-6  # about the cube root of float64's rounding: the best for a central difference


def gradcheck(fn, *arrays, order: int = 1, rtol: float = 1e-5, atol: float = 1e-7) -> None:
    """Check every derivative of ``fn`` at ``arrays`` against central differences.

    Parameters
    ----------
    fn : callable
        Takes one Tensor per array, returns a Tensor (any shape).
    arrays : float64 arrays
        Keep them small (each element costs two evaluations) and off the kinks of ``fn``.
    order : int
        1 checks the gradient; 2 also the gradient of the gradient; and so on.
    rtol, atol : float
        An element passes if |analytic - numeric| <= atol + rtol * max(1, |numeric|).

    Raises
    ------
    GradcheckError
        Names the worst element: argument, index, both values, and whether a kink is near.

    >>> import numpy as np, sdpadv_np as sd
    >>> sd.gradcheck(lambda x: sd.ops.tanh(x) * x, np.array([0.3, -1.2]), order=3)
    """
    arrays = [np.array(a) for a in arrays]
    for i, a in enumerate(arrays):
        if a.dtype != np.float64:
            raise ArgumentError(f"gradcheck: argument {i} is {a.dtype}; finite differences need float64, use .astype(np.float64)")
    _check(fn, arrays, rtol, atol, 1)
    for level in range(2, order + 1):
        fn, arrays = _gradient_function(fn, arrays)
        _check(fn, arrays, rtol, atol, level)


def _weights(like) -> np.ndarray:
    """Fixed random weights that turn an output into one number; fixed, so that failures repeat."""
    return np.random.default_rng(12345).uniform(0.5, 1.5, like.shape)


def _gradient_function(fn, arrays):
    """The gradient of <fn, v> as a function of the arguments and v, flattened into one output."""
    v = _weights(fn(*map(Tensor, arrays)))

    def gradient(*tensors):
        *inputs, v = tensors
        inputs = [t if t.requires_grad else Tensor(t.data, requires_grad=True) for t in inputs]
        grads = grad(sum(fn(*inputs) * v), inputs, create_graph=True)
        return concatenate(*(g.reshape(-1) for g in grads))

    return gradient, [*arrays, v]


def _check(fn, arrays, rtol, atol, order):
    inputs = [Tensor(a.copy(), requires_grad=True) for a in arrays]
    y = fn(*inputs)
    if not isinstance(y, Tensor):
        raise ArgumentError(f"gradcheck: the function returned {type(y).__name__}; it must return a Tensor")
    weights = _weights(y)
    analytic = grad(sum(y * weights), inputs)

    def value(argument, index, step):
        moved = [a.copy() for a in arrays]
        moved[argument][index] += step
        return float((fn(*map(Tensor, moved)).data * weights).sum())

    worst = (-1.0, None)
    for argument, (a, g) in enumerate(zip(arrays, analytic)):
        for index in np.ndindex(a.shape):
            h = STEP * max(1.0, abs(a[index]))
            numeric = (value(argument, index, h) - value(argument, index, -h)) / (2 * h)
            excess = abs(g.data[index] - numeric) / (atol + rtol * max(1.0, abs(numeric)))
            if not excess <= worst[0]:
                worst = (excess, (argument, index, h, float(g.data[index]), numeric))
            if np.isnan(excess):
                break
    if not worst[0] <= 1:
        argument, index, h, got, expected = worst[1]
        left = (value(argument, index, 0) - value(argument, index, -h)) / h
        right = (value(argument, index, h) - value(argument, index, 0)) / h
        kink = abs(left - right) > 1e-3 * max(1.0, abs(left), abs(right))
        raise GradcheckError(
            f"order {order}: argument {argument}, element {index}: analytic {got:.10g}, numeric {expected:.10g}, at x = {arrays[argument][index]:.6g}"
            + (f"; near a kink (left {left:.6g}, right {right:.6g}): move the input, or take one side's word" if kink else "; the rule is wrong")
        )

