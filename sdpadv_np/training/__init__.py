"""The epoch loop that every training shares: progress, selection of the best epoch, checkpoints."""
from .loop import train
from .progress import Progress

__all__ = ["Progress", "train"]
