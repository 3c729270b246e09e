"""L-BFGS for many independent functions at once, each with its own history, step lengths and end.

NOTE: what happens in one round. Every function that is not done has one trial point; all trial points
are evaluated in one call, whatever stage each function is at. A trial that satisfies the two Wolfe
conditions

    f(x + t d) <= f(x) + 1e-3 t d'f'        d'f'(x + t d) >= 0.9 d'f'

becomes the next iterate, the pair (s, y) = (change of x, change of the gradient) enters that function's
history, and the two-loop recursion (Nocedal & Wright 2006, Algorithm 7.4) gives the next direction, whose
first trial is t = 1. Any other trial narrows the bracket of its own line search: too high is an upper end,
too steep still is a lower end. No function waits for another one's line search.

The conditions are the weak ones: for functions with kinks (a maximum, a root) a point with a small slope
may not exist, while the bracket always closes in on a point that satisfies these (Lewis & Overton 2013).
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import checks, xp
from ..errors import ArgumentError

LOWER, SLOPE = 1e-3, 0.9  # of the Wolfe conditions; SciPy's (dcsrch: ftol, gtol)
TRIALS = 20  # of one line search, as SciPy
REASONS = ("evaluations", "gradient", "decrease", "stopped", "line search")


class Minimum(NamedTuple):
    """What :func:`minimise` found for each of N functions."""

    x: np.ndarray  # (N, D)
    value: np.ndarray  # (N,)
    gradient: np.ndarray  # (N, D)
    steps: np.ndarray  # (N,), iterates accepted
    evaluations: np.ndarray  # (N,)
    reason: np.ndarray  # (N,), indices into REASONS: why each ended


def minimise(function, x0, *, memory: int = 10, evaluations: int = 15000, gtol: float = 1e-5, ftol: float = 2.2e-9, stop=None) -> Minimum:
    """Minimise N functions of D variables, each by itself.

    Parameters
    ----------
    function : callable
        (x (M, D), which (M,)) -> (values (M,), gradients (M, D)): the functions numbered ``which`` at x.
    x0 : (N, D) float32 or float64, where each begins; everything is computed in its dtype, not changed
    memory : pairs (s, y) kept of each function
    evaluations : of each function, at most; the first is at x0
    gtol : a function is done when no element of its gradient is larger
    ftol : or when a step lowers it by no more than ftol times the largest of its size before, after, and 1
        (SciPy's factr times the machine precision)
    stop : callable, optional
        (which (M,)) -> (M,) booleans: asked after each round of evaluations, of the functions it evaluated;
        where true, that function ends at its last iterate

    A function whose line search fails (20 trials) begins anew from the steepest descent, once; then it ends.

    >>> import numpy as np
    >>> from sdpadv_np.optim import minimise
    >>> centre = np.array([[1.0, 2.0], [-3.0, 0.5]])
    >>> found = minimise(lambda x, which: (((x - centre[which]) ** 2).sum(1), 2 * (x - centre[which])), np.zeros((2, 2)))
    >>> found.x.round(6).tolist(), found.evaluations.tolist()
    ([[1.0, 2.0], [-3.0, 0.5]], [3, 3])
    """
    if getattr(x0, "ndim", None) != 2 or x0.dtype not in xp.FLOATS:
        raise ArgumentError(f"x0 is {getattr(x0, 'dtype', type(x0).__name__)}{list(getattr(x0, 'shape', ()))}; expected a float32 or float64 array (N, D)")
    memory, evaluations = checks.whole("memory", memory), checks.whole("evaluations", evaluations, 2)
    gtol, ftol = checks.number("gtol", gtol), checks.number("ftol", ftol)
    search = _Search(function, x0, memory)
    active = search.end(xp.array_module(x0).arange(len(x0)), search.flat(slice(None), gtol), "gradient")
    while active.size:
        stepped, decrease = search.round(active)
        if stop is not None:
            active = search.end(active, stop(active), "stopped")
        active = search.end(active, np.isin(active, stepped[search.flat(stepped, gtol)]), "gradient")
        active = search.end(active, np.isin(active, stepped[decrease <= ftol]), "decrease")
        active = search.end(active, search.stuck(active), "line search")
        active = search.end(active, search.evaluations[active] >= evaluations, "evaluations")
    return Minimum(search.x, search.value, search.gradient, search.steps, search.evaluations, search.reason)


class _Search:
    """The state of N searches: arrays over the functions, indexed by the numbers of those concerned."""

    def __init__(self, function, x0, memory):
        n, make = len(x0), xp.array_module(x0)
        self.function, self.memory = function, memory
        self.x = x0.copy()
        self.value, self.gradient = function(self.x, make.arange(n))
        self.value, self.gradient = self.value.astype(np.float64), self.gradient.astype(x0.dtype)
        self.steps, self.evaluations, self.reason = make.zeros(n, int), make.ones(n, int), make.zeros(n, int)
        self.s, self.y = make.zeros((2, memory, *x0.shape), x0.dtype)
        self.rho, self.pairs = make.zeros((memory, n)), make.zeros(n, int)  # 1 / s'y, 0 where there is no pair; pairs ever stored
        self.direction = np.empty_like(self.x)
        self.t, self.slope, self.trials = make.empty(n), make.empty(n), make.zeros(n, int)
        self.low, self.high = make.empty((2, n, 3))  # the bracket's ends: t, value, slope
        self.aim(make.arange(n))

    def end(self, active, done, reason):
        """What remains of ``active``; the others get their reason."""
        self.reason[active[done]] = REASONS.index(reason)
        return active[~done]

    def flat(self, which, gtol):
        """Where the gradient is as good as 0."""
        return np.abs(self.gradient[which]).max(axis=1) <= gtol

    def round(self, active):
        """Evaluate the trial point of each, and go there or elsewhere: (those that went there, their relative decrease)."""
        trial = self.x[active] + _column(self.t[active], self.x) * self.direction[active]
        value, gradient = self.function(trial, active)
        value = np.where(np.isfinite(value), value, np.inf).astype(np.float64)
        slope = _dot(gradient, self.direction[active])
        self.evaluations[active] += 1
        low = value <= self.value[active] + LOWER * self.t[active] * self.slope[active]
        good = low & (slope >= SLOPE * self.slope[active])
        self.narrow(active[~good], value[~good], slope[~good], low[~good])
        stepped, before = active[good], self.value[active[good]]
        self.step(stepped, trial[good], value[good], gradient[good])
        return stepped, (before - self.value[stepped]) / np.maximum(np.maximum(np.abs(before), np.abs(self.value[stepped])), 1)

    def step(self, which, x, value, gradient):
        """Go to x, remember the pair, and aim anew."""
        s, y = x - self.x[which], gradient - self.gradient[which]
        bend = _dot(s, y)
        usable = bend > np.finfo(x.dtype).eps * _dot(y, y)
        place = self.pairs[which[usable]] % self.memory, which[usable]
        self.s[place], self.y[place], self.rho[place] = s[usable], y[usable], 1 / bend[usable]
        self.pairs[which[usable]] += 1
        self.x[which], self.value[which], self.gradient[which] = x, value, gradient
        self.steps[which] += 1
        self.aim(which)

    def aim(self, which):
        """The next direction and its first trial."""
        g = self.gradient[which]
        direction = -self.recursion(which, g)
        slope = _dot(direction, g)
        first = (self.pairs[which] == 0) | ~(slope < 0)
        self.forget(which[first])
        direction[first], slope[first] = -g[first], -_dot(g[first], g[first])
        self.direction[which], self.slope[which] = direction, slope
        self.t[which] = np.where(first, 1 / np.sqrt(np.maximum(-slope, np.finfo(np.float64).tiny)), 1)
        self.trials[which] = 0
        self.low[which] = np.stack([np.zeros_like(slope), self.value[which], slope], axis=1)
        self.high[which] = np.inf

    def recursion(self, which, g):
        """H g by the two-loop recursion; H begins as (s'y / y'y) I of the newest pair. g itself where there is no pair (rho = 0)."""
        q, weights, kept = g.copy(), [], min(self.memory, int(self.pairs[which].max())) if which.size else 0
        newest_first = [((self.pairs[which] - 1 - k) % self.memory, which) for k in range(kept)]
        for pair in newest_first:
            weights.append(self.rho[pair] * _dot(self.s[pair], q))
            q -= _column(weights[-1], q) * self.y[pair]
        if kept:
            bend, y = self.rho[newest_first[0]], self.y[newest_first[0]]
            q *= _column(1 / np.where(bend > 0, bend * _dot(y, y), 1), q)
        for pair, weight in zip(newest_first[::-1], weights[::-1]):
            q += _column(weight - self.rho[pair] * _dot(self.y[pair], q), q) * self.s[pair]
        return q

    def forget(self, which):
        self.pairs[which], self.rho[:, which] = 0, 0

    def narrow(self, which, value, slope, low):
        """The trial becomes an end of the bracket; the next trial lies inside, or beyond while there is no upper end."""
        t = self.t[which]
        here, before = np.stack([t, value, slope], axis=1), self.low[which]
        self.low[which[low]], self.high[which[~low]] = here[low], here[~low]
        self.trials[which] += 1
        a, b = self.low[which], self.high[which]
        open_ = np.isinf(b[:, 0])
        other = np.where(open_[:, None], before, b)
        with np.errstate(all="ignore"):
            least, middle = _cubic(a, other), np.where(open_, 2 * t, (a[:, 0] + b[:, 0]) / 2)
            width = np.where(open_, t - before[:, 0], b[:, 0] - a[:, 0])
            inner, outer = np.where(open_, t + 1.1 * width, a[:, 0] + 0.1 * width), np.where(open_, t + 4 * width, b[:, 0] - 0.1 * width)
        self.t[which] = np.where(np.isfinite(least), np.clip(least, inner, outer), middle)

    def stuck(self, active):
        """Those whose line search failed from the steepest descent; one that failed elsewhere begins anew there."""
        failed = self.trials[active] >= TRIALS
        fresh = self.pairs[active] == 0
        again = active[failed & ~fresh]
        self.forget(again)
        self.aim(again)
        return failed & fresh


def _dot(a, b):
    """a'b of each row; in float64 where float32 does not reach, gradients of 1e20 for instance."""
    result = np.einsum("nd,nd->n", a, b).astype(np.float64)
    far = ~np.isfinite(result)
    if far.any():
        result[far] = np.einsum("nd,nd->n", a[far], b[far], dtype=np.float64)
    return result


def _column(numbers, like):
    """One number per row, to multiply the rows of ``like`` with."""
    return numbers[:, None].astype(like.dtype)


def _cubic(a, b):
    """Where the cubic through two ends (t, value, slope) is least; not finite where it has no minimum."""
    (ta, fa, da), (tb, fb, db) = a.T, b.T
    c = da + db - 3 * (fa - fb) / (ta - tb)
    root = np.sign(tb - ta) * np.sqrt(c * c - da * db)
    return tb - (tb - ta) * (db + root - c) / (db - da + 2 * root)
