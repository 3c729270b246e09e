"""Derivatives by central differences, and how far they can be trusted.

A single step is wrong where the function bends strongly, near a kink or the end of its domain, and
where rounding hides the change. So :meth:`Line.settled` tries steps from large to small, improves
each by Richardson's extrapolation and takes the one that its neighbour confirms best. (Ridders 1982.)
"""
from __future__ import annotations

import numpy as np

STEP = 6e-6  # about the cube root of float64's rounding: the best of steps for a function of about 1 that bends as a sine does
_RATIO = 4
_EPS = np.finfo(np.float64).eps


class Line:
    """<weights, f> along one element of an argument; ``at(value)`` is f with the element at this value.

    Differences are taken number by number before they are summed: what does not change cancels to
    exactly 0, however large it is.
    """

    def __init__(self, at, weights, x: float):
        self.at, self.weights, self.x, self.scale = at, weights, x, max(1.0, abs(x))
        self.touched = True  # which numbers of f change at all

    def _between(self, low: float, high: float) -> tuple[float, float]:
        """(difference quotient, how much of it may be rounding)."""
        below, above = self.at(low), self.at(high)
        noise = np.where(self.touched, np.maximum(np.abs(above), np.abs(below)), 0)
        return float(((above - below) * self.weights).sum() / (high - low)), float(_EPS * (noise * np.abs(self.weights)).sum() / (high - low))

    def _central(self, step: float) -> tuple[float, float]:
        return self._between(self.x - step * self.scale, self.x + step * self.scale)

    def slope(self) -> float:
        """The central difference at the usual step."""
        return self._central(STEP)[0]

    def settled(self) -> tuple[float, float, float]:
        """(slope, its error, the step): of the best step, the smallest of several; the error is infinite if no step gave anything."""
        far = STEP * _RATIO**5
        self.touched = self.at(self.x + far * self.scale) != self.at(self.x - far * self.scale)
        last = min(STEP * _RATIO**-9, 1e-4 * abs(self.x) / self.scale if self.x else 1.0)
        best, least, step, coarse = (np.nan, np.inf, STEP), np.inf, far, np.nan
        while step >= last:
            fine, noise = self._central(step)
            correction = (fine - coarse) / (_RATIO**2 - 1)
            error = abs(correction) + noise
            if (relative := error / max(1.0, abs(fine))) <= least:
                best, least = (fine + correction, error, step), relative
            step, coarse = step / _RATIO, fine
        return best

    def sides(self, step: float) -> tuple[float, float] | None:
        """The slopes to the left and to the right, if they differ as much at a smaller step: on a kink. Those of a curve come closer."""
        jumps = []
        for width in (step * self.scale, step * self.scale / _RATIO):
            (left, one), (right, other) = self._between(self.x - width, self.x), self._between(self.x, self.x + width)
            jumps.append(abs(right - left))
        return (left, right) if jumps[1] > max(0.5 * jumps[0], 1e-3 * max(1.0, abs(left), abs(right)) + 4 * (one + other)) else None
