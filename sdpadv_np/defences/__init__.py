"""Defences: ``Defence(...).fit(classifier, x, y, x_val, y_val)`` trains a classifier to withstand attacks.

To add one, write a subclass of :class:`Defence` in a file of its own and add it here.
"""
from .adv_train import AdvTrain
from .affine_augmentation import AffineAugmentation
from .base import Defence

__all__ = ["AdvTrain", "AffineAugmentation", "Defence"]
