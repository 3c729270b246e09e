"""Derivatives by central differences, with an estimate of their error.

A single step size is wrong where the curvature is large, near a kink or the end of the domain, and where rounding
hides the change. So :meth:`Line.extrapolated` tries steps from large to small, improves each by Richardson's
extrapolation and takes the one whose neighbour agrees best. (Ridders 1982.)
"""
from __future__ import annotations

import numpy as np

STEP = 6e-6  # about the cube root of float64's epsilon: the best step for a function like a sine
_RATIO = 4
_EPS = np.finfo(np.float64).eps


class Line:
    """<weights, f> along one element of an argument; ``at(value)`` is f with the element at this value.

    Differences are taken element by element before they are summed: unchanged elements cancel exactly, however large.
    """

    def __init__(self, at, weights, x: float):
        self.at, self.weights, self.x, self.scale = at, weights, x, max(1.0, abs(x))
        self.touched = True  # which elements of f change at all

    def _between(self, low: float, high: float) -> tuple[float, float]:
        """(difference quotient, its possible rounding error)."""
        below, above = self.at(low), self.at(high)
        noise = np.where(self.touched, np.maximum(np.abs(above), np.abs(below)), 0)
        width = high - low
        rounding = float(_EPS * (noise * np.abs(self.weights)).sum() / width)
        return float(((above - below) * self.weights).sum() / width), rounding

    def _central(self, step: float) -> tuple[float, float]:
        return self._between(self.x - step * self.scale, self.x + step * self.scale)

    def derivative(self) -> float:
        """The central difference at the usual step."""
        return self._central(STEP)[0]

    def extrapolated(self) -> tuple[float, float, float]:
        """(derivative, its error, the step) of the best step; the error is infinite if no step gave a finite value."""
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
        """The one-sided derivatives, left and right, at a kink: if their difference does not shrink with the step."""
        jumps = []
        for width in (step * self.scale, step * self.scale / _RATIO):
            (left, one), (right, other) = self._between(self.x - width, self.x), self._between(self.x, self.x + width)
            jumps.append(abs(right - left))
        certain = 1e-3 * max(1.0, abs(left), abs(right)) + 4 * (one + other)
        return (left, right) if jumps[1] > max(0.5 * jumps[0], certain) else None
