"""Reverse-mode automatic differentiation over NumPy and CuPy arrays.

Read in this order: tensor.py (what is recorded), registry.py (how an operation is written),
parameters.py (what is no operand), rules/ (the derivatives), engine.py (the backward loop), accumulation.py (its sums), gradcheck.py (how we know),
plan.py (a step recorded once and replayed).
"""
from . import ops
from .engine import grad
from .gradcheck import gradcheck
from .plan import Plan
from .tensor import Tensor, hooks, no_grad

__all__ = ["Plan", "Tensor", "grad", "gradcheck", "hooks", "no_grad", "ops"]
