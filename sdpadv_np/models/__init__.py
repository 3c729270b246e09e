"""Classifiers, the generators of trained attacks, and substitutes distilled from a classifier's answers."""
from ..deprecation import renamed_names
from .advgan import AdvGANGenerator, conv_discriminator
from .amortised import Amortised
from .atn import ATNGenerator
from .classifier import ARCHITECTURES, Classifier, ModelA, ModelB
from .distillation import Queries, distil
from .external import ExternalClassifier
from .generator import Distorted, Generator, discriminator

__all__ = [
    "ARCHITECTURES", "ATNGenerator", "AdvGANGenerator", "Amortised", "Classifier", "Distorted", "ExternalClassifier",
    "Generator", "ModelA", "ModelB", "Queries", "conv_discriminator", "discriminator", "distil",
]

__getattr__ = renamed_names(__name__, {"Foreign": ("ExternalClassifier", "0.2")})
