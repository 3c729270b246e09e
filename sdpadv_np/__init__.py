"""sdpadv-np: adversarial examples by spatial distortion and perturbation, on NumPy arrays alone."""
from . import attacks, data, defences, kernels, losses, models, nn
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
    """``sd.experiments`` is loaded when it is first used."""
    if name == "experiments":
        import importlib

        return importlib.import_module(".experiments", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
