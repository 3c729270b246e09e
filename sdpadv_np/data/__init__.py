"""Data sets: ``load("mnist")`` and others of the table (datasets.py), and ``from_file("own.npz")`` for your own."""
from . import sources
from .loading import Dataset, load
from .datasets import DATASETS, DEFAULT, DatasetEntry

__all__ = ["DATASETS", "DEFAULT", "Dataset", "DatasetEntry", "load", "sources"]
