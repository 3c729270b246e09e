"""The epoch loop that every training shares: progress, selection of the best epoch, checkpoints."""
from .loop import train
from .origin import fingerprint, of_classifier, of_data
from .progress import Progress
from .threads import one_blas_thread

__all__ = ["Progress", "fingerprint", "of_classifier", "of_data", "one_blas_thread", "train"]
