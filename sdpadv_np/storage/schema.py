"""What a stored description (JSON) must look like: checked field by field, once, before anything uses it.

A checksum says that a file is as it was written, not that it was written well or by this version.
:func:`validated` gives every reader exactly the fields that it asked for, of the types and ranges
that it asked for, or one FileError that names file, field, what was found, and what is expected.
"""
from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import NamedTuple

from ..errors import ArgumentError, FileError

_REQUIRED = object()
_DEEPEST = 32  # levels of lists and objects within each other; ours have four
_SHOWN = 80  # characters of a wrong value in a message


class Field(NamedTuple):
    """One field: what is expected, in words and as a test; and what older files mean by leaving it out."""

    expected: str
    fits: Callable[[object], bool]
    default: object = _REQUIRED
    since: int = 0  # the version of the description that has it first

    def added(self, since: int, default) -> Field:
        """This field, as one that descriptions before version ``since`` lack; they mean ``default``."""
        return self._replace(default=default, since=since)


def integer(low: int = 0, high: float = math.inf) -> Field:
    return Field(f"a whole number{_within(low, high)}", lambda v: isinstance(v, int) and not isinstance(v, bool) and low <= v <= high)


def number(low: float = -math.inf, high: float = math.inf) -> Field:
    return Field(f"a finite number{_within(low, high)}", lambda v: _is_number(v) and low <= v <= high)


def _within(low, high) -> str:
    return f" from {low} to {high}" if high < math.inf else f" of at least {low}" if low > -math.inf else ""


def text(*options: str) -> Field:
    """Any text, or one of ``options``."""
    return Field(f"one of {', '.join(options)}" if options else "a text", lambda v: isinstance(v, str) and (not options or v in options))


def boolean() -> Field:
    return Field("true or false", lambda v: isinstance(v, bool))


def mapping(of: Field | None = None) -> Field:
    """{name: anything, or ``of``}."""
    return Field("an object" if of is None else f"an object, each value {of.expected}", lambda v: isinstance(v, dict) and (of is None or all(map(of.fits, v.values()))))


def sequence(of: Field, length: int | None = None) -> Field:
    """A list, of any length or of this one."""
    return Field(f"a list{'' if length is None else f' of {length}'}, each value {of.expected}", lambda v: isinstance(v, list) and length in (None, len(v)) and all(map(of.fits, v)))


def optional(of: Field) -> Field:
    """``of``, or null."""
    return Field(f"{of.expected}, or null", lambda v: v is None or of.fits(v))


def _is_number(value) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an int beyond the largest float
        return False


def validated(stored, fields: dict[str, Field], source: str, version: int = 0) -> dict:
    """``stored`` as a dict with exactly ``fields``; ``source`` (the file, and where in it) is named in errors.

    version : of the description; a field that is newer is filled in where it lacks

    >>> validated({"seed": 1}, {"seed": integer(), "kappa": number(0).added(2, 0.5)}, "parameters.json", version=1)
    {'seed': 1, 'kappa': 0.5}
    """
    if not isinstance(stored, dict):
        raise FileError(f"{source}: is {_shown(stored)}; expected an object with {', '.join(fields)}")
    for name in stored:
        if name not in fields:
            raise FileError(f"{source}: has an unknown field {_shown(name)}; expected {', '.join(fields) or 'none'}")
    result = {}
    for name, field in fields.items():
        if name not in stored:
            if field.default is _REQUIRED or version >= field.since:
                raise FileError(f"{source}: lacks {name}; expected {field.expected}")
            result[name] = field.default
        elif field.fits(stored[name]):
            result[name] = stored[name]
        else:
            raise FileError(f"{source}: {name} is {_shown(stored[name])}; expected {field.expected}")
    return result


def _shown(value) -> str:
    try:
        words = repr(value)
    except (ValueError, RecursionError):  # an int of thousands of digits, lists within lists
        words = f"a {type(value).__name__}"
    return words if len(words) <= _SHOWN else f"{words[:_SHOWN]}..."


def parse_json(data: str | bytes, source: str):
    """The value of a JSON text; FileError if it is none, is nested deeper than any of ours, or holds NaN."""
    try:
        value = json.loads(data, parse_constant=_no_number)
        _measure(value)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        reason = "lists within lists without end" if isinstance(error, RecursionError) else error
        raise FileError(f"{source}: is not JSON as we write it ({reason}); take another copy") from error
    return value


def _no_number(word):
    raise ValueError(f"{word} is no number")


def _measure(value) -> None:
    level = [value]
    for _ in range(_DEEPEST):
        level = [inner for outer in level if isinstance(outer, (list, dict)) for inner in (outer.values() if isinstance(outer, dict) else outer)]
        if not level:
            return
    raise RecursionError


def to_json(value, what: str) -> str:
    """``value`` as JSON text; ArgumentError, naming the field of ``what``, if it would not come back as it is."""
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        name, culprit = _culprit(what, value)
        raise ArgumentError(f"{name} is {_shown(culprit)} ({type(culprit).__name__}), which a file cannot hold; give a finite number of Python's, a text, or a list of them") from error


def _culprit(name: str, value) -> tuple[str, object]:
    """The first value within that JSON has no form for, and where it lies."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    for key, inner in inside:
        try:
            json.dumps({key: inner}, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            return _culprit(f"{name}: {key}", inner)
    return name, value
