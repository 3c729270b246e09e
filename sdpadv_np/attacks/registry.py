"""The attacks by name, with the parameters each takes and their types: for the command line and for tables.

Nothing is listed here. What ``sd.attacks`` offers is known by its name in lower case, and the
parameters are read from the dataclass; so a new attack needs its line in ``sd.attacks`` only.
"""
from __future__ import annotations

import functools
import inspect
import sys
import types
import typing
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields

from .. import attacks
from ..errors import ArgumentError
from ..models.interface import classes_of

_WORDS = {float: "a number", int: "a whole number", bool: "true or false", str: "a word", type(None): "none"}


@dataclass(frozen=True)
class Kind:
    """One attack: ``make(classifier, **parameters)``, the defaults of its parameters, and their types."""

    name: str  # as in tables: "PGD"
    make: Callable
    defaults: dict
    types: dict
    trained: bool  # whether it must be fitted before it is called

    def setting(self, text: str) -> tuple[str, object]:
        """("steps", 40) of "steps=40", checked against the parameter's type.

        >>> find("pgd").setting("steps=40")
        ('steps', 40)
        """
        name, equals, value = text.partition("=")
        if not equals:
            raise ArgumentError(f"--set {text}: give NAME=VALUE, e.g. eps=0.1")
        if name not in self.defaults:
            raise ArgumentError(f"--set {text}: {self.name} has no parameter {name!r}; it has {', '.join(self.defaults)}")
        try:
            return name, _value(value, self.types[name])
        except ValueError:
            raise ArgumentError(f"--set {text}: {name} is {_words(self.types[name])}, not {value!r}") from None

    def describe(self) -> str:
        """One line: the parameters with their defaults, as ``setting`` reads them."""
        return "  ".join(f"{name}={','.join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)}" for name, value in self.defaults.items())


def names() -> tuple[str, ...]:
    """All names, e.g. "fgsm"."""
    return tuple(_NAMES)


def find(name: str) -> Kind:
    """The attack called ``name``, in any case.

    >>> find("advgan").defaults["eps"], "spatial" in find("advgan").defaults
    (0.3, False)
    """
    if name.lower() not in _NAMES:
        raise ArgumentError(f"there is no attack {name!r}; choose one of {', '.join(_NAMES)}")
    return _kind(_NAMES[name.lower()])


@functools.lru_cache(maxsize=None)
def _kind(public: str) -> Kind:
    make = getattr(attacks, public)
    if inspect.isclass(make):
        cls, defaults = make, _defaults(make)
    else:  # a function such as SdAdv returns another class's attack with something settled: what it changed and does not take
        example, own = make(None), inspect.signature(make).parameters
        cls, ordinary = type(example), _defaults(type(example))
        defaults = {name: getattr(example, name) for name, value in ordinary.items() if name in own or getattr(example, name) == value}
    if public in _GIVEN:
        make = functools.partial(_with_part, make, _GIVEN[public])
    return Kind(public, make, defaults, _types(cls), hasattr(cls, "fit"))


def _with_part(make, part: str, classifier, **parameters):
    classes = classes_of(classifier)
    return make(getattr(classifier, part), **({} if classes is None else {"classes": classes}) | parameters)


def _defaults(cls) -> dict:
    """The parameters of a dataclass, without the classifier."""
    return {f.name: f.default if f.default is not MISSING else f.default_factory() for f in fields(cls) if f.init and f.name != "classifier"}


def _types(cls) -> dict:
    """The types that a dataclass declares its fields with; typing.get_type_hints stumbles over KW_ONLY before Python 3.11."""
    known = {f.name for f in fields(cls)}
    return {
        name: eval(hint, vars(sys.modules[base.__module__])) if isinstance(hint, str) else hint
        for base in reversed(cls.__mro__) for name, hint in inspect.get_annotations(base).items() if name in known
    }


def _value(text: str, hint):
    """``text`` as the type that a parameter is declared with; ValueError if it is none."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        strict_first = [*(h for h in typing.get_args(hint) if h is not str), *(h for h in typing.get_args(hint) if h is str)]
        for choice in strict_first:
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


_GIVEN = {"BlackBoxSdpAdv": "probabilities"}  # what of the classifier an attack is given, where it is not all
_NAMES = {name.lower(): name for name in attacks.__all__}
