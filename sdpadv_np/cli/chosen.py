"""Attacks as the user names them: by name with parameters, or by the file of a trained generator."""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

from .. import models
from ..attacks import registry
from ..attacks.base import LABELS
from ..errors import ArgumentError, FileError
from ..evaluation import paper
from ..storage import saving
from .settings import described, setting


class Chosen(NamedTuple):
    """An attack, ready, and what is printed and stored of it."""

    name: str  # as in tables
    eps: float | None
    attack: object
    parameters: dict


class _List(argparse.Action):
    """--list: print the attacks and leave."""

    def __call__(self, parser, *_):
        for name in registry.names():
            kind = registry.find(name)
            print(f"{name}{'  (trained first, by sdpadv train)' if kind.trained else ''}\n    {described(kind)}")
        parser.exit()


def add_options(command) -> None:
    command.add_argument("--list", nargs=0, action=_List, help="show the attacks with their parameters and defaults")
    command.add_argument("--eps", type=float, help="largest change of a pixel, in [0, 1]; the attack's own if not given")
    command.add_argument("--labels", choices=LABELS, help="attack the classifier's own prediction, or the true label; predicted if not given")
    command.add_argument("--set", nargs="+", action="extend", default=[], metavar="NAME=VALUE", help="other parameters of the attack; --list shows them")
    command.add_argument("--seed", type=int, help="same seed, same bits; 0 if not given")


def classifier(path, device: str):
    """The classifier in a file of ours, on "cpu" or "cuda"."""
    found = saving.load(path, device)
    if not isinstance(found, models.Classifier):
        raise FileError(f"{path}: holds no classifier but a generator; give the classifier.h5 of a run")
    return found


def choose(names, classifier, arguments) -> list[Chosen]:
    """The attacks called ``names``; an option goes to each that has such a parameter, and it is an error if none has."""
    settings = list(arguments.set)
    settings += [f"{option}={getattr(arguments, option)}" for option in ("eps", "labels", "seed") if getattr(arguments, option) is not None]
    found, taken = [], set()
    for name in names:
        if Path(name).suffix.lower() in (".h5", ".hdf5"):
            found.append(_generator(name, arguments.device))
            continue
        kind = registry.find(name)
        if kind.trained:
            raise ArgumentError(f"{name} must be trained first; sdpadv train makes a generator.h5: then give that file in place of the name")
        if classifier is None:
            raise ArgumentError(f"{name} needs the classifier that it attacks: --classifier FILE")
        mine = [text for text in settings if text.partition("=")[0] in kind.defaults or (len(names) == 1 and text in arguments.set)]
        taken.update(mine)
        attack = kind.make(classifier, **dict(setting(kind, text) for text in mine))
        found.append(Chosen(paper.spelled(kind.name), getattr(attack, "eps", None), attack, attack.parameters()))
    for text in settings:
        if text not in taken:
            raise ArgumentError(f"{text}: {', '.join(map(str, names))} {'has' if len(names) == 1 else 'have'} no such parameter to set")
    return _told_apart(found, names)


def _generator(path, device) -> Chosen:
    generator = saving.load(path, device)
    if isinstance(generator, models.Classifier):
        raise FileError(f"{path}: holds a classifier; as an attack give the generator.h5 of a run")
    parameters = {**generator.settings, **generator.parameters()}
    return Chosen(generator.settings.get("method", "generator"), getattr(generator, "eps", None) or None, generator, parameters)


def _told_apart(found: list[Chosen], names) -> list[Chosen]:
    """Two of one name and eps get what the user called them added."""
    keys = [(c.name, c.eps) for c in found]
    return [c._replace(name=f"{c.name} ({name})") if keys.count(key) > 1 else c for c, key, name in zip(found, keys, names)]
