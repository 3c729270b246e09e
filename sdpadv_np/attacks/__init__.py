"""Attacks: ``attack = Attack(classifier, ...)``, then ``x_adv = attack(x, y=None)``."""
from .atn import ATN
from .black_box import BlackBoxSdpAdv
from .carlini_wagner import CarliniWagner
from .conv_advgan import ConvAdvGAN
from .deepfool import DeepFool
from .fgsm import FGSM, RFGSM
from .mim import MIM
from .pgd import BIM, PGD
from .sdpadv import AdvGAN, SdAdv, SdpAdv, SdpAdvPlus
from .spsa import SPSA
from .stadv import StAdv
from .stm import STM

__all__ = [
    "ATN", "AdvGAN", "BIM", "BlackBoxSdpAdv", "CarliniWagner", "ConvAdvGAN", "DeepFool", "FGSM", "MIM",
    "PGD", "RFGSM", "SPSA", "STM", "SdAdv", "SdpAdv", "SdpAdvPlus", "StAdv",
]
