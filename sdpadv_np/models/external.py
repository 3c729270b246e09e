"""Classifiers of other libraries, through two functions on plain arrays."""
from __future__ import annotations

from .. import checks, xp
from ..autodiff import Tensor
from ..autodiff.registry import Op, apply
from ..autodiff.tensor import enable_grad
from ..errors import ArgumentError, AttackError, OperationError
from ..kernels.runtime.tracing import copy_to, traceable
from .interface import Predictor, read_only


class ExternalClassifier(Predictor):
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
        K

    Both functions get read-only copies (with PyTorch: ``torch.tensor(x)``), and their results are copied; they return
    any kind of array that NumPy or CuPy can read. Their results may differ from call to call: a randomised classifier
    works with every attack.

    >>> import numpy as np, sdpadv_np as sd
    >>> W = np.random.default_rng(0).standard_normal((784, 10)).astype(np.float32)
    >>> logits = lambda x: x.reshape(len(x), -1) @ W
    >>> mine = sd.models.ExternalClassifier(logits, vjp=lambda x, g: (g @ W.T).reshape(x.shape))
    >>> sd.attacks.FGSM(mine, eps=0.1)(np.full((2, 1, 28, 28), 0.5, np.float32)).shape
    (2, 1, 28, 28)
    """

    def __init__(self, logits, vjp=None, image_shape: tuple | None = None, classes: int = 10):
        for name, function in (("logits", logits), ("vjp", vjp)):
            if not callable(function) and not (name == "vjp" and function is None):
                raise ArgumentError(f"{name} is a {type(function).__name__}; give a function on arrays")
        self._logits, self._vjp, self.classes = logits, vjp, checks.whole("classes", classes, 2)
        self.image_shape = None if image_shape is None else checks.image_shape("image_shape", image_shape)
        self._register()

    def _register(self):
        """Make an operation of the autodiff from this object's methods."""
        self._gradient = traceable(self._pull_back)
        self._op = Op(
            "external_classifier", traceable(self._forward), (self._rule,), "x̄ = the vjp that was given", None, (0,),
            hint="look at the two functions given to ExternalClassifier",
        )

    def __getstate__(self):
        """Can be copied and pickled if its two functions, and what a subclass adds, can."""
        return {name: value for name, value in vars(self).items() if name not in ("_gradient", "_op")}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._register()

    def logits(self, x):
        """(N, K): a recorded Tensor for a Tensor, an array for an array."""
        return apply(self._op, (x,), {}) if isinstance(x, Tensor) else self._forward(xp.as_array(x))


    def _forward(self, x, out=None):
        z = _call("logits", self._logits, x)
        if z.shape != (len(x), self.classes):
            remedy = ""
            if z.ndim == 2 and len(z) == len(x) and z.shape[1] > 1:
                remedy = f"; if it has {z.shape[1]} classes, say ExternalClassifier(..., classes={z.shape[1]})"
            raise ArgumentError(f"your logits function returned shape {z.shape} for {len(x)} images; "
                                f"expected ({len(x)}, {self.classes}){remedy}")
        return copy_to(out, z)

    def _rule(self, g, y, x):
        if self._vjp is None:
            raise OperationError("this classifier was given without a vjp; pass ExternalClassifier(logits, vjp)")
        if isinstance(g, Tensor):
            raise OperationError("an external classifier gives first derivatives only")
        return self._gradient(x, g)

    def _pull_back(self, x, g, out=None):
        gradient = _call("vjp", self._vjp, x, g)
        if gradient.shape != x.shape:
            raise ArgumentError(f"your vjp function returned shape {gradient.shape}; expected {x.shape}, as the images")
        return copy_to(out, gradient)


def _call(name: str, function, x, *others):
    """The result of the user's ``function``, as an array of x's dtype on x's device; no memory is shared."""
    try:
        with enable_grad():  # the function may differentiate by itself, also where we do not
            result = function(*(read_only(array.copy()) for array in (x, *others)))
    except ValueError as error:
        if "read-only" in str(error):
            raise AttackError(
                f"your {name} function writes into its argument ({error}); let it work on a copy: x = x.copy()"
            ) from error
        raise
    try:
        result = xp.as_array(result)
    except Exception as error:
        raise ArgumentError(
            f"your {name} function returned a {type(result).__name__} that cannot be read as an array ({error}); "
            "return numbers, such as t.detach().cpu().numpy()"
        ) from error
    if result.dtype.kind not in "fiu":
        raise ArgumentError(
            f"your {name} function returned dtype {result.dtype}; expected real numbers, such as float32")
    return xp.like(result, x).astype(x.dtype)  # a copy: a library may use its memory again

