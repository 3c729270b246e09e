"""Layers, and the store that keeps the parameters of networks in one flat array."""
from .layers import Conv2d, Dense, Flatten
from .network import Network, ParameterStore

__all__ = ["Conv2d", "Dense", "Flatten", "Network", "ParameterStore"]
