"""The spatial distortion of images: angles in degrees, shifts in pixels, scales in per cent; their means; as a text."""
from __future__ import annotations

import numpy as np

from .. import checks, xp
from ..errors import ArgumentError

_SEARCHED = 100  # images for which STM and stAdv, which search for each image, are run again
_FORMATS = {
    "rotation": "{:.0f}°", "scale_x": "x {:.0f} %", "scale_y": "y {:.0f} %", "shear": "shear {:.0f}°",
    "shift": "{:.1f} px", "flow": "flow {:.2f} px",
}


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


def mean_of_theta(theta, size) -> dict[str, float]:
    """Means over the images of :func:`describe_theta`: rotation, shear and shift as absolute values.

    theta (N, 6) or (N, 2, 3); size (H, W). Images that theta flattens are left out; {} if it flattens all.

    >>> import numpy as np
    >>> mean_of_theta(np.array([[2.0, 0, 0.5, 0, 2.0, 0]]), (28, 28))  # samples twice as far apart: half the size
    {'rotation': 0.0, 'scale_x': 50.0, 'scale_y': 50.0, 'shear': 0.0, 'shift': 3.5}
    """
    each = describe_theta(theta, size)
    figures = {
        "rotation": np.abs(each["rotation"]), "scale_x": each["scale_x"], "scale_y": each["scale_y"],
        "shear": np.abs(each["shear"]), "shift": np.hypot(each["shift_right"], each["shift_down"]),
    }
    finite = np.isfinite(list(figures.values())).all(axis=0)
    return {name: round(float(values[finite].mean()), 3) for name, values in figures.items()} if finite.any() else {}


def mean_distortion(attack, x, y=None) -> dict[str, float] | None:
    """The mean distortion of images x (N, C, H, W) by ``attack``; None for an attack that does not distort.

    Generators with a spatial step give :func:`mean_of_theta`, STM the rotation and shift, stAdv the length of
    its flow; the last two on the first hundred images only, because they search again.
    """
    generator = getattr(attack, "generator", attack)
    if getattr(generator, "spatial", False):
        return mean_of_theta(xp.to_numpy(generator.theta(x)), x.shape[2:])
    x, y = x[:_SEARCHED], None if y is None else y[:_SEARCHED]
    if hasattr(attack, "transformation"):
        dx, dy, angle = xp.to_numpy(attack.transformation(x, y, progress=False)).T
        shift = np.hypot(dx * x.shape[3], dy * x.shape[2]) * (2 if attack.shift_twice else 1)
        return {"rotation": round(float(np.abs(angle).mean()), 3), "shift": round(float(shift.mean()), 3)}
    if hasattr(attack, "flow"):
        length = describe_flow(xp.to_numpy(attack.flow(x, y, progress=False)))["mean"]
        return {"flow": round(float(length.mean()), 3)}
    return None


def text(figures: dict[str, float] | None) -> str:
    """``figures`` as one cell of a table; "" for None.

    >>> text({"rotation": 12.3, "scale_x": 91.0, "scale_y": 110.0, "shear": 2.0, "shift": 2.13})
    '12°, x 91 %, y 110 %, shear 2°, 2.1 px'
    """
    return ", ".join(_FORMATS[name].format(value) for name, value in (figures or {}).items() if name in _FORMATS)
