"""Anybody's classifier, from any library, through two functions on plain arrays."""
from __future__ import annotations

from .. import xp
from ..autodiff import Tensor, ops
from ..autodiff.registry import Op, apply
from ..errors import ArgumentError, OperationError
from ..kernels._entrance import entrance, put
from .. import checks


class Foreign:
    """A classifier given by its logits and their vector-Jacobian product.

    Parameters
    ----------
    logits : callable
        x (N, C, H, W) float32 in [0, 1] -> (N, K), before any softmax.
    vjp : callable, optional
        (x, g) -> gradient of sum(g * logits(x)) with respect to x, of x's shape; g is (N, K).
        Without it only attacks that need no gradient work.
    image_shape : tuple, optional
        (C, H, W), checked if given.
    classes : int

    >>> import numpy as np, sdpadv_np as sd
    >>> W = np.random.default_rng(0).standard_normal((784, 10)).astype(np.float32)
    >>> mine = sd.models.Foreign(lambda x: x.reshape(len(x), -1) @ W, lambda x, g: (g @ W.T).reshape(x.shape))
    >>> sd.attacks.FGSM(mine, eps=0.1)(np.full((2, 1, 28, 28), 0.5, np.float32)).shape
    (2, 1, 28, 28)
    """

    def __init__(self, logits, vjp=None, image_shape: tuple | None = None, classes: int = 10):
        self._logits, self._vjp, self.image_shape, self.classes = logits, vjp, image_shape, checks.whole("classes", classes, 2)
        self._gradient = entrance(self._pulled_back)
        rule = self._rule if vjp is not None else self._no_rule
        self._op = Op("foreign_classifier", entrance(self._forward), (rule,), "x̄ = the vjp that was given", None, (0,),
                      hint="look at the two functions given to Foreign")

    def __reduce__(self):
        """Whatever can be done with the two functions (copied, pickled) can be done with it."""
        return type(self), (self._logits, self._vjp, self.image_shape, self.classes)

    def logits(self, x):
        """(N, K): a recorded Tensor for a Tensor, an array for an array."""
        return apply(self._op, (x,), {}) if isinstance(x, Tensor) else self._forward(x)

    def predict(self, x):
        """The predicted labels (N,)."""
        return self.logits(x).argmax(axis=1)

    def probabilities(self, x):
        """softmax of the logits, (N, K)."""
        return ops.softmax(self.logits(x))

    def _forward(self, x, out=None):
        z = xp.as_array(self._logits(x))
        if z.shape != (len(x), self.classes):
            raise ArgumentError(f"your logits function returned shape {z.shape} for {len(x)} images; expected ({len(x)}, {self.classes})")
        return put(out, z.astype(x.dtype, copy=False))

    def _rule(self, g, y, x):
        if isinstance(g, Tensor):
            raise OperationError("a foreign classifier gives first derivatives only")
        return self._gradient(x, g)

    def _pulled_back(self, x, g, out=None):
        gradient = xp.as_array(self._vjp(x, g))
        if gradient.shape != x.shape:
            raise ArgumentError(f"your vjp function returned shape {gradient.shape}; expected {x.shape}, that of the images")
        return put(out, gradient.astype(x.dtype, copy=False))

    def _no_rule(self, g, y, x):
        raise OperationError("this classifier was given without a vjp; pass Foreign(logits, vjp)")
