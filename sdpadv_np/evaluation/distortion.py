"""The spatial distortion of an image as angles in degrees, shifts in pixels and scales in per cent."""
from __future__ import annotations

import numpy as np

from .. import checks
from ..errors import ArgumentError


def describe_theta(theta, size) -> dict[str, np.ndarray]:
    """Affine distortions theta of images of ``size`` (H, W), decomposed: a dict of float64 arrays (N,).

    theta : (N, 6) or (N, 2, 3), output to input positions in [-1, 1], as SdpAdv and affine_sample have it

    The movement of the picture is the inverse of theta. In pixels it is split into a rotation times a symmetric matrix
    (polar decomposition): the picture is first scaled and sheared, then rotated.

    rotation : degrees, counter-clockwise
    shift_right, shift_down : pixels that the picture's centre moves
    scale_x, scale_y : per cent; 100 is unchanged, a negative scale_x is a mirror image
    shear : degrees by which the picture's right angle between x and y is narrowed

    The entries of a theta that flattens the picture (determinant 0) are NaN.

    >>> import numpy as np
    >>> from sdpadv_np.evaluation.distortion import describe_theta
    >>> theta = np.array([[1, 0, 0.2, 0, 0.8, 0]])  # read 0.2 further to the right, and 0.8 as far from the middle row
    >>> {name: round(float(value[0]), 2) + 0.0 for name, value in describe_theta(theta, (28, 28)).items()}
    {'rotation': 0.0, 'shift_right': -2.8, 'shift_down': 0.0, 'scale_x': 100.0, 'scale_y': 125.0, 'shear': 0.0}
    """
    theta = np.asarray(theta, np.float64)
    if theta.ndim not in (2, 3) or theta.shape[1:] not in ((6,), (2, 3)):
        raise ArgumentError(f"theta has shape {theta.shape}; expected (N, 6) or (N, 2, 3)")
    height, width = (checks.whole("size", n) for n in size)
    theta = theta.reshape(-1, 2, 3)
    pixels = np.array([width / 2, height / 2])  # per unit of u and v
    matrix, offset = theta[:, :, :2] * pixels[:, None] / pixels, theta[:, :, 2] * pixels
    determinant = matrix[:, 0, 0] * matrix[:, 1, 1] - matrix[:, 0, 1] * matrix[:, 1, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        entries = [matrix[:, 1, 1], -matrix[:, 0, 1], -matrix[:, 1, 0], matrix[:, 0, 0]]
        adjugate = np.stack(entries, axis=1).reshape(-1, 2, 2)
        moved = np.where(determinant[:, None, None] == 0, np.nan, adjugate / determinant[:, None, None])
    mirror = np.where(determinant < 0, -1.0, 1.0)
    moved[:, :, 0] *= mirror[:, None]
    angle = np.arctan2(moved[:, 1, 0] - moved[:, 0, 1], moved[:, 0, 0] + moved[:, 1, 1])  # clockwise, for y points down
    c, s = np.cos(angle), np.sin(angle)
    stretch = np.stack([c, s, -s, c], axis=1).reshape(-1, 2, 2) @ moved  # symmetric
    moved[:, :, 0] *= mirror[:, None]
    shift = -np.einsum("nij,nj->ni", moved, offset)
    x, y = stretch[:, :, 0], stretch[:, :, 1]
    lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    return {
        "rotation": np.degrees(-angle), "shift_right": shift[:, 0], "shift_down": shift[:, 1],
        "scale_x": 100 * stretch[:, 0, 0] * mirror, "scale_y": 100 * stretch[:, 1, 1],
        "shear": np.degrees(np.arcsin(np.clip((x * y).sum(axis=1) / lengths, -1, 1))),
    }


def describe_flow(flow) -> dict[str, np.ndarray]:
    """The lengths in pixels of the flow vectors of each image, from flows (N, 2, H, W): a dict of arrays (N,).

    mean, largest : over the vectors of the image

    >>> import numpy as np
    >>> from sdpadv_np.evaluation.distortion import describe_flow
    >>> describe_flow(np.stack([np.full((1, 2, 2), 3.0), np.full((1, 2, 2), 4.0)], axis=1))
    {'mean': array([5.]), 'largest': array([5.])}
    """
    flow = np.asarray(flow)
    if flow.ndim != 4 or flow.shape[1] != 2 or flow.size == 0:
        raise ArgumentError(f"flow has shape {flow.shape}; expected (N, 2, H, W)")
    length = np.hypot(flow[:, 0].astype(np.float64), flow[:, 1])
    return {"mean": length.mean(axis=(1, 2)), "largest": length.max(axis=(1, 2))}
