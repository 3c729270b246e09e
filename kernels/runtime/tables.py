"""Tables that depend on sizes alone, computed once and cached while they are few bytes."""
from __future__ import annotations

import functools

LIMIT = 64 << 20  # bytes of all tables together; those for one size of 900 x 900 pixels are 30 MB
MAX_TABLES = 256  # however small: each counts as at least this part of the limit

# {(function, arguments): (result, bytes)}, newest last. Replaced, never changed, so that any thread may read it at any
# time, and a forked process finds no lock.
_tables: dict = {}


def cached_table(function):
    """Decorates a function of hashable arguments that returns (tuples of) arrays which are only read.

    The newest results of all such functions are cached, LIMIT bytes in all; a larger result is computed each time.
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
                _tables = tables  # of two threads at once, one computes its table again
        return found[0]

    return lookup


def _bytes(result) -> int:
    return sum(map(_bytes, result)) if isinstance(result, tuple) else getattr(result, "nbytes", 0)
