"""Renamed public names: the old one keeps working and raises a DeprecationWarning that names the new one."""
from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping


def renamed_names(module: str, table: Mapping[str, tuple[str, str]]) -> Callable[[str], object]:
    """The ``__getattr__`` of a module (PEP 562): {old name: (new name in the same module, version of the change)}.

    >>> import sdpadv_np as sd, warnings
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     sd.models.Foreign is sd.models.ExternalClassifier
    True
    >>> print(caught[0].message)
    sdpadv_np.models.Foreign is called ExternalClassifier since 0.2; the old name will be removed
    """
    def lookup(name: str) -> object:
        if name not in table:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        new, since = table[name]
        _warn(f"{module}.{name}", new, since)
        return getattr(sys.modules[module], new)

    return lookup


class RenamedAttribute:
    """The old name of an attribute, in the class body: ``seconds = RenamedAttribute("seconds_per_100", "0.2")``."""

    def __init__(self, new: str, since: str):
        self.new, self.since = new, since

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = f"{owner.__name__}.{name}"

    def __get__(self, instance: object, owner: type | None = None) -> object:
        if instance is None:
            return self
        _warn(self.name, self.new, self.since)
        return getattr(instance, self.new)

    def __set__(self, instance: object, value: object) -> None:
        _warn(self.name, self.new, self.since)
        setattr(instance, self.new, value)


def _warn(old: str, new: str, since: str) -> None:
    warnings.warn(
        f"{old} is called {new} since {since}; the old name will be removed", DeprecationWarning, stacklevel=3)
