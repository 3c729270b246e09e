"""The epoch loop that every training shares: progress, selection of the best epoch, checkpoints."""
from .loop import train
from .origin import fingerprint, of_classifier
from .progress import Progress

__all__ = ["Progress", "fingerprint", "of_classifier", "train"]
