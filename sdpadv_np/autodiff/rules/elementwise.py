"""Derivatives of the elementwise operations; x̄ is the gradient of x, ȳ that of the result.

Inputs broadcast as in NumPy; the engine sums a gradient back to its input's shape.

NOTE: a mask selects, it does not multiply. An element that is not selected has the derivative 0 whatever ȳ is,
and behind a kink there may be an infinity: sqrt(relu(x)) at x = -1 has ȳ = inf, and
ȳ [x > 0] is 0 there, not inf · 0. So the rules below say ``where(mask, g, 0)``. Comparisons with NaN are false.
"""
# ruff: noqa: E501  (a table: one line per derivative)
from __future__ import annotations

import numpy as np

from ...kernels import clip as clip_kernel
from ...kernels import perturb as perturb_kernel
from ..registry import NO_GRADIENT, define
from ..tensor import raw
from ._samples import apart, cases, normal, positive

_PAIRS = cases(normal((3, 4), (3, 4)), normal((3, 4), (4,)), normal((2, 1, 3), (4, 1)), normal((), (2, 3)))
_SHAPES = "shapes must be equal, or 1, counted from the right"
_BROADCAST = {"broadcasts": True, "hint": _SHAPES}


def _sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def _inside(value, low, high):
    return (raw(value) >= low) & (raw(value) <= high)


def _limits(low, high):
    """None, no limit, as an infinite limit."""
    return -np.inf if low is None else low, np.inf if high is None else high


def _less_one(exponent):
    """The exponent of the derivative: one less, but 0 for 0; NumPy does not subtract booleans."""
    return np.zeros_like(exponent) if getattr(exponent, "dtype", None) == bool else exponent - (exponent != 0)


add = define(
    "add", np.add,
    lambda g, y, a, b: g,
    lambda g, y, a, b: g,
    formula="ā = ȳ,  b̄ = ȳ", samples=_PAIRS, **_BROADCAST,
)
sub = define(
    "sub", np.subtract,
    lambda g, y, a, b: g,
    lambda g, y, a, b: -g,
    formula="ā = ȳ,  b̄ = −ȳ", samples=_PAIRS, **_BROADCAST,
)
mul = define(
    "mul", np.multiply,
    lambda g, y, a, b: g * b,
    lambda g, y, a, b: g * a,
    formula="ā = ȳ b,  b̄ = ȳ a", samples=_PAIRS, reads=(0, 1), **_BROADCAST,
)
div = define(
    "div", np.true_divide,
    lambda g, y, a, b: g / b,
    lambda g, y, a, b: -g * y / b,
    formula="ā = ȳ / b,  b̄ = −ȳ y / b", reads=(1, "y"), **_BROADCAST,
    samples=cases(positive((3, 4), (3, 4)), positive((3, 4), (4,)), positive((), (2, 3))),
)
neg = define("neg", np.negative, lambda g, y, x: -g, formula="x̄ = −ȳ", samples=normal((3, 4)))
power = define(
    "power", lambda x, exponent: x**exponent,
    lambda g, y, x, exponent: where(exponent != 0, g * (exponent * power(x, exponent=_less_one(exponent))), 0),  # 0 also where x⁻¹ is infinite
    formula="x̄ = ȳ p xᵖ⁻¹ if p ≠ 0 else 0", reads=(0,), broadcasts=True, doc="x to a constant power: a number, or an array of them.",
    instead={"exponent": "use exp(exponent * log(x))"}, hint=_SHAPES,
    samples=cases(positive((3, 4), exponent=2.5), normal((3, 4), exponent=3), positive((3,), exponent=-1), positive((4,), exponent=np.array([[0], [3]], np.int8))),
)
square = define("square", np.square, lambda g, y, x: g * (2 * x), formula="x̄ = 2 ȳ x", reads=(0,), samples=normal((3, 4)))
sqrt = define(
    "sqrt", np.sqrt, lambda g, y, x: 0.5 * g / y, formula="x̄ = ȳ / 2y", reads=("y",), samples=positive((3, 4)),
    kinks="infinite at 0; add a small eps to x where 0 can occur",
)
exp = define("exp", np.exp, lambda g, y, x: g * y, formula="x̄ = ȳ y", reads=("y",), samples=normal((3, 4)))
log = define("log", np.log, lambda g, y, x: g / x, formula="x̄ = ȳ / x", reads=(0,), samples=positive((3, 4)))
# g comes first: g * (1 - y * y) could have the memory layout of g or of y, on which the bits of later sums depend
tanh = define("tanh", np.tanh, lambda g, y, x: g - g * y * y, formula="x̄ = ȳ (1 − y²)", reads=("y",), samples=normal((3, 4)))
sigmoid = define(
    "sigmoid", _sigmoid,
    lambda g, y, x: g * y * sigmoid(-x),  # 1 − y would be only rounding where y is nearly 1
    formula="x̄ = ȳ y (1 − y)", reads=(0, "y"), samples=normal((3, 4)), doc="1 / (1 + exp(−x)), without overflow or cancellation.",
)
softplus = define(
    "softplus", lambda x: np.logaddexp(x, np.zeros_like(x)),
    lambda g, y, x: g * sigmoid(x),
    formula="x̄ = ȳ σ(x)", reads=(0,), samples=normal((3, 4)), doc="log(1 + exp(x)), without overflow.",
)
relu = define(
    "relu", lambda x: np.maximum(x, 0),
    lambda g, y, x: where(y > 0, g, 0),
    formula="x̄ = ȳ [x > 0]", reads=("y",), samples=apart((3, 4)), kinks="at 0 the derivative is 0",
)
leaky_relu = define(
    "leaky_relu", lambda x, slope=0.2: np.where(x > 0, x, slope * x),
    lambda g, y, x, slope: where(x > 0, g, where(slope != 0, slope * g, 0)),
    formula="x̄ = ȳ if x > 0 else slope · ȳ", reads=(0,), samples=apart((3, 4)), kinks="at 0 the derivative is the slope",
    instead={"slope": "use where(x.data > 0, x, slope * x)"},
)
abs = define(
    "abs", np.abs, lambda g, y, x: where(x > 0, g, where(x < 0, -g, 0)),
    formula="x̄ = ȳ sign(x)", reads=(0,), samples=apart((3, 4)), kinks="at 0 the derivative is 0",
)
maximum = define(
    "maximum", np.maximum,
    lambda g, y, a, b: where(raw(a) < raw(b), 0, g),
    lambda g, y, a, b: where(raw(a) < raw(b), g, 0),
    formula="ā = ȳ [a ≥ b],  b̄ = ȳ [a < b]", reads=(0, 1), kinks="at a = b, or where one is NaN, a gets the whole gradient", **_BROADCAST,
    samples=cases(apart((3, 4), (3, 4)), apart((3, 4), (4,))),
)
minimum = define(
    "minimum", np.minimum,
    lambda g, y, a, b: where(raw(a) > raw(b), 0, g),
    lambda g, y, a, b: where(raw(a) > raw(b), g, 0),
    formula="ā = ȳ [a ≤ b],  b̄ = ȳ [a > b]", reads=(0, 1), kinks="at a = b, or where one is NaN, a gets the whole gradient", **_BROADCAST,
    samples=cases(apart((3, 4), (3, 4)), apart((3, 4), (4,))),
)
clip = define(
    "clip", lambda x, low, high: np.clip(x, low, high),
    lambda g, y, x, low, high: where(_inside(x, *_limits(low, high)), g, 0),
    formula="x̄ = ȳ [low ≤ x ≤ high]", reads=(0,), samples=apart((3, 4), low=-0.3, high=0.2), instead={"low": "use maximum", "high": "use minimum"},
    hint="low and high must be numbers, or broadcast to x's shape",
    kinks="at the limits themselves the derivative is 1", fused=lambda g, y, x, needs, saved, out, low, high: (clip_kernel.backward(g, x, *_limits(low, high)),),
    doc="x limited to [low, high]: numbers, arrays of a shape that broadcasts to x's, or None for no limit.",
)

perturb = define(
    "perturb", lambda x, eta, eps: perturb_kernel.forward(x, eta, eps),
    lambda g, y, x, eta, eps: where(_inside(raw(x) + np.clip(raw(eta), -eps, eps), 0, 1), g, 0),
    lambda g, y, x, eta, eps: where(_inside(raw(x) + np.clip(raw(eta), -eps, eps), 0, 1) & _inside(eta, -eps, eps), g, 0),
    formula="x̄ = ȳ [0 ≤ x + clip(η, −ε, ε) ≤ 1],  η̄ = x̄ [−ε ≤ η ≤ ε]", reads=(0, 1),
    samples=lambda rng: [([rng.choice([0.05, 0.5, 0.95], (3, 4)), rng.choice([-0.4, -0.1, 0.1, 0.4], (3, 4))], {"eps": 0.2})],
    kinks="at the limits themselves the derivative is 1", fused=lambda g, y, x, eta, needs, saved, out, eps: perturb_kernel.backward(g, x, eta, eps, needs),
    doc="clip(x + clip(eta, −eps, eps), 0, 1), the perturbation step; eps is a number.", hint="x and eta must have the same shape and dtype",
    instead={"eps": "limit eta with minimum and maximum instead"},
)
where = define(
    "where", lambda condition, a, b: np.where(condition, a, b),  # np.where has no signature before NumPy 2.3
    NO_GRADIENT,
    lambda g, y, condition, a, b: where(condition, g, 0),
    lambda g, y, condition, a, b: where(condition, 0, g),
    formula="ā = ȳ [condition],  b̄ = ȳ [not condition]", reads=(0,), **_BROADCAST,
    doc="a where the boolean array condition holds, b elsewhere.",
    samples=lambda rng: [([rng.random((3, 4)) > 0.5, rng.standard_normal((3, 4)), rng.standard_normal((4,))], {})],
)
