"""Contenders: functions outside this package, named as [NAME=]MODULE:FUNCTION, that take part in a benchmark."""
from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

from ..errors import ArgumentError


class Contender(NamedTuple):
    name: str
    specification: str  # NAME=MODULE:FUNCTION
    function: Callable
    module: ModuleType


def load(specification: str) -> Contender:
    """Import the contender; its module is looked for in the current folder first.

    >>> load("copy=shutil:copyfile").name
    'copy'
    >>> load("shutil:nothing")
    Traceback (most recent call last):
        ...
    sdpadv_np.errors.ArgumentError: contender is 'shutil:nothing', but shutil has no function 'nothing'
    """
    name, _, address = specification.rpartition("=")
    module_name, _, function_name = address.partition(":")
    if not module_name or not function_name:
        raise ArgumentError(f"contender is {specification!r}; write MODULE:FUNCTION or NAME=MODULE:FUNCTION")
    if (folder := os.getcwd()) not in sys.path:
        sys.path.insert(0, folder)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # the module is a user's program: it may fail in any way
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ArgumentError(f"contender is {specification!r}, but {module_name} cannot be imported from {folder} "
                            f"({reason})") from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise ArgumentError(f"contender is {specification!r}, but {module_name} has no function {function_name!r}")
    return Contender(name or address, specification, function, module)
