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

from .. import checks

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
    evaluations : of each function, at most
    gtol : a function is done when no element of its gradient is larger
    ftol : or when a step lowers it by no more than ftol * max(\\|f before\\|, \\|f after\\|, 1); SciPy's
        factr times the machine precision
    stop : callable, optional
        (which (M,)) -> (M,) booleans: asked after each round of evaluations, of the functions it evaluated;
        where true, that function ends at its last iterate.

    A function whose line search fails (20 trials) begins anew from the steepest descent, once; then it ends.

    >>> import numpy as np
    >>> from sdpadv_np.optim import minimise
    >>> centre = np.array([[1.0, 2.0], [-3.0, 0.5]])
    >>> found = minimise(lambda x, which: (((x - centre[which]) ** 2).sum(1), 2 * (x - centre[which])), np.zeros((2, 2)))
    >>> found.x.round(6).tolist(), found.evaluations.tolist()
    ([[1.0, 2.0], [-3.0, 0.5]], [3, 3])
    """
    checks.whole("memory", memory)
    checks.whole("evaluations", evaluations)
    search = _Search(function, x0, memory)
    active = np.arange(len(x0))
    active = search.end(active, search.small_gradient(active, gtol), "gradient")
    while active.size:
        active = search.end(active, search.evaluations[active] >= evaluations, "evaluations")
        f, g, slope = search.evaluate(active)
        low = f <= search.value[active] + LOWER * search.t[active] * search.slope[active]
        good = low & (slope >= SLOPE * search.slope[active])
        search.narrow(active[~good], f[~good], slope[~good], low[~good])
        decreased = search.value[active[good]] - f[good]
        stepped = active[good]
        size = np.maximum(np.maximum(np.abs(f[good]), np.abs(search.value[stepped])), 1)
        search.accept(stepped, f[good], g[good])
        if stop is not None:
            active = search.end(active, stop(active), "stopped")
        active = search.end(active, np.isin(active, stepped[decreased <= ftol * size]), "decrease")
        active = search.end(active, np.isin(active, stepped) & search.small_gradient(active, gtol), "gradient")
        active = search.end(active, search.failed(active), "line search")
    return Minimum(search.x, search.value, search.gradient, search.steps, search.evaluations, search.reason)
