"""Reverse-mode automatic differentiation over NumPy and CuPy arrays.

Read in this order: tensor.py (what is recorded), operation.py and registry.py (how an operation is written), rules/
(the derivatives), engine.py (the backward loop), accumulation.py (its sums), gradcheck.py (derivatives against
differences), formulas.py (formulas against rules), plan.py (a step recorded once and replayed, see README.md).
"""
from . import ops
from .engine import grad
from .gradcheck import gradcheck
from .own_operations import define_op
from .plan import Plan
from .tensor import Tensor, hooks, no_grad

__all__ = ["Plan", "Tensor", "define_op", "grad", "gradcheck", "hooks", "no_grad", "ops"]
