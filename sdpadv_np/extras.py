"""Packages that not every installation has: brought by name, with what to install where one is missing."""
from __future__ import annotations

import importlib

from .errors import MissingError

_BROUGHT_BY = {"h5py": "sdpadv-np", "matplotlib": "sdpadv-np[plot]", "PIL": "sdpadv-np[images]", "threadpoolctl": "sdpadv-np[cli]"}


def needed(package: str, what: str):
    """The module ``package``; MissingError if it is not installed, or cannot be loaded, saying that ``what`` need it.

    >>> needed("h5py", "weights").__name__
    'h5py'
    """
    try:
        return importlib.import_module(package)
    except (ImportError, OSError) as error:  # OSError: a library that it needs itself is missing
        reason = "" if getattr(error, "name", None) == package.partition(".")[0] else f" ({error})"
        brought_by = _BROUGHT_BY[package.partition(".")[0]]
        raise MissingError(f"{what} need {package.partition('.')[0]}, which is not to be had here{reason}; install it with: pip install '{brought_by}'") from error
