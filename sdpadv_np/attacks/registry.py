"""The attacks by name, with the parameters of each and their types: for the command line and for tables.

Nothing is listed here. An attack of ``sd.attacks`` is known by its name in lower case, and its parameters are read
from the dataclass; so a new attack needs only its line in ``sd.attacks``.
"""
from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields

from .. import attacks
from ..errors import ArgumentError
from ..models.interface import classes_of
from .parameters import parameters_of


@dataclass(frozen=True)
class Kind:
    """One attack: ``make(classifier, **parameters)``, the defaults of its parameters, and their types."""

    name: str  # as in tables: "PGD"
    make: Callable
    defaults: dict
    types: dict
    trained: bool  # whether it must be fitted before it is called


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


@functools.cache
def _kind(public: str) -> Kind:
    make = getattr(attacks, public)
    if inspect.isclass(make):
        cls, defaults = make, _defaults(make)
    else:  # a function such as SdAdv, which fixes some parameters of another class: those it changed and does not take
        example, own = make(None), inspect.signature(make).parameters
        cls, ordinary = type(example), _defaults(type(example))
        here = {name: getattr(example, name) for name in ordinary}
        defaults = {name: value for name, value in here.items() if name in own or value == ordinary[name]}
    if public == "BlackBoxSdpAdv":
        make = functools.partial(_by_queries, make)
    return Kind(public, make, defaults, _types(cls), hasattr(cls, "fit"))


def _by_queries(make, classifier, **parameters):
    """The attack that is given the classifier's probabilities alone."""
    if classifier is None:
        return make(None, **parameters)
    classes = classes_of(classifier)
    return make(classifier.probabilities, **({} if classes is None else {"classes": classes}) | parameters)


def _defaults(cls) -> dict:
    """The parameters of a dataclass, without the classifier."""
    return {f.name: f.default if f.default is not MISSING else f.default_factory() for f in parameters_of(cls)}


def _types(cls) -> dict:
    """The declared types of a dataclass's fields; typing.get_type_hints fails on KW_ONLY before Python 3.11."""
    known = {f.name for f in fields(cls)}
    return {
        name: eval(hint, vars(sys.modules[base.__module__])) if isinstance(hint, str) else hint
        for base in reversed(cls.__mro__) for name, hint in inspect.get_annotations(base).items() if name in known
    }


_NAMES = {name.lower(): name for name in attacks.__all__}
