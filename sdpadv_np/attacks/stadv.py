"""stAdv: each pixel is moved by its own flow, as smooth as possible (Xiao et al. 2018)."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import checks, xp
from ..autodiff import Tensor, grad, ops
from ..autodiff.tensor import enable_grad
from ..kernels import flow_sample, flow_smoothness
from ..models.interface import logits_of
from ..optim import minimise
from .base import Attack, Nearest, uniform
from .parameters import parameter
from .queries import checked_gradient, logits

_FACTOR = 3.0  # by which tau is raised and lowered


@dataclass(frozen=True)
class StAdv(Attack):
    """x_A = x read along a flow that minimises L_adv + tau L_flow, by L-BFGS; one line search per image.

    L_adv = max(Z_y - max of the other Z, -kappa), or with targets max(max of the other Z - Z_t, -kappa).
    L_flow is that of the published program (rakutentech/stAdv 0.2.1): sdpadv_np.kernels.flow_smoothness.
    Of all flows tried that reach the goal by the margin kappa, each image keeps the one that changes
    it least (squared L2 norm). An image without such a flow is returned unchanged.

    The search over tau: each image starts with ``tau`` and minimises. After a first or better flow tau is raised
    threefold and the search continues from there; without one, tau is lowered threefold and the search starts anew.
    An image is done when a raised tau brings nothing better.

    kappa : margin of the logits by which the goal must be reached; with 0 L-BFGS would stop on the decision boundary
    tau : weight of L_flow at first, for images in [0, 1] (the published program's .05 is for 0..255)
    tau_steps : values of tau that are tried, at most; 1 keeps to ``tau``
    evaluations : of the classifier and its gradient, for each value of tau
    padding : "symmetric" or "constant" (which holds the flow back at the edge)
    start : the initial flow, drawn from [-start, start] pixels. At zero flow, where every position is a whole number,
        all derivatives of the image jump, and a search from there (``start=0``) may not get away; a hundredth of a
        pixel suffices. (The published demo draws from [0, 1).)

    >>> import numpy as np, sdpadv_np as sd
    >>> attack = sd.attacks.StAdv(sd.models.ModelB())
    >>> x = np.random.default_rng(0).random((2, 1, 28, 28), np.float32)
    >>> attack(x).shape, attack.flow(x).shape
    ((2, 1, 28, 28), (2, 2, 28, 28))
    """

    kappa: float = parameter(0.05, checks.number)
    tau: float = parameter(0.01, checks.number)
    tau_steps: int = parameter(3, checks.whole)
    evaluations: int = parameter(20, checks.whole, low=2)
    padding: str = parameter("symmetric", checks.choice, options=flow_smoothness.PADDINGS)
    start: float = parameter(0.01, checks.number)
    batch_size: int = parameter(100, checks.whole)

    slow = True

    def flow(self, x, y=None, targets=None, progress: bool = True):
        """The flows (N, 2, H, W) in pixels, down and right, along which ``attack(x, y, targets)`` reads each image."""
        return self._in_batches(self._search, x, y, targets, progress)

    def _attack(self, x, goal, rng):
        flow = self._search(x, goal, rng)
        moved = flow.any(axis=(1, 2, 3))[:, None, None, None]
        return np.where(moved, np.clip(flow_sample.forward(x, flow), 0, 1), x)  # sampling may round, at zero flow too

    def _search(self, x, goal, rng):
        flows = (len(x), 2, *x.shape[2:])
        module = xp.array_module(x)
        found, tau = Nearest(module.zeros(flows, x.dtype)), module.full(len(x), self.tau, x.dtype)
        found.distortion[self._reached(goal.margin(logits(self.classifier, x, goal.images)))] = 0  # at no flow
        active, failed = np.flatnonzero(~found.any), module.zeros(len(x), bool)
        for _ in range(self.tau_steps):
            if not active.size:
                break
            before, drawn = found.distortion[active], uniform(rng, self.start, (len(active), *flows[1:]), x)
            start = np.where(found.any[active][:, None, None, None], found.results[active], drawn)
            self._minimise(start, x, goal, tau, active, found)
            better = found.distortion[active] < before
            failed[active] |= ~better
            tau[active] *= np.where(better, _FACTOR, 1 / _FACTOR).astype(x.dtype)
            active = active[~found.any[active] | ~failed[active]]
        return found.results

    def _minimise(self, start, x, goal, tau, active, found):
        """L-BFGS for each of the active images from the flows ``start``; ``found`` gets every flow on the way."""

        def loss(flow, which):
            value, gradient = self._loss(flow.reshape(-1, *start.shape[1:]), x, goal, tau, active[which], found)
            return value, gradient.reshape(flow.shape)

        minimise(loss, start.reshape(len(start), -1), evaluations=self.evaluations)

    @enable_grad()
    def _loss(self, flow, x, goal, tau, chosen, found):
        """(L_adv + tau L_flow (M,), its gradient (M, 2, H, W)) of the chosen images; ``found`` gets these flows."""
        t = Tensor(flow, requires_grad=True)
        x_adv = ops.flow_sample(x[chosen], t)
        goal = goal.of(chosen)
        margin = goal.margin(logits_of(self.classifier, x_adv))
        l_adv = ops.clip(margin, low=-self.kappa, high=np.inf)
        gradient = checked_gradient(self.classifier, grad(ops.sum(l_adv), [t])[0].data, goal.images)
        l_flow, roughness = flow_smoothness.value_and_gradient(flow, self.padding)
        reached, distortion = self._reached(margin.data), np.square(x_adv.data - x[chosen]).sum(axis=(1, 2, 3))
        found.offer(chosen[reached], flow[reached], distortion[reached])
        return l_adv.data + tau[chosen] * l_flow, gradient + tau[chosen][:, None, None, None] * roughness

    def _reached(self, margin):
        return (margin <= -self.kappa) & (margin < 0)
