"""Architectures: lists of layers as a checked description, with output shapes and numbers of parameters.

A description is JSON made of kinds of layers (layer_table.py) and numbers: reading one from a file executes nothing
and allocates nothing.
"""
from __future__ import annotations

from dataclasses import MISSING, dataclass, fields

import numpy as np

from .. import checks
from ..errors import ArgumentError, FileError
from ..storage import schema
from .layer_table import CLASSES, LAYERS, PARAMETERS, kind_of, output_shapes, shown

_MOST_LAYERS = 1000


@dataclass(frozen=True)
class Architecture:
    """Layers from images (N, *image_shape) to logits (N, classes), checked to fit each other.

    name : of the network, and first part of its parameters' names ("name/0/W"); initial weights depend on it
    """

    layers: tuple
    image_shape: tuple
    classes: int
    name: str

    def __post_init__(self):
        name = self.name
        if not isinstance(name, str) or not 0 < len(name) <= 100 or "/" in name or not name.isprintable():
            raise ArgumentError(f"name is {name!r:.80}; give 1 to 100 printable characters without /")
        if not isinstance(self.layers, (list, tuple)) or not 0 < len(self.layers) <= _MOST_LAYERS:
            expected = f"a list of 1 to {_MOST_LAYERS} layers of sd.nn, such as [Flatten(), Dense(784, 10)]"
            raise ArgumentError(f"layers is {self.layers!r:.80}; give {expected}")
        settle = object.__setattr__
        settle(self, "image_shape", checks.image_shape("image_shape", self.image_shape))
        settle(self, "classes", checks.whole("classes", self.classes, 2))
        settle(self, "layers", tuple(_normalised(layer, f"layer {k}") for k, layer in enumerate(self.layers)))
        if (last := self.shapes()[-1]) != (self.classes,):
            raise ArgumentError(f"the last layer, {shown(self.layers[-1])}, makes {last}; expected logits "
                                f"({self.classes},): end with Dense(..., {self.classes})")

    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of every layer's output for one image."""
        return output_shapes(self.layers, self.image_shape)

    def counts(self) -> list[int]:
        """The number of every layer's parameters, running means and variances and random states included."""
        return [kind_of(layer).parameters(layer) for layer in self.layers]

    def description(self) -> dict:
        """The architecture as JSON-able data; :meth:`from_description` is its inverse."""
        return {
            "name": self.name, "image_shape": list(self.image_shape), "classes": self.classes,
            "layers": [_described(layer) for layer in self.layers],
        }

    @classmethod
    def from_description(cls, stored, source: str) -> Architecture:
        """The architecture in ``stored``, data from a file; FileError, which names ``source``, if it describes none."""
        expected = {
            "name": schema.text(), "image_shape": schema.sequence(schema.integer(1, 1 << 16), length=3),
            "classes": schema.integer(2, 1 << 24), "layers": PARAMETERS["layers"],
        }
        found = schema.validated(stored, expected, source)
        layers = [_layer(layer, f"{source}: layer {number}") for number, layer in enumerate(found.pop("layers"))]
        try:
            return cls(tuple(layers), **found)
        except ArgumentError as error:
            raise FileError(f"{source}: {error}") from error

    def __str__(self):
        rows = [
            ("layer", "output", "parameters"),
            *((shown(layer), str(shape), f"{count:,}")
              for layer, shape, count in zip(self.layers, self.shapes(), self.counts())),
            ("total", "", f"{sum(self.counts()):,}"),
        ]
        wide = [max(map(len, column)) for column in zip(*rows)]
        return "\n".join(f"  {a:<{wide[0]}}  {b:<{wide[1]}}  {c:>{wide[2]}}" for a, b, c in rows)


def _normalised(layer, where: str):
    """``layer`` with its parameters checked, as Python's numbers and tuples."""
    if type(layer) not in CLASSES:
        what = f"the class {layer.__name__}" if isinstance(layer, type) else f"a {type(layer).__name__}"
        raise ArgumentError(f"{where} is {what}; choose layers of sd.nn: {', '.join(LAYERS)}")
    try:
        return _layer(_described(layer), where)
    except FileError as error:
        raise ArgumentError(str(error)) from None


def _described(layer) -> dict:
    return {"kind": type(layer).__name__, **{f.name: _plain(getattr(layer, f.name)) for f in fields(layer)}}


def _plain(value):
    if type(value) in CLASSES:
        return _described(value)
    if isinstance(value, (tuple, list)):
        return [_plain(part) for part in value]
    return value.item() if isinstance(value, np.generic) else value


def _layer(stored: dict, where: str):
    """The layer that ``stored`` describes; FileError if its kind or its parameters are not of the table."""
    kind = schema.validated({"kind": stored.get("kind")}, {"kind": schema.text(*LAYERS)}, where)["kind"]
    layer, accepts = LAYERS[kind].layer, {**PARAMETERS, **LAYERS[kind].accepts}
    where, stored = f"{where}, {kind}", {name: value for name, value in stored.items() if name != "kind"}
    expected = {f.name: accepts[f.name] for f in fields(layer)}
    optional = {f.name: expected[f.name].added(1, _plain(f.default)) for f in fields(layer) if f.default is not MISSING}
    found = schema.validated(stored, expected | optional, where)
    if "layers" in found:
        found["layers"] = [_layer(inner, f"{where}, layer {k}") for k, inner in enumerate(found["layers"])]
    return layer(**{name: _tuples(value) for name, value in found.items()})


def _tuples(value):
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
