"""Classifiers, and the networks of SdpAdv."""
from .amortised import Amortised
from .atn import ATNGenerator
from .classifier import ARCHITECTURES, Classifier, ModelA, ModelB
from .foreign import Foreign
from .generator import Distorted, Generator, discriminator

__all__ = ["ARCHITECTURES", "ATNGenerator", "Amortised", "Classifier", "Distorted", "Foreign", "Generator", "ModelA", "ModelB", "discriminator"]
