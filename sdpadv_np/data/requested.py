"""Arrays of a file that are requested by name, and the kinds of files."""
from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from ..errors import ArgumentError, DataError

_MAGIC = {b"\x93NUMPY": "npy", b"PK": "npz", b"\x89HDF": "h5", b"\x1f\x8b": "idx", b"\0\0": "idx"}
_LISTED = 20  # arrays of a file that an error names


def kind_of(start: bytes) -> str | None:
    """npy, npz, h5 or idx, by the first bytes of a file; None if it is of no such kind."""
    return next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)


@contextlib.contextmanager
def naming(source: object) -> Iterator[None]:
    """Within this context an error in data, or in arguments that were read, is a DataError that names ``source``."""
    try:
        yield
    except (ArgumentError, DataError) as error:
        raise DataError(f"{source}: {error}") from None


class Requested(NamedTuple):
    """Arrays to read from a file; each one is given by the tuple of names that it may have.

    what : what the required arrays hold, in words, for messages
    required : arrays that the file must have
    optional : arrays that are read if the file has them
    texts : names whose arrays may hold texts instead of numbers
    """

    what: str
    required: tuple[tuple[str, ...], ...]
    optional: tuple[tuple[str, ...], ...] = ()
    texts: tuple[str, ...] = ()

    def among(self, there: Iterable[str], describe: Callable[[str], str]) -> list[str]:
        """The names of the requested arrays among those that are ``there``, in the order of the request.

        Raises DataError, which lists the arrays by ``describe``, if a required one is missing.
        """
        there = dict.fromkeys(there)
        found = [
            next((name for name in names if name in there), None) for names in (*self.required, *self.optional)
        ]
        if None in found[: len(self.required)]:
            missing = ", ".join(self.required[found.index(None)])
            inside = ", ".join(map(describe, islice(there, _LISTED))) + ", ..." * (len(there) > _LISTED)
            raise DataError(f"has no array of {self.what} (named {missing}); in it: {inside or 'nothing'}")
        return [name for name in found if name is not None]
