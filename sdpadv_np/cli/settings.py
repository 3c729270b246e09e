"""``--set NAME=VALUE``: texts as the parameters of an attack, by the types that its dataclass declares."""
from __future__ import annotations

import types
import typing

from ..attacks.registry import Kind
from ..errors import ArgumentError

_WORDS = {float: "a number", int: "a whole number", bool: "true or false", str: "a word", type(None): "none"}


def setting(kind: Kind, text: str) -> tuple[str, object]:
    """("steps", 40) of "steps=40", checked against the parameter's type.

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
    """One line: the parameters with their defaults, as :func:`setting` reads them."""
    def text(value):
        return ",".join(map(str, value)) if isinstance(value, (tuple, list)) else value

    return "  ".join(f"{name}={text(value)}" for name, value in kind.defaults.items())


def _value(text: str, hint):
    """``text`` as the declared type of a parameter; ValueError if it is none."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        for choice in sorted(typing.get_args(hint), key=lambda h: h is str):  # every text is a str: last
            try:
                return _value(text, choice)
            except ValueError:
                continue
        raise ValueError(text)
    if hint is tuple:
        return tuple(_value(part, int | float) for part in text.split(","))
    if typing.get_origin(hint) is tuple:
        parts = text.split(",")
        inner = [h for h in typing.get_args(hint) if h is not Ellipsis]
        inner = inner * len(parts) if Ellipsis in typing.get_args(hint) else inner
        if len(parts) != len(inner):
            raise ValueError(text)
        return tuple(_value(part, h) for part, h in zip(parts, inner))
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
