"""Attacks as users select them: by name with parameters, or by the file of a trained generator.

``--set NAME=VALUE`` gives parameters as texts, which are read by the types that the attacks declare.
"""
from __future__ import annotations

import argparse
import contextlib
import types
import typing
from typing import Any, NamedTuple

from .. import models
from ..attacks import registry
from ..attacks.base import LABELS
from ..errors import ArgumentError, FileError
from ..evaluation import paper
from ..storage import saving
from .common import is_model_file, option

_WORDS = {float: "a number", int: "a whole number", bool: "true or false", str: "a word", type(None): "none"}
_CONSTANTS: dict = {bool: {"true": True, "false": False}, type(None): {"none": None}}


class Selected(NamedTuple):
    """An attack, ready, and what is printed and stored of it."""

    name: str  # as in tables
    eps: float | None
    attack: Any
    parameters: dict


class _List(argparse.Action):
    """--list: print the attacks and leave."""

    def __call__(self, parser, *_):
        for name in registry.names():
            kind = registry.find(name)
            print(f"{name}{'  (trained first, by sdpadv train)' if kind.trained else ''}\n    {described(kind)}")
        parser.exit()


OPTIONS = (
    option("--list", nargs=0, action=_List, help="show the attacks with their parameters and defaults"),
    option("--eps", type=float, help="largest change of a pixel, in [0, 1]; the attack's own if not given"),
    option("--labels", choices=LABELS,
        help="attack the classifier's own prediction, or the true label; predicted if not given"),
    option("--set", nargs="+", action="extend", default=[], metavar="NAME=VALUE",
        help="other parameters of the attack; --list shows them"),
    option("--seed", type=int, help="same seed, same bits; 0 if not given"),
)


def select(names, classifier, arguments) -> list[Selected]:
    """The attacks called ``names``; an option goes to each that has such a parameter, an error if none has it."""
    options = {name: getattr(arguments, name) for name in ("eps", "labels", "seed")}
    settings = [*arguments.set, *(f"{name}={value}" for name, value in options.items() if value is not None)]
    found, taken = [], set()
    for name in names:
        if is_model_file(name):
            found.append(_generator(name, arguments.device))
            continue
        kind = registry.find(name)
        if kind.trained:
            raise ArgumentError(
                f"{name} must be trained first; sdpadv train makes a generator.h5: "
                "then give that file in place of the name"
            )
        if classifier is None:
            raise ArgumentError(f"{name} needs the classifier that it attacks: --classifier FILE")
        alone = arguments.set if len(names) == 1 else ()  # a wrong name is an error of this attack
        own = [text for text in settings if text.partition("=")[0] in kind.defaults or text in alone]
        taken.update(own)
        attack = kind.make(classifier, **dict(setting(kind, text) for text in own))
        found.append(Selected(paper.spelled(kind.name), getattr(attack, "eps", None), attack, attack.parameters()))
    for text in settings:
        if text not in taken:
            raise ArgumentError(
                f"{text}: {', '.join(map(str, names))} {'has' if len(names) == 1 else 'have'} no such parameter to set"
            )
    return _distinct(found, names)


def _generator(path, device) -> Selected:
    generator = saving.load(path, device)
    if isinstance(generator, models.Classifier):
        raise FileError(f"{path}: holds a classifier; as an attack give the generator.h5 of a run")
    return Selected(
        generator.settings.get("method", "generator"), getattr(generator, "eps", None) or None, generator,
        {**generator.settings, **generator.parameters()},
    )


def _distinct(found: list[Selected], names) -> list[Selected]:
    """The same, with the user's name added where two have the same name and eps."""
    keys = [(s.name, s.eps) for s in found]
    return [
        s._replace(name=f"{s.name} ({name})") if keys.count(key) > 1 else s for s, key, name in zip(found, keys, names)
    ]


def setting(kind: registry.Kind, text: str) -> tuple[str, object]:
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


def described(kind: registry.Kind) -> str:
    """One line: the parameters of an attack with their defaults, as :func:`setting` reads them."""
    return "  ".join(
        f"{name}={','.join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)}"
        for name, value in kind.defaults.items()
    )


def _value(text: str, hint):
    """``text`` as a value of the type ``hint``; ValueError if it is none."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        for choice in sorted(typing.get_args(hint), key=lambda option: option is str):  # any text is a str
            with contextlib.suppress(ValueError):
                return _value(text, choice)
    elif tuple in (hint, typing.get_origin(hint)):
        parts, inner = text.split(","), typing.get_args(hint) or (int | float, ...)
        if inner[-1] is Ellipsis:
            inner = inner[:1] * len(parts)
        if len(parts) == len(inner):
            return tuple(_value(part, option) for part, option in zip(parts, inner))
    elif hint in (int, float, str):
        return hint(text)
    elif text.lower() in _CONSTANTS.get(hint, {}):
        return _CONSTANTS[hint][text.lower()]
    raise ValueError(text)


def _words(hint) -> str:
    if tuple in (hint, typing.get_origin(hint)):
        return "numbers with commas between"
    return " or ".join(_WORDS.get(h, str(h)) for h in typing.get_args(hint) or (hint,))
