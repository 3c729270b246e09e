"""Data sets: ``load("mnist")`` and others of the table (datasets.py), and ``from_file("own.npz")`` for your own."""
from . import sources
from .datasets import DATASETS, DEFAULT, DatasetEntry
from .loading import Dataset, load
from .own_file import from_arrays, from_file

__all__ = ["DATASETS", "DEFAULT", "Dataset", "DatasetEntry", "from_arrays", "from_file", "load", "sources"]
