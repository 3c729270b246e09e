"""Classifiers, the generators of the trained attacks, and substitutes distilled from answers."""
from .advgan import AdvGANGenerator, conv_discriminator
from .amortised import Amortised
from .atn import ATNGenerator
from .classifier import ARCHITECTURES, Classifier, ModelA, ModelB
from .distillation import Queries, distil
from .foreign import Foreign
from .generator import Distorted, Generator, discriminator

__all__ = [
    "ARCHITECTURES", "ATNGenerator", "AdvGANGenerator", "Amortised", "Classifier", "Distorted", "Foreign", "Generator", "ModelA", "ModelB", "Queries",
    "conv_discriminator", "discriminator", "distil",
]
