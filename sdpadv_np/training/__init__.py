"""The epoch loop that every training shares: progress, selection of the best epoch, checkpoints."""
from .fingerprints import classifier_fingerprint, data_fingerprints, fingerprint, set_fingerprints
from .loop import settings_after, train
from .progress import Progress
from .threads import one_blas_thread

__all__ = [
    "Progress", "classifier_fingerprint", "data_fingerprints", "fingerprint", "one_blas_thread", "set_fingerprints",
    "settings_after", "train",
]
