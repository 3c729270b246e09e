"""Attacks: ``attack = Attack(classifier, ...)``, then ``x_adv = attack(x, y=None)``."""
from .fgsm import FGSM, RFGSM
from .mim import MIM
from .pgd import BIM, PGD
from .sdpadv import AdvGAN, SdAdv, SdpAdv
from .stadv import StAdv
from .stm import STM

__all__ = ["AdvGAN", "BIM", "FGSM", "MIM", "PGD", "RFGSM", "STM", "SdAdv", "SdpAdv", "StAdv"]
