"""stAdv: each pixel is moved by its own flow, as smoothly as it can be (Xiao et al. 2018)."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import checks
from ..autodiff import Tensor, grad, ops
from ..kernels import flow_sample, flow_smoothness
from ..optim import minimise
from .base import Attack

STARTS = ("zero", "random")
_FACTOR = 3.0  # by which tau is raised and lowered


@dataclass(frozen=True)
class StAdv(Attack):
    """x_A = x read along a flow that minimises L_adv + tau L_flow, by L-BFGS; one line search per image.

    L_adv = max(Z_y - max of the other Z, -kappa), or with targets max(max of the other Z - Z_t, -kappa).
    L_flow is that of the published program (rakutentech/stAdv 0.2.1): sdpadv_np.kernels.flow_smoothness.
    Of all flows tried that reach the goal by the margin kappa, each image keeps the one that changes
    it least (squared L2 norm). An image for which there was none stays as it is.

    The search over tau: each image begins with ``tau`` and minimises. Where that found a flow, or a
    better one than before, tau is raised threefold and the search goes on from there; where it found
    none, tau is lowered threefold. An image is done when a raised tau brings nothing better.

    kappa : margin of the logits by which the goal must be reached; with 0 L-BFGS would rest on the
        decision boundary itself
    tau : weight of L_flow at first, for images in [0, 1] (the published program's .05 is for 0..255)
    tau_steps : values of tau that are tried, at most; 1 keeps to ``tau``
    evaluations : of the classifier and its gradient, for each value of tau
    padding : "symmetric" or "constant" (which holds the flow back at the edge)
    start : "zero", or "random": a flow drawn from [0, 1) pixels, as the published demo does

    >>> import numpy as np, sdpadv_np as sd
    >>> attack = sd.attacks.StAdv(sd.models.ModelB())
    >>> x = np.random.default_rng(0).random((2, 1, 28, 28), np.float32)
    >>> attack(x).shape, attack.flow(x).shape
    ((2, 1, 28, 28), (2, 2, 28, 28))
    """

    kappa: float = 0.05
    tau: float = 0.01
    tau_steps: int = 3
    evaluations: int = 20
    padding: str = "symmetric"
    start: str = "zero"
    batch_size: int = 100

    slow = True

    def __post_init__(self):
        super().__post_init__()
        checks.number("kappa", self.kappa)
        checks.number("tau", self.tau)
        checks.whole("tau_steps", self.tau_steps)
        checks.whole("evaluations", self.evaluations, 2)
        checks.choice("padding", self.padding, flow_smoothness.PADDINGS)
        checks.choice("start", self.start, STARTS)

    def flow(self, x, y=None, targets=None, progress: bool = True):
        """The flows (N, 2, H, W) in pixels, down and right, along which ``attack(x, y, targets)`` reads each image."""
        return self._in_batches(self._search, x, y, targets, progress)

    def _attack(self, x, goal, rng):
        return flow_sample.forward(x, self._search(x, goal, rng))

    def _search(self, x, goal, rng):
        n, _, h, w = x.shape
        found = _Found(x)
        tau, failed = np.full(n, self.tau, x.dtype), np.zeros(n, bool)
        begin = rng.random((n, 2, h, w), x.dtype) if self.start == "random" else np.zeros((n, 2, h, w), x.dtype)
        active = np.arange(n)
        for _ in range(self.tau_steps):
            before = found.distortion[active]
            start = np.where(np.isfinite(before)[:, None, None, None], found.flow[active], begin[active])

            def loss(flow, which):
                chosen = active[which]
                value, gradient = self._loss(flow.reshape(-1, 2, h, w), x, goal, tau, chosen, found)
                return value, gradient.reshape(flow.shape)

            minimise(loss, start.reshape(-1, 2 * h * w), evaluations=self.evaluations, stop=lambda which: found.distortion[active[which]] == 0)
            better = found.distortion[active] < before
            failed[active[~better]] = True
            tau[active] *= np.where(better, _FACTOR, 1 / _FACTOR).astype(x.dtype)
            active = active[np.isinf(found.distortion[active]) | better & ~failed[active] & (found.distortion[active] > 0)]
            if not active.size:
                break
        return found.flow

    def _loss(self, flow, x, goal, tau, chosen, found):
        """(L_adv + tau L_flow (M,), its gradient (M, 2, H, W)) of the chosen images; what reaches the goal goes into ``found``."""
        t = Tensor(flow, requires_grad=True)
        x_adv = ops.flow_sample(x[chosen], t)
        margin = goal.of(chosen).margin(self.classifier.logits(x_adv))
        l_adv = ops.clip(margin, low=-self.kappa, high=np.inf)
        (slope,) = grad(ops.sum(l_adv), [t])
        l_flow, roughness = flow_smoothness.value_and_gradient(flow, self.padding)
        found.keep(chosen, flow, np.square(x_adv.data - x[chosen]).sum(axis=(1, 2, 3)), (margin.data <= -self.kappa) & (margin.data < 0))
        return l_adv.data + tau[chosen] * l_flow, slope.data + tau[chosen, None, None, None] * roughness


class _Found:
    """The least distorting flow found for each image so far, and its distortion; infinite where there is none."""

    def __init__(self, x):
        self.flow, self.distortion = np.zeros((len(x), 2, *x.shape[2:]), x.dtype), np.full(len(x), np.inf)

    def keep(self, chosen, flow, distortion, reached):
        better = reached & (distortion < self.distortion[chosen])
        self.flow[chosen[better]], self.distortion[chosen[better]] = flow[better], distortion[better]
