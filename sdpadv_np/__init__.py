"""sdpadv-np: adversarial examples by spatial distortion and perturbation, on NumPy arrays alone."""
from . import attacks, data, kernels, losses, models
from .autodiff import Plan, Tensor, define_op, grad, gradcheck, hooks, no_grad, ops
from .errors import Error, GradcheckError
from .evaluation import evaluate
from .storage.saving import load, save
from .version import __version__
from .warming import warm_up

__all__ = [
    "Error", "GradcheckError", "Plan", "Tensor", "__version__", "attacks", "data", "define_op", "evaluate", "grad",
    "gradcheck", "hooks", "kernels", "load", "losses", "models", "no_grad", "ops", "save", "warm_up",
]
