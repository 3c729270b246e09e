"""The defences by name, read from ``sd.defences``: for the command line and for tables."""
from __future__ import annotations

from .. import defences
from ..errors import ArgumentError
from .base import Defence


def names() -> tuple[str, ...]:
    """All names, e.g. "advtrain"."""
    return tuple(name.lower() for name in defences.__all__ if name != Defence.__name__)


def find(name: str) -> type[Defence]:
    """The defence called ``name``, in any case; hyphens as in the paper's "Adv-Train" may be there.

    >>> find("Adv-Train")(eps=0.3).title
    'AdvTrain'
    """
    known = dict(zip(names(), (getattr(defences, name) for name in defences.__all__ if name != Defence.__name__)))
    if name.lower().replace("-", "") not in known:
        raise ArgumentError(f"there is no defence {name!r}; choose one of {', '.join(known)}")
    return known[name.lower().replace("-", "")]
