"""Attacks: ``attack = Attack(classifier, ...)``, then ``x_adv = attack(x, y=None)``."""
from .carlini_wagner import CarliniWagner
from .deepfool import DeepFool
from .fgsm import FGSM, RFGSM
from .mim import MIM
from .pgd import BIM, PGD
from .sdpadv import AdvGAN, SdAdv, SdpAdv
from .spsa import SPSA
from .stadv import StAdv
from .stm import STM

__all__ = ["AdvGAN", "BIM", "CarliniWagner", "DeepFool", "FGSM", "MIM", "PGD", "RFGSM", "SPSA", "STM", "SdAdv", "SdpAdv", "StAdv"]
