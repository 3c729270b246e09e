"""The check of one order of derivatives: what gradcheck.py does for each order."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import ArgumentError, Error, GradcheckError
from .differences import Line
from .read_only import grad_read_only
from .tensor import Tensor

_UNCERTAIN = 1e-4  # relative error from which on a difference shows nothing
_FLOAT32 = 1e-3  # allowed difference of float32's gradient from float64's, of an argument's largest derivative
_SCALES = (-1024.0, 2.0**-10)  # of the incoming gradient; powers of 2, so that linear rules scale exactly
_LINEAR = 1e-9  # allowed error of linearity, and between subsets of arguments, of the largest derivative
_HUGE = 1e300  # multiples of larger derivatives overflow, those of ones below its reciprocal are rounded
_MODES = {False: "", True: ", with create_graph=True"}


def weights_for(like) -> np.ndarray:
    """Fixed random weights of both signs that turn an output into one number; fixed, so that failures repeat."""
    weights = np.random.default_rng(12345).uniform(0.5, 1.5, like.shape)
    weights.reshape(-1)[1::2] *= -1
    return weights


def zeros_like(tensors) -> list[Tensor]:
    return [Tensor(np.zeros_like(t.data)) for t in tensors]


def _first(wrong) -> tuple | None:
    """The index of the first True, if there is one."""
    return next(map(tuple, np.argwhere(wrong).tolist()), None)


def _same(a, b) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=True)


@dataclass
class Check:
    """The check of one order: ``fn`` at ``arrays``."""

    fn: object
    arrays: list
    rtol: float
    atol: float
    order: str

    def run(self):
        value = self.value(self.arrays)
        if (index := _first(~np.isfinite(value))) is not None:
            self.fail(f"the function's own result is {value[index]} at element {index}; "
                      "choose arguments where it is finite")
        if not _same(value, self.value(self.arrays)):
            self.fail("the function's result differs from call to call; remove what is random in it")
        weights = weights_for(value)
        every = {composed: self.gradients(self.arrays, weights, composed, value) for composed in _MODES}
        for argument in range(len(self.arrays)):
            self.compare(argument, weights, {composed: gradients[argument] for composed, gradients in every.items()})
        for composed in _MODES:
            self.variants(weights, composed, every[composed])
        self.float32(weights)

    def fail(self, what):
        raise GradcheckError(f"{self.order}: {what}")

    def value(self, arrays, record=()):
        """fn's result, an array; or (its Tensor, its inputs) if the arguments ``record`` are to be differentiated."""
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
        """One array per argument; computed twice, since a rule that changes what it reads is right only once."""
        y, inputs = self.value(arrays, range(len(arrays)))
        if value is not None and not np.allclose(y.data, value, rtol=1e-9, atol=1e-12):
            self.fail("the function's result differs where it is recorded; it must not depend on requires_grad")
        if not y.requires_grad:
            return [np.zeros_like(a) for a in arrays]
        before, found = y.data.copy(), []
        for _ in range(2):
            gradients = grad_read_only(y, inputs, weights, composed, self.order)
            found.append([self.array(i, g) for i, g in enumerate(gradients)])
            self.unchanged(inputs, arrays, f"a derivative rule{_MODES[composed]}")
        if not _same(before, y.data):
            self.fail(f"a derivative rule{_MODES[composed]} changes the result in place; make a new array")
        for i, (first, second, a) in enumerate(zip(*found, arrays)):
            if first.shape != a.shape or first.dtype != a.dtype:
                self.fail(f"argument {i} is {a.dtype}{list(a.shape)}, its gradient{_MODES[composed]} "
                          f"{first.dtype}{list(first.shape)}; they must agree")
            if not _same(first, second):
                self.fail(f"argument {i}: the gradient{_MODES[composed]} differs when it is computed again; "
                          "a rule is random, or changes what it reads")
        return found[0]

    def variants(self, weights, composed, expected):
        """The gradient is linear in the incoming one, and does not depend on which others are computed.

        Fused rules do less work for fewer.
        """
        every = tuple(range(len(self.arrays)))
        cases = [(every, every, scale, "is not linear in the incoming gradient: "
                  f"{scale:g} times as much gives{_MODES[composed]}, divided by that,") for scale in _SCALES]
        subsets = dict.fromkeys([*((i,) for i in every), *(tuple(j for j in every if j != i) for i in every)])
        for some in subsets if len(every) > 1 else ():
            names = ", ".join(map(str, some))
            which = f"argument {names} alone is" if len(some) == 1 else f"arguments {names} alone are"
            what = f"differs where {which} differentiated{_MODES[composed]}:"
            cases += [(record, some, 1, what) for record in (every, some)]
        for record, some, scale, what in cases:
            y, inputs = self.value(self.arrays, record)
            inputs = [inputs[i] for i in some]
            found = (grad_read_only(y, inputs, scale * weights, composed, self.order) if y.requires_grad
                     else zeros_like(inputs))
            self.agree([expected[i] for i in some], [g.data / scale for g in found], what, some)

    def agree(self, expected, found, what, arguments):
        for argument, want, got in zip(arguments, expected, found, strict=True):
            near = np.abs(got - want) <= _LINEAR * np.abs(want).max(initial=0) + 1 / _HUGE
            if (index := _first(~near & ~(got == want) & (np.abs(want) < _HUGE))) is not None:
                self.fail(f"argument {argument}, element {index}: the gradient {what} {got[index]:.10g} "
                          f"instead of {want[index]:.10g}; the rule is wrong")

    def array(self, i, gradient):
        if not isinstance(gradient, Tensor):
            self.fail(f"argument {i}: the gradient{_MODES[True]} is a plain array; "
                      "a rule must be written with operations, or the next derivative is lost")
        return gradient.data.copy()

    def compare(self, argument, weights, analytic):
        worst, where = 0.0, None
        for index in np.ndindex(self.arrays[argument].shape):
            line = self.line(argument, index, weights)
            numeric, error, step = line.derivative(), 0.0, None
            if not all(abs(g[index] - numeric) <= self.tolerance(numeric) for g in analytic.values()):
                numeric, error, step = line.extrapolated()
            for composed, gradient in analytic.items():
                got = float(gradient[index])
                excess = abs(got - numeric) / (self.tolerance(numeric) + error)
                if not excess <= 1 or not error <= _UNCERTAIN * max(1.0, abs(numeric)):
                    excess = excess if np.isfinite(excess) else np.inf
                    if where is None or excess > worst:
                        worst, where = excess, (index, composed, got, numeric, error, step)
        if where is not None:
            index, composed, *numbers = where
            verdict = self.verdict(self.line(argument, index, weights), *numbers)
            self.fail(f"argument {argument}, element {index}: analytic {numbers[0]:.10g}{_MODES[composed]}, "
                      f"numeric {numbers[1]:.10g}, at x = {self.arrays[argument][index]:.6g}; {verdict}")

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
            return "the rule is wrong: that is not a finite number"
        if (sides := line.sides(step)) is not None:
            left, right = sides
            slack = self.tolerance(max(abs(left), abs(right)))
            between = min(sides) - slack <= got <= max(sides) + slack
            remedy = "move the input, or use one side's derivative" if between else "the rule is wrong on both sides"
            return f"near a kink (left {left:.6g}, right {right:.6g}): {remedy}"
        if not error <= _UNCERTAIN * max(1.0, abs(numeric)):
            return ("no step gives a reliable difference: the function jumps here, is not finite nearby, "
                    "or its result is so large that rounding hides the change")
        return "the rule is wrong"

    def float32(self, weights):
        """Gradients in float32 against float64 at the same points, within what rounding of the points changes."""
        singles = [a.astype(np.float32) for a in self.arrays]
        points = [a.astype(np.float64) for a in singles]
        try:
            y = self.fn(*(Tensor(a, requires_grad=True) for a in singles))
        except Exception:
            return  # fn does not take float32: it contains a float64 array
        if not y.requires_grad or y.dtype != np.float32 or not all(np.isfinite(a).all() for a in points):
            return
        for composed, mode in _MODES.items():
            expected = self.gradients(points, weights, composed)
            around = [self.gradients([p + side * 2e-7 * np.maximum(1, np.abs(p)) for p in points], weights, composed)
                      for side in (-1, 1)]
            try:
                found = self.gradients(singles, weights.astype(np.float32), composed)
            except GradcheckError as error:
                raise GradcheckError(f"in float32: {error}") from None
            except Error as error:
                self.fail(f"in float32 the gradient{mode} cannot be computed: {error}")
            for argument, (got, want, left, right) in enumerate(zip(found, expected, *around)):
                change = np.nan_to_num(np.abs(left - want) + np.abs(right - want), nan=np.inf)
                allowed = _FLOAT32 * max(1.0, np.abs(want).max(initial=0)) + change
                if (index := _first(~(np.abs(got - want) <= allowed))) is not None:
                    self.fail(f"argument {argument}, element {index}: analytic {got[index]:.7g} in float32{mode}, "
                              f"{want[index]:.10g} in float64; the rule is wrong in float32")
