"""``--set NAME=VALUE``: parameters of attacks as texts, read by the types that the attacks declare."""
from __future__ import annotations

import types
import typing

from ..attacks.registry import Kind
from ..errors import ArgumentError

_WORDS = {float: "a number", int: "a whole number", bool: "true or false", str: "a word", type(None): "none"}


def setting(kind: Kind, text: str) -> tuple[str, object]:
    """(name, value) of a text, checked against the parameters of an attack and their types.

    >>> from sdpadv_np.attacks import registry
    >>> setting(registry.find("pgd"), "steps=40")
    ('steps', 40)
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise ArgumentError(f"--set {text}: give NAME=VALUE, e.g. eps=0.1")
    if name not in kind.defaults:
        raise ArgumentError(f"--set {text}: {kind.name} has no parameter {name!r}; it has {', '.join(kind.defaults)}")
    try:
        return name, _value(value, kind.types[name])
    except ValueError:
        raise ArgumentError(f"--set {text}: {name} is {_words(kind.types[name])}, not {value!r}") from None


def described(kind: Kind) -> str:
    """One line: the parameters of an attack with their defaults, as :func:`setting` reads them."""
    return "  ".join(
        f"{name}={','.join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)}"
        for name, value in kind.defaults.items()
    )


def _value(text: str, hint):
    """``text`` as a value of the type ``hint``; ValueError if it is none."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        for choice in sorted(typing.get_args(hint), key=lambda option: option is str):  # any text is a str
            try:
                return _value(text, choice)
            except ValueError:
                continue
        raise ValueError(text)
    if tuple in (hint, typing.get_origin(hint)):
        parts, inner = text.split(","), typing.get_args(hint) or (int | float, ...)
        if inner[-1] is Ellipsis:
            inner = inner[:1] * len(parts)
        if len(parts) != len(inner):
            raise ValueError(text)
        return tuple(_value(part, option) for part, option in zip(parts, inner))
    if hint is bool or hint is type(None):
        known = {"true": True, "false": False} if hint is bool else {"none": None}
        if text.lower() not in known:
            raise ValueError(text)
        return known[text.lower()]
    if hint not in (int, float, str):
        raise ValueError(text)
    return hint(text)


def _words(hint) -> str:
    if tuple in (hint, typing.get_origin(hint)):
        return "numbers with commas between"
    return " or ".join(_WORDS.get(h, str(h)) for h in typing.get_args(hint) or (hint,))
