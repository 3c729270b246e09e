"""Layers, networks, and the store of their parameters in one flat array."""
from .blocks import ConvTranspose2d, ReflectPad, Residual
from .dropout import Dropout
from .layers import AvgPool2d, Conv2d, Dense, Flatten, MaxPool2d, perceptron
from .network import Network, ParameterStore, reading, store_of
from .normalisation import BatchNorm, InstanceNorm
from .use import Use

__all__ = [
    "AvgPool2d", "BatchNorm", "Conv2d", "ConvTranspose2d", "Dense", "Dropout", "Flatten", "InstanceNorm", "MaxPool2d",
    "Network", "ParameterStore", "ReflectPad", "Residual", "Use", "perceptron", "reading", "store_of",
]
