"""How images lie in an array of a file: grey or in colour, channels first or last, bytes or floats."""
from __future__ import annotations

import numpy as np

from .. import checks
from ..errors import DataError

LAYOUTS = ("NHW", "NCHW", "NHWC")
_TO_NCHW = {"NHW": lambda x: x[:, None], "NCHW": lambda x: x, "NHWC": lambda x: np.moveaxis(x, 3, 1)}
_FROM_NCHW = {"NHW": lambda x: x[:, 0], "NCHW": lambda x: x, "NHWC": lambda x: np.moveaxis(x, 1, 3)}


def layout_of(x: np.ndarray, name: str, image_shape: tuple | None = None) -> str:
    """The layout of an array of images; DataError, which calls it ``name``, if its dtype or shape is wrong.

    image_shape : the (C, H, W) that is expected, if anything is; then DataError for any other

    >>> layout_of(np.zeros((10, 8, 8, 3), np.uint8), "x"), layout_of(np.zeros((10, 28, 28)), "x", (1, 28, 28))
    ('NHWC', 'NHW')
    """
    _check_dtype(x, name)
    shape = x.shape
    if image_shape is not None:
        return _expected_layout(shape, name, image_shape)
    if len(shape) == 3:
        return "NHW"
    if len(shape) == 4:
        second, last = (shape[axis] in (1, 3) for axis in (1, 3))
        if last and not second:
            return "NHWC"
        if second and not last or shape[1] < min(shape[2:]) and not last:
            return "NCHW"
        raise DataError(
            f"{name} has shape {shape}, whose channels may be the second axis or the last; "
            'say layout="NCHW" or layout="NHWC"'
        )
    raise DataError(f"{name} has shape {shape}; expected (N, H, W), (N, C, H, W) or (N, H, W, C)")


def _check_dtype(x: np.ndarray, name: str) -> None:
    if x.dtype != np.uint8 and x.dtype.kind != "f":
        raise DataError(f"{name} has dtype {x.dtype}; expected uint8 from 0 to 255, or floats in [0, 1]")


def _expected_layout(shape: tuple, name: str, image_shape: tuple) -> str:
    channels, *size = image_shape
    one = {"NCHW": (channels, *size), "NHWC": (*size, channels)} | ({"NHW": tuple(size)} if channels == 1 else {})
    for layout, expected in one.items():
        if shape[1:] == expected:
            return layout
    wanted = " or ".join(f"(N, {', '.join(map(str, expected))})" for expected in one.values())
    raise DataError(f"{name} has shape {shape}; expected {wanted}: {_remedy(shape, channels, size)}")


def _remedy(shape: tuple, channels: int, size: list) -> str:
    if len(shape) < 3 or len(shape) > 4:
        return "give one image per row of the first axis"
    if channels == 1 and 3 in (shape[1], shape[-1]) and len(shape) == 4:
        return "the network takes grey images; convert them, by the mean over the channels for instance"
    if channels == 3 and (len(shape) == 3 or 1 in (shape[1], shape[-1])):
        return "the network takes images in colour; repeat the grey channel three times if that is meant"
    return (
        f"bring them to {size[0]}x{size[1]} pixels and {channels} channel{'s' * (channels > 1)}, "
        "as the network takes them"
    )


def to_nchw(x: np.ndarray, layout: str) -> np.ndarray:
    """x, which lies as ``layout`` says, as a view (N, C, H, W)."""
    return _TO_NCHW[layout](x)


def from_nchw(x: np.ndarray, layout: str) -> np.ndarray:
    """x (N, C, H, W) as a view in ``layout``; the inverse of :func:`to_nchw`."""
    return _FROM_NCHW[layout](x)


def checked_pixels(x: np.ndarray, name: str) -> np.ndarray:
    """Images x (N, C, H, W) as float32: uint8 is divided by 255, floats must lie in [0, 1]."""
    _check_dtype(x, name)
    if x.dtype == np.uint8:
        if x.size and x.max() == 1:
            raise DataError(
                f"{name} is uint8 with no value above 1, which divided by 255 is black; "
                f"use {name}.astype(np.float32) for images of 0 and 1"
            )
        x = x.astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(checks.images(x.astype(np.float32, copy=False), name))
