"""sdpadv-np: adversarial examples by spatial distortion and perturbation, on NumPy arrays alone."""
from . import attacks, data, kernels, losses, models, nn
from .autodiff import Plan, Tensor, define_op, grad, gradcheck, hooks, no_grad, ops
from .errors import Error, GradcheckError
from .evaluation import evaluate
from .storage.saving import load, save
from .version import __version__
from .warming import warm_up

__all__ = [
    "Error", "GradcheckError", "Plan", "Tensor", "__version__", "attacks", "data", "defences", "define_op", "evaluate",
    "experiments", "grad", "gradcheck", "hooks", "kernels", "load", "losses", "models", "nn", "no_grad", "ops", "save",
    "warm_up",
]


def __getattr__(name: str) -> object:
    """``sd.defences`` and ``sd.experiments`` are loaded when they are first used."""
    if name in ("defences", "experiments"):
        import importlib

        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
