"""The paper's tables and figures, and more, one resumable cell at a time."""
from .cells import Cell
from .drive import compute
from .store import Store
from .targets import TARGETS, checked, files_of, picture_of
from .workshop import CLASSIFIER_EPOCHS, EPOCHS, Run, Workshop

__all__ = ["CLASSIFIER_EPOCHS", "Cell", "EPOCHS", "Run", "Store", "TARGETS", "Workshop", "checked", "compute", "files_of", "picture_of"]
