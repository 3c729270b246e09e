"""Analytic derivatives against finite differences, in float64.

What may be wrong with a derivative besides its numbers is looked for too: shape and dtype, a rule
that changes what it is given, a function that is another one when asked again, a rule that is right
where a graph is recorded and wrong where none is (there fused rules are used), in float32 only, for
some incoming gradients only (a rule is linear in it), or where one argument alone is differentiated.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import ArgumentError, Error, GradcheckError
from .differences import Line
from .engine import grad
from .rules.reduction import sum
from .rules.shape import concatenate
from .sealed import sealed_grad
from .tensor import Tensor, enable_grad

_UNCERTAIN = 1e-4  # of a slope: differences that are less certain than that show nothing
_FLOAT32 = 1e-3  # of an argument's largest slope: how far float32's may be from float64's
_SCALES = (-1024.0, 2.0**-10)  # of the incoming gradient; powers of 2, so that what is linear is multiplied exactly
_LINEAR = 1e-9  # of an argument's largest slope: how far from linear, or from what is found with other arguments, a gradient may be
_HUGE = 1e300  # multiples of slopes beyond that overflow, of those below its reciprocal they are rounded
_MODES = {False: "", True: ", with create_graph=True"}


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
        An element passes if |analytic - numeric| <= atol + rtol * max(1, |numeric|). What is not
        finite never passes.

    The gradient is taken with and without ``create_graph``, twice each, for all arguments together,
    for each alone and for all but each, and of several multiples of the output. If ``fn`` takes float32 as
    well, its gradients there must agree with those in float64 to 1e-3 of the largest, or 1e-3 if that is below 1.

    Raises
    ------
    GradcheckError
        Names the order, the argument, and of numbers the worst element and both values, and whether
        it lies on a kink.

    >>> import numpy as np, sdpadv_np as sd
    >>> sd.gradcheck(lambda x: sd.ops.tanh(x) * x, np.array([0.3, -1.2]), order=3)
    """
    arrays = [np.array(a) for a in arrays]
    for i, a in enumerate(arrays):
        if a.dtype != np.float64:
            raise ArgumentError(f"gradcheck: argument {i} is {a.dtype}; finite differences need float64, use .astype(np.float64)")
    with enable_grad(), np.errstate(all="ignore"):  # steps may leave the domain; what counts is looked at
        for level in range(1, order + 1):
            if level > 1:
                fn, arrays = _gradient_function(fn, arrays)
            _Check(fn, arrays, rtol, atol, f"order {level}").run()


def _weights(like) -> np.ndarray:
    """Fixed random weights of either sign that turn an output into one number; fixed, so that failures repeat."""
    weights = np.random.default_rng(12345).uniform(0.5, 1.5, like.shape)
    weights.reshape(-1)[1::2] *= -1
    return weights


def _gradient_function(fn, arrays):
    """The gradient of <fn, v> as a function of the arguments and v, flattened into one output."""
    v = _weights(fn(*map(Tensor, arrays)))

    def gradient(*tensors):
        *inputs, v = tensors
        inputs = [t if t.requires_grad else Tensor(t.data, requires_grad=True) for t in inputs]
        y = sum(fn(*inputs) * v)
        grads = grad(y, inputs, create_graph=True) if y.requires_grad else [Tensor(np.zeros_like(t.data)) for t in inputs]
        return concatenate(*(g.reshape(-1) for g in grads))

    return gradient, [*arrays, v]


def _same(a, b) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=True)


@dataclass
class _Check:
    """One order's: ``fn`` at ``arrays``."""

    fn: object
    arrays: list
    rtol: float
    atol: float
    order: str

    def run(self):
        value = self.value(self.arrays)
        bad = np.argwhere(~np.isfinite(value))
        if len(bad):
            self.fail(f"the function's own result is {value[tuple(bad[0])]} at element {tuple(bad[0].tolist())}; choose arguments where it is finite")
        if not _same(value, self.value(self.arrays)):
            self.fail("the function's result differs from call to call; fix what is random in it")
        weights = _weights(value)
        every = {composed: self.gradients(self.arrays, weights, composed, value) for composed in _MODES}
        for argument in range(len(self.arrays)):
            self.compare(argument, weights, {composed: gradients[argument] for composed, gradients in every.items()})
        for composed in _MODES:
            self.linear(weights, composed, every[composed])
            self.apart(weights, composed, every[composed])
        self.float32(weights)

    def fail(self, what):
        raise GradcheckError(f"{self.order}: {what}")

    def value(self, arrays, record=()):
        """fn's result, an array; or, if the arguments ``record`` are to be differentiated, (its Tensor, its inputs)."""
        inputs = [Tensor(a.copy(), requires_grad=i in record) for i, a in enumerate(arrays)]
        y = self.fn(*inputs)
        if not isinstance(y, Tensor):
            raise ArgumentError(f"gradcheck: the function returned {type(y).__name__}; it must return a Tensor")
        self.unchanged(inputs, arrays, "the function")
        return (y, inputs) if record else y.data.copy()

    def unchanged(self, inputs, arrays, who):
        for i, (t, a) in enumerate(zip(inputs, arrays)):
            if not _same(t.data, a):
                self.fail(f"argument {i}: {who} changes its values in place; make a new array")

    def gradients(self, arrays, weights, composed, value=None):
        """One array per argument, of its shape and dtype; taken twice, since a rule that changes what it reads is right only once."""
        y, inputs = self.value(arrays, range(len(arrays)))
        if value is not None and not np.allclose(y.data, value, rtol=1e-9, atol=1e-12):
            self.fail("the function's result is another one where it is recorded; it must not look at requires_grad")
        if not y.requires_grad:
            return [np.zeros_like(a) for a in arrays]
        before, found = y.data.copy(), []
        for _ in range(2):
            found.append([self.array(i, g) for i, g in enumerate(sealed_grad(y, inputs, weights, composed, self.order))])
            self.unchanged(inputs, arrays, f"a derivative rule{_MODES[composed]}")
        if not _same(before, y.data):
            self.fail(f"a derivative rule{_MODES[composed]} changes the result in place; make a new array")
        for i, (first, second, a) in enumerate(zip(*found, arrays)):
            if first.shape != a.shape or first.dtype != a.dtype:
                self.fail(f"argument {i} is {a.dtype}{list(a.shape)}, its gradient{_MODES[composed]} {first.dtype}{list(first.shape)}; they must agree")
            if not _same(first, second):
                self.fail(f"argument {i}: the gradient{_MODES[composed]} differs when it is asked for again; a rule is random, or changes what it reads")
        return found[0]

    def linear(self, weights, composed, expected):
        """Multiples of the incoming gradient have the same multiples of the gradient."""
        y, inputs = self.value(self.arrays, range(len(self.arrays)))
        for scale in _SCALES if y.requires_grad else ():
            found = sealed_grad(y, inputs, scale * weights, composed, self.order)
            self.agree(expected, [g.data / scale for g in found], f"is not linear in the incoming gradient: {scale:g} times as much gives{_MODES[composed]}, divided by that,", range(len(found)))

    def apart(self, weights, composed, expected):
        """Gradients do not depend on which others are taken; fused rules do less work where some are not."""
        every = range(len(self.arrays))
        for chosen in dict.fromkeys([*((i,) for i in every), *(tuple(j for j in every if j != i) for i in every)]) if len(every) > 1 else ():
            which = f"argument {chosen[0]} alone is" if len(chosen) == 1 else f"arguments {', '.join(map(str, chosen))} alone are"
            for record in (every, chosen):
                y, inputs = self.value(self.arrays, record)
                wanted = [inputs[i] for i in chosen]
                found = sealed_grad(y, wanted, weights, composed, self.order) if y.requires_grad else [Tensor(np.zeros_like(t.data)) for t in wanted]
                self.agree([expected[i] for i in chosen], [g.data for g in found], f"is another one where {which} differentiated{_MODES[composed]}:", chosen)

    def agree(self, expected, found, what, arguments):
        for argument, want, got in zip(arguments, expected, found, strict=True):
            bad = np.argwhere(~(np.abs(got - want) <= _LINEAR * np.abs(want).max(initial=0) + 1 / _HUGE) & ~(got == want) & (np.abs(want) < _HUGE))
            if len(bad):
                index = tuple(bad[0].tolist())
                self.fail(f"argument {argument}, element {index}: the gradient {what} {got[index]:.10g} instead of {want[index]:.10g}; the rule is wrong")

    def array(self, i, gradient):
        if not isinstance(gradient, Tensor):
            self.fail(f"argument {i}: the gradient{_MODES[True]} is a plain array; a rule must be written with operations, or the next derivative is lost")
        return gradient.data.copy()

    def compare(self, argument, weights, analytic):
        worst, where = 0.0, None
        for index in np.ndindex(self.arrays[argument].shape):
            line = self.line(argument, index, weights)
            numeric, error, step = line.slope(), 0.0, None
            if not all(abs(gradient[index] - numeric) <= self.tolerance(numeric) for gradient in analytic.values()):
                numeric, error, step = line.settled()
            for composed, gradient in analytic.items():
                got = float(gradient[index])
                excess = abs(got - numeric) / (self.tolerance(numeric) + error)
                if not excess <= 1 or not error <= _UNCERTAIN * max(1.0, abs(numeric)):
                    excess = excess if np.isfinite(excess) else np.inf
                    if where is None or excess > worst:
                        worst, where = excess, (index, composed, got, numeric, error, step)
        if where is not None:
            index, composed, *numbers = where
            self.fail(f"argument {argument}, element {index}: analytic {numbers[0]:.10g}{_MODES[composed]}, numeric {numbers[1]:.10g}, "
                      f"at x = {self.arrays[argument][index]:.6g}; {self.verdict(self.line(argument, index, weights), *numbers)}")

    def tolerance(self, numeric):
        return self.atol + self.rtol * max(1.0, abs(numeric))

    def line(self, argument, index, weights) -> Line:
        def at(value):
            moved = [a.copy() for a in self.arrays]
            moved[argument][index] = value
            return self.value(moved)

        return Line(at, weights, float(self.arrays[argument][index]))

    def verdict(self, line, got, numeric, error, step) -> str:
        if not np.isfinite(got):
            return "the rule is wrong: that is no slope"
        if (sides := line.sides(step)) is not None:
            left, right = sides
            slack = self.tolerance(max(abs(left), abs(right)))
            between = min(sides) - slack <= got <= max(sides) + slack
            return f"near a kink (left {left:.6g}, right {right:.6g}): " + ("move the input, or take one side's word" if between else "the rule is wrong on either side")
        if not error <= _UNCERTAIN * max(1.0, abs(numeric)):
            return "no step gives a difference to be trusted: the function jumps here, is not finite around, or its result is so large that rounding hides the change"
        return "the rule is wrong"

    def float32(self, weights):
        """Gradients in float32 against those in float64 at the same points; more is allowed where these change within float32's rounding."""
        singles = [a.astype(np.float32) for a in self.arrays]
        points = [a.astype(np.float64) for a in singles]
        try:
            y = self.fn(*(Tensor(a, requires_grad=True) for a in singles))
        except Exception:
            return  # not made for float32: a float64 array is part of it
        if not y.requires_grad or y.dtype != np.float32 or not all(np.isfinite(a).all() for a in points):
            return
        for composed, mode in _MODES.items():
            expected = self.gradients(points, weights, composed)
            around = [self.gradients([p + side * 2e-7 * np.maximum(1, np.abs(p)) for p in points], weights, composed) for side in (-1, 1)]
            try:
                found = self.gradients(singles, weights.astype(np.float32), composed)
            except GradcheckError as error:
                raise GradcheckError(f"in float32: {error}") from None
            except Error as error:
                self.fail(f"in float32 the gradient{mode} cannot be computed: {error}")
            for argument, (got, want, left, right) in enumerate(zip(found, expected, *around)):
                allowed = _FLOAT32 * max(1.0, np.abs(want).max(initial=0)) + np.nan_to_num(np.abs(left - want) + np.abs(right - want), nan=np.inf)
                bad = np.argwhere(~(np.abs(got - want) <= allowed))
                if len(bad):
                    index = tuple(bad[0].tolist())
                    self.fail(f"argument {argument}, element {index}: analytic {got[index]:.7g} in float32{mode}, {want[index]:.10g} in float64; the rule is wrong in float32")
