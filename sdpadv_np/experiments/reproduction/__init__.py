"""The paper's tables and figures, and more, one resumable cell at a time."""
from .cells import Cell
from .schedule import compute
from .store import Store
from .targets import TARGETS, checked, files_of, picture_of

__all__ = ["Cell", "Store", "TARGETS", "checked", "compute", "files_of", "picture_of"]
