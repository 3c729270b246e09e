"""The paper's tables and figures, and more, one resumable cell at a time."""
from .cells import Cell
from .schedule import compute
from .store import Store
from .targets import TARGETS, check, draw_picture, write_tables

__all__ = ["Cell", "Store", "TARGETS", "check", "compute", "draw_picture", "write_tables"]
