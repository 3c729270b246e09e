"""Optional packages: imported by name, with an error that says what to install."""
from __future__ import annotations

import importlib
from types import ModuleType

from .errors import MissingError

_PROVIDED_BY = {
    "h5py": "sdpadv-np", "matplotlib": "sdpadv-np[plot]", "PIL": "sdpadv-np[images]", "threadpoolctl": "sdpadv-np[cli]",
}


def needed(package: str, what: str) -> ModuleType:
    """The module ``package``; MissingError, which says that ``what`` need it, if it cannot be imported.

    >>> needed("h5py", "weights").__name__
    'h5py'
    """
    try:
        return importlib.import_module(package)
    except (ImportError, OSError) as error:  # OSError: a shared library that it loads is missing
        name = package.partition(".")[0]
        reason = "" if getattr(error, "name", None) == name else f" ({error})"
        raise MissingError(
            f"{what} need {name}, which cannot be imported{reason}; "
            f"install it with: pip install '{_PROVIDED_BY[name]}'"
        ) from error
