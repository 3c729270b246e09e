"""The defences by name, read from ``sd.defences``: for the command line and for tables."""
from __future__ import annotations

from .. import defences
from ..errors import ArgumentError
from .base import Defence

_NAMES = {name.lower(): getattr(defences, name) for name in defences.__all__ if name != Defence.__name__}


def names() -> tuple[str, ...]:
    """All names, e.g. "advtrain"."""
    return tuple(_NAMES)


def find(name: str) -> type[Defence]:
    """The defence called ``name``, in any case; hyphens as in the paper's "Adv-Train" may be there.

    >>> find("Adv-Train")(eps=0.3).title
    'AdvTrain'
    """
    if (known := name.lower().replace("-", "")) not in _NAMES:
        raise ArgumentError(f"there is no defence {name!r}; choose one of {', '.join(_NAMES)}")
    return _NAMES[known]
