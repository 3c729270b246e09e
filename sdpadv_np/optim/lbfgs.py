"""L-BFGS for many independent functions at once, each with its own history, step lengths and end.

NOTE: one round. Every unfinished function has one trial point; all trial points are evaluated in one call, whatever
the stage of each function. A trial that satisfies the two Wolfe conditions

    f(x + t d) <= f(x) + 1e-3 t d'f'        d'f'(x + t d) >= 0.9 d'f'

becomes the next iterate, the pair (s, y) = (change of x, change of the gradient) enters that function's history, and
the two-loop recursion (Nocedal & Wright 2006, Algorithm 7.4) gives the next direction, whose first trial is t = 1.
Any other trial narrows the bracket of its own line search: a value too high is an upper end, a slope too steep a
lower end. No function waits for another one's line search.

The conditions are the weak ones: for functions with kinks (a maximum, a root) a point with a small slope may not
exist, while the bracket always converges to a point that satisfies these (Lewis & Overton 2013).
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import checks, xp
from ..errors import ArgumentError

LOWER, SLOPE = 1e-3, 0.9  # constants of the Wolfe conditions; SciPy's (dcsrch: ftol, gtol)
TRIALS = 20  # most of one line search, as in SciPy
REASONS = ("evaluations", "gradient", "decrease", "stopped", "line search")


class Minimum(NamedTuple):
    """The result of :func:`minimise` for each of N functions."""

    x: np.ndarray  # (N, D)
    value: np.ndarray  # (N,)
    gradient: np.ndarray  # (N, D)
    steps: np.ndarray  # (N,), iterates accepted
    evaluations: np.ndarray  # (N,)
    reason: np.ndarray  # (N,), indices into REASONS


def minimise(function, x0, *, memory: int = 10, evaluations: int = 15000, gtol: float = 1e-5, ftol: float = 2.2e-9,
             stop=None) -> Minimum:
    """Minimise N independent functions of D variables.

    Parameters
    ----------
    function : callable
        (x (M, D), which (M,)) -> (values (M,), gradients (M, D)): the functions numbered ``which`` at x.
    x0 : (N, D) float32 or float64, the starting points; not changed, and its dtype is that of the computation
    memory : number of pairs (s, y) of each function
    evaluations : most evaluations of each function; the first is at x0
    gtol : a function ends when no element of its gradient is larger
    ftol : or when a step decreases it by at most ftol times the largest of its magnitude before, after, and 1
        (SciPy's factr times the machine precision)
    stop : callable, optional
        (which (M,)) -> (M,) booleans, called after each round of evaluations with the functions evaluated;
        where true, that function ends at its last iterate

    A function whose line search fails (20 trials) restarts with the steepest descent, once; then it ends.

    >>> import numpy as np
    >>> from sdpadv_np.optim import minimise
    >>> centre = np.array([[1.0, 2.0], [-3.0, 0.5]])
    >>> def function(x, which):
    ...     return ((x - centre[which]) ** 2).sum(axis=1), 2 * (x - centre[which])
    >>> found = minimise(function, np.zeros((2, 2)))
    >>> found.x.round(6).tolist(), found.evaluations.tolist()
    ([[1.0, 2.0], [-3.0, 0.5]], [3, 3])
    """
    if getattr(x0, "ndim", None) != 2 or x0.dtype not in xp.FLOATS:
        given = f"{getattr(x0, 'dtype', type(x0).__name__)}{list(getattr(x0, 'shape', ()))}"
        raise ArgumentError(f"x0 is {given}; expected a float32 or float64 array (N, D)")
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
    """The state of N searches: arrays over the functions, indexed by function numbers."""

    def __init__(self, function, x0, memory):
        n, make = len(x0), xp.array_module(x0)
        self.function, self.memory = function, memory
        self.x = x0.copy()
        self.value, self.gradient = function(self.x, make.arange(n))
        self.value, self.gradient = self.value.astype(np.float64), self.gradient.astype(x0.dtype)
        self.steps, self.evaluations, self.reason = make.zeros(n, int), make.ones(n, int), make.zeros(n, int)
        self.s, self.y = make.zeros((2, memory, *x0.shape), x0.dtype)
        self.rho = make.zeros((memory, n))  # 1 / s'y, 0 where there is no pair
        self.pairs = make.zeros(n, int)  # stored since the last restart
        self.direction = np.empty_like(self.x)
        self.t, self.slope, self.trials = make.empty(n), make.empty(n), make.zeros(n, int)
        self.low, self.high = make.empty((2, n, 3))  # the bracket's ends: t, value, slope
        self.aim(make.arange(n))

    def end(self, active, done, reason):
        """The rest of ``active``, after recording the reason of those that are done."""
        self.reason[active[done]] = REASONS.index(reason)
        return active[~done]

    def flat(self, which, gtol):
        """Where the gradient is at most gtol."""
        return np.abs(self.gradient[which]).max(axis=1) <= gtol

    def round(self, active):
        """Evaluate the trial points; (functions that stepped there, their relative decrease)."""
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
        after = self.value[stepped]
        return stepped, (before - after) / np.maximum(np.maximum(np.abs(before), np.abs(after)), 1)

    def step(self, which, x, value, gradient):
        """Step to x, store the pair, and choose the next direction."""
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
        """H g by the two-loop recursion from H = (s'y / y'y) I of the newest pair; g where there is none (rho = 0)."""
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
        """The trial becomes an end of the bracket; the next lies inside, or beyond it while there is no upper end."""
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
            inner = np.where(open_, t + 1.1 * width, a[:, 0] + 0.1 * width)
            outer = np.where(open_, t + 4 * width, b[:, 0] - 0.1 * width)
        self.t[which] = np.where(np.isfinite(least), np.clip(least, inner, outer), middle)

    def stuck(self, active):
        """Those whose line search failed along the steepest descent; others that failed restart with it."""
        failed = self.trials[active] >= TRIALS
        fresh = self.pairs[active] == 0
        again = active[failed & ~fresh]
        self.forget(again)
        self.aim(again)
        return failed & fresh


def _dot(a, b):
    """a'b of each row; in float64 where float32 overflows, as for gradients of 1e20."""
    result = np.einsum("nd,nd->n", a, b).astype(np.float64)
    far = ~np.isfinite(result)
    if far.any():
        result[far] = np.einsum("nd,nd->n", a[far], b[far], dtype=np.float64)
    return result


def _column(numbers, like):
    """One number per row, as a column of the dtype of ``like``."""
    return numbers[:, None].astype(like.dtype)


def _cubic(a, b):
    """The minimiser of the cubic through two ends (t, value, slope); not finite where there is none."""
    (ta, fa, da), (tb, fb, db) = a.T, b.T
    c = da + db - 3 * (fa - fb) / (ta - tb)
    root = np.sign(tb - ta) * np.sqrt(c * c - da * db)
    return tb - (tb - ta) * (db + root - c) / (db - da + 2 * root)
