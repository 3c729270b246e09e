"""Tables that depend on sizes alone, made once and kept as long as they are few bytes."""
from __future__ import annotations

import functools

LIMIT = 64 << 20  # bytes of all tables together; those of one size of 900 x 900 pixels are 30 MB
MAX_TABLES = 256  # however small: each counts as at least this part of the limit

_tables: dict = {}  # {(function, arguments): (result, bytes)}, newest last; replaced, never changed: any thread may read it at any time, and a fork finds no lock


def cached_table(function):
    """Decorates a function of hashable arguments that gives (tuples of) arrays nobody writes to: of all such functions the newest results are kept.

    Together they take at most LIMIT bytes; a result that is larger alone is made anew each time.
    """

    @functools.wraps(function)
    def lookup(*arguments):
        global _tables
        key = function, arguments
        found = _tables.get(key)
        if found is None:
            result = function(*arguments)
            found = result, max(_bytes(result), LIMIT // MAX_TABLES)
            if found[1] <= LIMIT:
                tables = {**_tables, key: found}
                total = sum(size for _, size in tables.values())
                for oldest in list(tables):
                    if total <= LIMIT:
                        break
                    total -= tables.pop(oldest)[1]
                _tables = tables  # two threads at once: one of them makes its table again
        return found[0]

    return lookup


def _bytes(result) -> int:
    return sum(map(_bytes, result)) if isinstance(result, tuple) else getattr(result, "nbytes", 0)
