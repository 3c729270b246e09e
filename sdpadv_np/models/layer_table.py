"""The layers that an architecture is made of: one row for each class of ``sd.nn``.

The kind of a layer is the name of its class, its parameters are the fields of that dataclass, each checked by its
entry in PARAMETERS; two rules give the shape of its output and its number of parameters.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import NamedTuple

from .. import nn
from ..errors import ArgumentError
from ..kernels.activation import ACTIVATIONS
from ..kernels.conv2d import ALGORITHMS, check_winograd, resolve_padding
from ..nn.layers import INITIAL, Pooling
from ..storage import schema

_HIGHEST = 1e30  # of initial weights: float32 holds it, and its product with any random number
_LARGEST = 1 << 26  # numbers in the output of one layer for one image
_size, _step, _pixels = schema.integer(1, 1 << 24), schema.integer(1, 1 << 12), schema.integer(0, 1 << 12)
_pair = schema.sequence(_step, length=2)
_paddings = schema.text("valid", "same"), _pixels, schema.sequence(schema.sequence(_pixels, length=2), length=2)
PARAMETERS = {
    "inputs": _size, "outputs": _size, "features": _size,
    "kernel": _pair, "stride": _step, "width": _step, "size": schema.sequence(schema.integer(1, 1 << 16), length=2),
    "padding": schema.Field(
        "valid, same, a whole number, or two pairs of them",
        lambda value: any(field.fits(value) for field in _paddings),
    ),
    "activation": schema.text(*ACTIVATIONS), "init": schema.text(*INITIAL), "algorithm": schema.text(*ALGORITHMS),
    "bias": schema.optional(schema.sequence(schema.number(-_HIGHEST, _HIGHEST))),
    "momentum": schema.number(0, 1), "spread": schema.number(0, _HIGHEST), "rate": schema.number(0, 0.999),
    "layers": schema.sequence(schema.mapping()),
}
_STEPS = schema.Field("a whole number or a list of 2", lambda value: _step.fits(value) or _pair.fits(value))
_POOLING = {"kernel": _STEPS, "stride": schema.optional(_STEPS)}


class Kind(NamedTuple):
    """One kind of layer; the rules take the layer, ``output`` also the shape of its input without the batch axis."""

    layer: type
    output: Callable
    parameters: Callable = lambda layer: 0
    accepts: dict = {}  # in place of PARAMETERS


def output_shapes(layers, shape: tuple) -> list[tuple[int, ...]]:
    """The shape of every layer's output for an input of ``shape``; ArgumentError names a layer that does not fit."""
    shapes = []
    for number, layer in enumerate(layers):
        try:
            shape = kind_of(layer).output(layer, shape)
        except ArgumentError as error:
            raise ArgumentError(f"layer {number}, {shown(layer)}, {error}") from None
        if math.prod(shape) > _LARGEST:
            raise ArgumentError(f"layer {number}, {shown(layer)}, makes {shape} numbers of one image; "
                                f"expected at most {_LARGEST:,}: use a stride or pooling")
        shapes.append(shape)
    return shapes


def shown(layer) -> str:
    """A layer as Python code, without the parameters that have their defaults.

    >>> shown(nn.Conv2d(1, 8, (3, 3), activation="relu"))
    "Conv2d(1, 8, (3, 3), activation='relu')"
    """
    words = [("" if f.default is MISSING else f"{f.name}=") + _code(value) for f in fields(layer)
             if (value := getattr(layer, f.name)) != f.default]
    return f"{type(layer).__name__}({', '.join(words)})"


def _code(value) -> str:
    if isinstance(value, tuple) and any(type(part) in CLASSES for part in value):
        return f"({', '.join(map(shown, value))},)"
    return repr(value)


def kind_of(layer) -> Kind:
    return LAYERS[type(layer).__name__]


def _maps(shape: tuple, channels: int | None = None) -> tuple:
    """``shape`` as (C, H, W), with this number of channels."""
    if len(shape) != 3 or channels not in (None, shape[0]):
        raise ArgumentError(f"takes {'(C, H, W)' if channels is None else f'({channels}, H, W)'}; here it gets {shape}")
    return shape


def _windows(layer, shape: tuple) -> tuple:
    """(H', W') of windows of ``layer.kernel`` over (..., H, W), moved by ``layer.stride``, the kernel if None."""
    size, kernel = shape[-2:], _two(layer.kernel)
    stride = kernel if layer.stride is None else _two(layer.stride)
    padding = [resolve_padding(layer.padding, size, kernel, step)[axis] for axis, step in enumerate(stride)]
    result = tuple((n + sum(p) - k) // step + 1 for n, p, k, step in zip(size, padding, kernel, stride))
    if min(result) < 1:
        raise ArgumentError(f"has a kernel larger than its input {shape}; use a smaller one or padding")
    if isinstance(layer, Pooling) and any(max(p) >= k for p, k in zip(padding, kernel)):
        raise ArgumentError("has windows of padding alone; use less padding than the kernel's size")
    return result


def _two(value) -> tuple:
    return value if isinstance(value, tuple) else (value, value)


def _dense(layer, shape):
    if len(shape) != 1:
        raise ArgumentError(f"takes flat numbers, here it gets {shape}: put Flatten() before it")
    if shape[0] != layer.inputs:
        raise ArgumentError(f"takes {layer.inputs} numbers, here it gets {shape[0]}: use inputs={shape[0]}")
    if layer.bias is not None and len(layer.bias) != layer.outputs:
        raise ArgumentError(f"has {len(layer.bias)} numbers as bias; expected {layer.outputs}")
    return (layer.outputs,)


def _conv2d(layer, shape):
    if layer.algorithm == "winograd":
        try:
            check_winograd(layer.inputs, layer.outputs, layer.kernel, layer.stride)
        except ValueError as error:
            raise ArgumentError(f"does not fit its algorithm: {error}") from None
    return layer.outputs, *_windows(layer, _maps(shape, layer.inputs))


def _pooling(layer, shape):
    return shape[0], *_windows(layer, _maps(shape))


def _conv_transpose2d(layer, shape):
    if (back := _windows(layer, layer.size)) != _maps(shape, layer.inputs)[1:]:
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
    Kind(nn.MaxPool2d, _pooling, accepts=_POOLING),
    Kind(nn.AvgPool2d, _pooling, accepts=_POOLING),
    Kind(nn.Dropout, lambda layer, shape: shape, lambda layer: 2),
    Kind(nn.Flatten, lambda layer, shape: (math.prod(shape),)),
    Kind(nn.BatchNorm, lambda layer, shape: _maps(shape, layer.features), lambda layer: 4 * layer.features),
    Kind(nn.InstanceNorm, lambda layer, shape: _maps(shape)),
    Kind(nn.ReflectPad, _reflect_pad),
    Kind(nn.Residual, _residual, lambda layer: sum(kind_of(inner).parameters(inner) for inner in layer.layers)),
)}
CLASSES = {kind.layer for kind in LAYERS.values()}
