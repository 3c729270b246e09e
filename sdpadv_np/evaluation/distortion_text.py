"""The mean spatial distortion of images by an attack, as figures and as a short text."""
from __future__ import annotations

import numpy as np

from .. import xp
from .distortion import describe_flow, describe_theta

_SEARCHED = 100  # images for which STM and stAdv, which search for each image, are run again
_FORMATS = {
    "rotation": "{:.0f}°", "scale_x": "x {:.0f} %", "scale_y": "y {:.0f} %", "shear": "shear {:.0f}°",
    "shift": "{:.1f} px", "flow": "flow {:.2f} px",
}


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
