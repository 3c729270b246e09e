"""Architectures: lists of layers as a checked description, with output shapes and numbers of parameters.

LAYERS is the table: the kind of a layer is the name of its class in ``sd.nn``, its parameters are the fields of that
dataclass, each checked by its entry in PARAMETERS; two rules give the shape of its output and its number of parameters.
A description is JSON made of kinds and numbers: reading one from a file executes nothing and allocates nothing.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from typing import NamedTuple

import numpy as np

from .. import checks, nn
from ..errors import ArgumentError, FileError
from ..kernels.activation import ACTIVATIONS
from ..kernels.conv2d import ALGORITHMS, resolve_padding
from ..nn.layers import INITIAL
from ..storage import schema

_LARGEST = 1 << 26  # numbers in the output of one layer for one image
_MOST_LAYERS = 1000
_size = schema.integer(1, 1 << 24)
_PADDINGS = schema.text("valid", "same"), schema.integer(0, 1 << 12), schema.sequence(schema.sequence(schema.integer(0, 1 << 12), length=2), length=2)
PARAMETERS = {
    "inputs": _size, "outputs": _size, "features": _size,
    "kernel": schema.sequence(schema.integer(1, 1 << 12), length=2), "size": schema.sequence(schema.integer(1, 1 << 16), length=2),
    "stride": schema.integer(1, 1 << 12), "width": schema.integer(1, 1 << 12),
    "padding": schema.Field("valid, same, a whole number, or two pairs of them", lambda value: any(field.fits(value) for field in _PADDINGS)),
    "activation": schema.text(*ACTIVATIONS), "init": schema.text(*INITIAL), "algorithm": schema.text(*ALGORITHMS),
    "bias": schema.optional(schema.sequence(schema.number())), "momentum": schema.number(0, 1), "spread": schema.number(0),
    "layers": schema.sequence(schema.mapping()),
}


class Kind(NamedTuple):
    """One kind of layer; the rules take the layer, ``output`` also the shape of its input without the batch axis."""

    layer: type
    output: Callable
    parameters: Callable = lambda layer: 0


@dataclass(frozen=True)
class Architecture:
    """Layers from images (N, *image_shape) to logits (N, classes), checked: every layer takes what the one before makes.

    name : of the network, and the first part of its parameters' names ("name/0/W"); initial weights depend on it
    """

    layers: tuple
    image_shape: tuple
    classes: int
    name: str

    def __post_init__(self):
        if not isinstance(self.name, str) or not 0 < len(self.name) <= 100 or "/" in self.name or not self.name.isprintable():
            raise ArgumentError(f"name is {self.name!r}; give 1 to 100 printable characters without /")
        if not isinstance(self.layers, (list, tuple)) or not 0 < len(self.layers) <= _MOST_LAYERS:
            raise ArgumentError(f"layers is {self.layers!r}; give a list of 1 to {_MOST_LAYERS} layers of sd.nn, such as [Flatten(), Dense(784, 10)]")
        settle = object.__setattr__
        settle(self, "image_shape", checks.image_shape("image_shape", self.image_shape))
        settle(self, "classes", checks.whole("classes", self.classes, 2))
        settle(self, "layers", tuple(_normalised(layer, f"layer {number}") for number, layer in enumerate(self.layers)))
        if (last := self.shapes()[-1]) != (self.classes,):
            raise ArgumentError(f"the last layer, {shown(self.layers[-1])}, makes {last}; expected logits ({self.classes},): end with Dense(..., {self.classes})")

    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of every layer's output for one image."""
        return output_shapes(self.layers, self.image_shape)

    def counts(self) -> list[int]:
        """The number of every layer's parameters; those of batch normalisation include the running mean and variance."""
        return [_kind(layer).parameters(layer) for layer in self.layers]

    def description(self) -> dict:
        """The architecture as JSON-able data; :meth:`from_description` is its inverse."""
        return {"name": self.name, "image_shape": list(self.image_shape), "classes": self.classes, "layers": [_described(layer) for layer in self.layers]}

    @classmethod
    def from_description(cls, stored, source: str) -> Architecture:
        """The architecture in ``stored``, which came out of a file; FileError, which names ``source``, if it describes none."""
        expected = {"name": schema.text(), "image_shape": schema.sequence(schema.integer(1, 1 << 16), length=3),
                    "classes": schema.integer(2, 1 << 24), "layers": PARAMETERS["layers"]}
        found = schema.validated(stored, expected, source)
        layers = [_layer(layer, f"{source}: layer {number}") for number, layer in enumerate(found.pop("layers"))]
        try:
            return cls(layers, **found)
        except ArgumentError as error:
            raise FileError(f"{source}: {error}") from error

    def __str__(self):
        rows = [("layer", "output", "parameters")]
        rows += [(shown(layer), str(shape), f"{count:,}") for layer, shape, count in zip(self.layers, self.shapes(), self.counts())]
        rows.append(("total", "", f"{sum(self.counts()):,}"))
        wide = [max(map(len, column)) for column in zip(*rows)]
        return "\n".join(f"  {a:<{wide[0]}}  {b:<{wide[1]}}  {c:>{wide[2]}}" for a, b, c in rows)


def output_shapes(layers, shape: tuple) -> list[tuple[int, ...]]:
    """The shape of every layer's output for one input of ``shape``; ArgumentError names the first layer that cannot take its input."""
    shapes = []
    for number, layer in enumerate(layers):
        try:
            shape = _kind(layer).output(layer, shape)
        except ArgumentError as error:
            raise ArgumentError(f"layer {number}, {shown(layer)}, {error}") from None
        if math.prod(shape) > _LARGEST:
            raise ArgumentError(f"layer {number}, {shown(layer)}, makes {shape} numbers of one image; expected at most {_LARGEST:,}: use a stride or pooling")
        shapes.append(shape)
    return shapes


def shown(layer) -> str:
    """A layer as Python code, without the parameters that have their defaults.

    >>> shown(nn.Conv2d(1, 8, (3, 3), activation="relu"))
    "Conv2d(1, 8, (3, 3), activation='relu')"
    """
    given = [(f, getattr(layer, f.name)) for f in fields(layer)]
    words = [_code(value) if f.default is MISSING else f"{f.name}={_code(value)}" for f, value in given if value != f.default]
    return f"{type(layer).__name__}({', '.join(words)})"


def _code(value) -> str:
    if isinstance(value, tuple) and any(type(part) in _CLASSES for part in value):
        return f"({', '.join(map(shown, value))},)"
    return repr(value)


def _kind(layer) -> Kind:
    return LAYERS[type(layer).__name__]


def _normalised(layer, where: str):
    """``layer`` with its parameters checked, as Python's numbers and tuples."""
    if type(layer) not in _CLASSES:
        what = f"the class {layer.__name__}" if isinstance(layer, type) else f"a {type(layer).__name__}"
        raise ArgumentError(f"{where} is {what}; choose layers of sd.nn: {', '.join(LAYERS)}")
    try:
        return _layer(_described(layer), where)
    except FileError as error:
        raise ArgumentError(str(error)) from None


def _described(layer) -> dict:
    return {"kind": type(layer).__name__, **{f.name: _plain(getattr(layer, f.name)) for f in fields(layer)}}


def _plain(value):
    if type(value) in _CLASSES:
        return _described(value)
    if isinstance(value, (tuple, list)):
        return [_plain(part) for part in value]
    return value.item() if isinstance(value, np.generic) else value


def _layer(stored: dict, where: str):
    """The layer that ``stored`` describes; FileError if it is none of LAYERS with parameters that it can have."""
    kind = schema.validated({"kind": stored.get("kind")}, {"kind": schema.text(*LAYERS)}, where)["kind"]
    layer = LAYERS[kind].layer
    expected = {f.name: PARAMETERS[f.name] if f.default is MISSING else PARAMETERS[f.name].added(1, _plain(f.default)) for f in fields(layer)}
    found = schema.validated({name: value for name, value in stored.items() if name != "kind"}, expected, f"{where}, {kind}")
    if "layers" in found:
        found["layers"] = [_layer(inner, f"{where}, {kind}, layer {number}") for number, inner in enumerate(found["layers"])]
    return layer(**{name: _tuples(value) for name, value in found.items()})


def _tuples(value):
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _maps(shape: tuple, channels: int | None = None) -> tuple:
    """``shape`` as (C, H, W), with this number of channels."""
    if len(shape) != 3 or channels not in (None, shape[0]):
        raise ArgumentError(f"takes {'(C, H, W)' if channels is None else f'({channels}, H, W)'}; here it gets {shape}")
    return shape


def _windows(layer, shape: tuple, size: tuple) -> tuple:
    """(H', W') of a window of ``layer.kernel`` moved over (H, W) by ``layer.stride``."""
    padding = resolve_padding(layer.padding, size, layer.kernel, layer.stride)
    result = tuple((n + sum(p) - k) // layer.stride + 1 for n, p, k in zip(size, padding, layer.kernel))
    if min(result) < 1:
        raise ArgumentError(f"has a kernel larger than its input {shape}; use a smaller one or padding")
    return result


def _dense(layer, shape):
    if len(shape) != 1:
        raise ArgumentError(f"takes flat numbers, here it gets {shape}: put Flatten() before it")
    if shape[0] != layer.inputs:
        raise ArgumentError(f"takes {layer.inputs} numbers, here it gets {shape[0]}: use inputs={shape[0]}")
    if layer.bias is not None and len(layer.bias) != layer.outputs:
        raise ArgumentError(f"has {len(layer.bias)} numbers as bias; expected {layer.outputs}")
    return (layer.outputs,)


def _conv2d(layer, shape):
    return layer.outputs, *_windows(layer, shape, _maps(shape, layer.inputs)[1:])


def _conv_transpose2d(layer, shape):
    if (back := _windows(layer, layer.size, layer.size)) != _maps(shape, layer.inputs)[1:]:
        raise ArgumentError(f"makes {layer.size} of {back}; here it gets {shape[1:]}")
    return layer.outputs, *layer.size


def _reflect_pad(layer, shape):
    channels, *size = _maps(shape)
    if min(size) <= layer.width:
        raise ArgumentError(f"mirrors {layer.width} pixels; here it gets {shape}, which has too few")
    return channels, *(n + 2 * layer.width for n in size)


def _residual(layer, shape):
    result = output_shapes(layer.layers, shape)[-1] if layer.layers else shape
    if result != shape:
        raise ArgumentError(f"adds {result} to {shape}; its layers must keep the shape")
    return shape


def _weights(layer) -> int:
    return layer.outputs * layer.inputs * math.prod(layer.kernel) + layer.outputs


LAYERS = {kind.layer.__name__: kind for kind in (
    Kind(nn.Dense, _dense, lambda layer: (layer.inputs + 1) * layer.outputs),
    Kind(nn.Conv2d, _conv2d, _weights),
    Kind(nn.ConvTranspose2d, _conv_transpose2d, _weights),
    Kind(nn.Flatten, lambda layer, shape: (math.prod(shape),)),
    Kind(nn.BatchNorm, lambda layer, shape: _maps(shape, layer.features), lambda layer: 4 * layer.features),
    Kind(nn.InstanceNorm, lambda layer, shape: _maps(shape)),
    Kind(nn.ReflectPad, _reflect_pad),
    Kind(nn.Residual, _residual, lambda layer: sum(_kind(inner).parameters(inner) for inner in layer.layers)),
)}
_CLASSES = {kind.layer for kind in LAYERS.values()}
