"""The parameters of an attack: declared with their checks, stored as the checks return them."""
from __future__ import annotations

import functools
from dataclasses import Field, dataclass, field, fields

import numpy as np

from .. import xp
from ..errors import ArgumentError


def parameter(default, check, **limits):
    """A field of a dataclass, checked by ``check(name, value, **limits)``; None is accepted where it is the default."""
    return field(default=default, metadata={"check": functools.partial(check, **limits)})


@dataclass(frozen=True)
class Parameters:
    """The base of frozen descriptions: arguments become Python's numbers, texts and tuples of them.

    So a NumPy scalar changes no dtype in a computation, and everything can be stored.
    """

    def __post_init__(self):
        for f in fields(self):
            if "check" in f.metadata:
                value = getattr(self, f.name)
                if value is not None or f.default is not None:
                    object.__setattr__(self, f.name, f.metadata["check"](f.name, value))
            elif f.init:  # a field of a user's own attack, declared without parameter(...)
                object.__setattr__(self, f.name, _plain(getattr(self, f.name)))

    @property
    def title(self) -> str:
        """The method's name, as files, tables, progress and messages show it."""
        return type(self).__name__

    def parameters(self) -> dict:
        """Every parameter but the classifier, to print and store; sequences as lists, as files return them."""
        return {f.name: _listed(getattr(self, f.name)) for f in parameters_of(self)}


def parameters_of(description) -> list[Field]:
    """The fields of a description, or of its class, that are its parameters: all but the classifier."""
    return [f for f in fields(description) if f.init and f.name != "classifier"]


def _plain(value):
    """NumPy's scalars as Python's, in tuples and lists too; other values unchanged."""
    if type(value) in (tuple, list):
        return type(value)(map(_plain, value))
    return value.item() if isinstance(value, np.generic) or (xp.is_array(value) and value.ndim == 0) else value


def _listed(value):
    """Sequences and arrays as lists, all the way down."""
    if xp.is_array(value):
        return xp.to_numpy(value).tolist()
    return [_listed(part) for part in value] if isinstance(value, (tuple, list)) else value


def classifier_like(name: str, value):
    """``value`` if it has ``logits(x)``, or is None, which makes a description that cannot be called."""
    if value is None or (callable(getattr(value, "logits", None)) and not isinstance(value, type)):
        return value
    kind = value.__name__ if isinstance(value, type) else type(value).__name__
    if isinstance(value, type):
        raise ArgumentError(f"{name} is the class {kind}; give one of its objects, such as {kind}()")
    for marks, remedy in _WRAPPED:
        if all(hasattr(value, mark) for mark in marks):
            raise ArgumentError(f"{name} is a {kind}, which has no logits(x); "
                                f"wrap it by two functions on arrays: sd.models.ExternalClassifier({remedy}")
    raise ArgumentError(
        f"{name} is a {kind}, which has no logits(x); give a ModelA, ModelB or sd.models.Classifier(layers, ...), "
        "or sd.models.ExternalClassifier(logits, vjp) for one of another library"
    )


_NO_GRADIENT = "without a gradient for SPSA and STM; its gradient would be the second function"
_WRAPPED = (  # attributes by which another library's classifier is recognised, and the arguments that wrap it
    (("state_dict", "zero_grad"),
     "lambda x: net(torch.tensor(x)).detach().numpy(), vjp), with vjp(x, g): t = torch.tensor(x, requires_grad=True); "
     "return torch.autograd.grad(net(t), t, torch.tensor(g))[0].numpy()"),
    (("coef_", "decision_function"),
     "lambda x: model.decision_function(x.reshape(len(x), -1)), lambda x, g: (g @ model.coef_).reshape(x.shape))"),
    (("decision_function",), f"lambda x: model.decision_function(x.reshape(len(x), -1))), {_NO_GRADIENT}"),
    (("predict_proba",), f"lambda x: np.log(model.predict_proba(x.reshape(len(x), -1)) + 1e-12)), {_NO_GRADIENT}"),
    (("__call__",),
     "f, vjp), where f(x) gives logits (N, K) and vjp(x, g) the gradient of sum(g * f(x)); "
     "without vjp for SPSA and STM"),
)
