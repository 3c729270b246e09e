"""Optimisers: Adam over a flat parameter store, L-BFGS over many small problems at once."""
from .adam import Adam
from .lbfgs import Minimum, minimise

__all__ = ["Adam", "Minimum", "minimise"]
