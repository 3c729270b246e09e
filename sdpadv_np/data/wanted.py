"""Which arrays of a file are meant: by their names."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import NamedTuple

from ..errors import DataError

_LISTED = 20  # arrays of a file that are named where the wanted one is missing


class Wanted(NamedTuple):
    """An array of ``what``, called one of ``names``, and if there is one, another called one of ``besides``."""

    what: str
    names: tuple[str, ...]
    besides: tuple[str, ...] = ()

    def among(self, there: Iterable[str], described: Callable[[str], str]) -> list[str]:
        """The names of those that are ``there``; DataError, with all of them as ``described``, if the first is not."""
        there = dict.fromkeys(there)
        found = [name for known in (self.names, self.besides) for name in [n for n in known if n in there][:1]]
        if not found or found[0] not in self.names:
            inside = ", ".join(map(described, islice(there, _LISTED))) or "nothing"
            raise DataError(f"has no array of {self.what} (named {', '.join(self.names)}); in it: {inside}{', ...' * (len(there) > _LISTED)}")
        return found
