"""The sizes of a convolution, and images with zero padding. Memory is NHWC throughout."""
from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from ..runtime.jit import OPTIONS, njit

_CACHE = 2**18  # numbers that a group of images may take: the second-level cache
_PIXEL_WORK = 500  # multiplications that take as long as a sampler's pixel, the unit of parallel_for


class Convolution(NamedTuple):
    """n images (h, w, c) at (top, left) of padded ones (padded_h, padded_w); kernel (kh, kw); outputs (ho, wo, o)."""

    n: int
    h: int
    w: int
    c: int
    top: int
    left: int
    padded_h: int
    padded_w: int
    kh: int
    kw: int
    stride: int
    ho: int
    wo: int
    o: int
    pixels: int  # ho * wo
    taps: int  # kh * kw * c: the depth K of the matrix product
    padded_size: int  # padded_h * padded_w * c
    is_padded: bool
    one_window: bool  # the whole image is one window: a plain matrix product
    group: int = 1  # images computed together

    @property
    def kernel(self):
        """The shape of w."""
        return self.o, self.c, self.kh, self.kw

    @property
    def work(self):
        """The multiplications, in the unit of parallel_for."""
        return self.n * self.pixels * self.taps * self.o // _PIXEL_WORK

    def sums(self, size):
        """An array for sums over the images, which begin with the first image; without images they are 0."""
        return (np.empty if self.n else np.zeros)(size, np.float32)

    def padded_to(self, padded_h, padded_w):
        """With images padded, or cropped below and to the right, to another size."""
        return self._replace(
            padded_h=padded_h, padded_w=padded_w, padded_size=padded_h * padded_w * self.c,
            is_padded=(self.h, self.w) != (padded_h, padded_w),
        )

    def grouped(self, size, rows):
        """With groups that have ``rows`` output pixels and fit the cache, if an image takes ``size`` numbers."""
        return self._replace(group=max(min(self.n, -(-rows // max(self.pixels, 1)), _CACHE // max(size, 1)), 1))


@functools.lru_cache(128)
def convolution(n, c, h, w, o, kh, kw, stride, top, bottom, left, right):
    padded_h, padded_w = h + top + bottom, w + left + right
    ho, wo = (padded_h - kh) // stride + 1, (padded_w - kw) // stride + 1
    is_padded = (h, w) != (padded_h, padded_w)
    return Convolution(
        n, h, w, c, top, left, padded_h, padded_w, kh, kw, stride, ho, wo, o,
        ho * wo, kh * kw * c, padded_h * padded_w * c, is_padded, not is_padded and (h, w) == (kh, kw),
    )


@njit(**OPTIONS)
def crop_image(padded, image, conv, x):
    """Copy the inside of a padded image to image number ``image`` of x; zeros where the padded image is smaller."""
    row = min(conv.w, conv.padded_w - conv.left) * conv.c
    for i in range(conv.h):
        source = ((conv.top + i) * conv.padded_w + conv.left) * conv.c
        target = (image * conv.h + i) * conv.w * conv.c
        inside = row if conv.top + i < conv.padded_h else 0
        for k in range(inside):
            x[target + k] = padded[source + k]
        for k in range(inside, conv.w * conv.c):
            x[target + k] = 0


@njit(**OPTIONS)
def padded_images(x, first, count, conv, padded):
    """``count`` images from the first on, copied into ``padded``; without padding (``padded`` is empty) a view of x.

    An image is copied as far as it fits; the padding is zero already.
    """
    if padded.size == 0:
        return x[first * conv.padded_size : (first + count) * conv.padded_size]
    row = min(conv.w, conv.padded_w - conv.left) * conv.c
    for n in range(count):
        for i in range(min(conv.h, conv.padded_h - conv.top)):
            source = ((first + n) * conv.h + i) * conv.w * conv.c
            target = n * conv.padded_size + ((conv.top + i) * conv.padded_w + conv.left) * conv.c
            for k in range(row):
                padded[target + k] = x[source + k]
    return padded
