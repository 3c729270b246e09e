"""Attacks: ``attack = Attack(classifier, ...)``, then ``x_adv = attack(x, y=None)``."""
from .atn import ATN
from .black_box import BlackBoxSdpAdv
from .conv_advgan import ConvAdvGAN
from .fgsm import FGSM, RFGSM
from .mim import MIM
from .pgd import BIM, PGD
from .sdpadv import AdvGAN, SdAdv, SdpAdv, SdpAdvPlus

__all__ = ["ATN", "AdvGAN", "BIM", "BlackBoxSdpAdv", "ConvAdvGAN", "FGSM", "MIM", "PGD", "RFGSM", "SdAdv", "SdpAdv", "SdpAdvPlus"]
