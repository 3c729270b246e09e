"""Layers, and the store that keeps the parameters of networks in one flat array."""
from .blocks import ConvTranspose2d, ReflectPad, Residual
from .layers import Conv2d, Dense, Flatten
from .network import Network, ParameterStore, reading, store_of
from .normalisation import BatchNorm, InstanceNorm
from .use import Use

__all__ = ["BatchNorm", "Conv2d", "ConvTranspose2d", "Dense", "Flatten", "InstanceNorm", "Network", "ParameterStore", "ReflectPad", "Residual", "Use", "reading", "store_of"]
