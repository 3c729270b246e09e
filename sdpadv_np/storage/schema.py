"""Checked reading of stored descriptions (JSON): every field once, before anything uses it.

A checksum shows that a file is unchanged, not that it was written well or by this version.
:func:`validated` gives every reader exactly the fields that it asked for, of the types and ranges
that it asked for, or one FileError that names file, field, value, and what is expected.
"""
from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from ..errors import ArgumentError, FileError

_REQUIRED = object()
_DEEPEST = 32  # levels of nested lists and objects; ours have four
_SHOWN = 80  # characters of a wrong value in a message


class Field(NamedTuple):
    """One field: the expected value, in words and as a test; and the value that older files mean by leaving it out."""

    expected: str
    fits: Callable[[Any], bool]
    default: Any = _REQUIRED
    since: int = 0  # the first version of the description that has it

    def added(self, since: int, default: Any) -> Field:
        """This field, absent before version ``since`` of the description, which then means ``default``."""
        return self._replace(default=default, since=since)


def integer(low: int = 0, high: float = math.inf) -> Field:
    return Field(
        f"a whole number{_range_text(low, high)}",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high,
    )


def number(low: float = -math.inf, high: float = math.inf) -> Field:
    return Field(f"a finite number{_range_text(low, high)}", lambda value: _is_number(value) and low <= value <= high)


def _range_text(low: float, high: float) -> str:
    return f" from {low} to {high}" if high < math.inf else f" of at least {low}" if low > -math.inf else ""


def text(*options: str) -> Field:
    """Any text, or one of ``options``."""
    return Field(
        f"one of {', '.join(options)}" if options else "a text",
        lambda value: isinstance(value, str) and (not options or value in options),
    )


def boolean() -> Field:
    return Field("true or false", lambda value: isinstance(value, bool))


def mapping(of: Field | None = None) -> Field:
    """An object with any names; each value fits ``of``, if given."""
    return Field(
        "an object" if of is None else f"an object, each value {of.expected}",
        lambda value: isinstance(value, dict) and (of is None or all(map(of.fits, value.values()))),
    )


def sequence(of: Field, length: int | None = None) -> Field:
    """A list, of any length or of this one."""
    return Field(
        f"a list{'' if length is None else f' of {length}'}, each value {of.expected}",
        lambda value: isinstance(value, list) and length in (None, len(value)) and all(map(of.fits, value)),
    )


def optional(of: Field) -> Field:
    """``of``, or null."""
    return Field(f"{of.expected}, or null", lambda value: value is None or of.fits(value))


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an int beyond the largest float
        return False


def validated(stored: Any, fields: dict[str, Field], source: str, version: int = 0) -> dict[str, Any]:
    """``stored`` as a dict with exactly ``fields``; ``source`` (the file, and where in it) is named in errors.

    version : of the description; newer fields may be absent

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


def _shown(value: Any) -> str:
    try:
        words = repr(value)
    except (ValueError, RecursionError):  # an int of thousands of digits, lists within lists
        words = f"a {type(value).__name__}"
    return words if len(words) <= _SHOWN else f"{words[:_SHOWN]}..."


def parse_json(data: str | bytes, source: str) -> Any:
    """The value of a JSON text; FileError if it is not JSON, is nested deeper than any of ours, or holds NaN."""
    try:
        value = json.loads(data, parse_constant=_refuse_constant)
        _check_depth(value)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        reason = "lists within lists without end" if isinstance(error, RecursionError) else error
        raise FileError(f"{source}: is not JSON as we write it ({reason}); take another copy") from error
    return value


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no number")


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner for outer in level if isinstance(outer, (list, dict))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    raise RecursionError


def to_json(value: Any, what: str) -> str:
    """``value`` as JSON text; ArgumentError, naming the field of ``what``, if JSON cannot hold it."""
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        name, culprit = _culprit(what, value)
        raise ArgumentError(
            f"{name} is {_shown(culprit)} ({type(culprit).__name__}), which a file cannot hold; "
            "give a finite number of Python's, a text, or a list of them"
        ) from error


def _culprit(name: str, value: Any) -> tuple[str, Any]:
    """(name, value) of the first value within that JSON cannot hold."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    for key, inner in inside:
        try:
            json.dumps({key: inner}, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            return _culprit(f"{name}: {key}", inner)
    return name, value
