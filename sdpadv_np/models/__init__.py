"""Classifiers, and the networks of SdpAdv."""
from .classifier import ARCHITECTURES, Classifier, ModelA, ModelB
from .foreign import Foreign
from .generator import Distorted, Generator, discriminator

__all__ = ["ARCHITECTURES", "Classifier", "Distorted", "Foreign", "Generator", "ModelA", "ModelB", "discriminator"]
