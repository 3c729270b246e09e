"""What a spatial attack did to a set of images, in a few words: degrees, per cent, pixels."""
from __future__ import annotations

import numpy as np

from .. import xp
from .distortion import describe_flow, describe_theta

_FEW = 100
_WORDS = {"rotation": "{:.0f}°", "scale_x": "x {:.0f} %", "scale_y": "y {:.0f} %", "shear": "shear {:.0f}°", "shift": "{:.1f} px", "flow": "flow {:.2f} px"}


def of_theta(theta, size) -> dict[str, float]:
    """Means over the images of :func:`describe_theta`: rotation, shear and shift without sign; images that are flattened are left out.

    >>> import numpy as np
    >>> of_theta(np.array([[2.0, 0, 0.5, 0, 2.0, 0]]), (28, 28))  # samples twice as far apart: half the size
    {'rotation': 0.0, 'scale_x': 50.0, 'scale_y': 50.0, 'shear': 0.0, 'shift': 3.5}
    """
    each = describe_theta(theta, size)
    figures = {
        "rotation": np.abs(each["rotation"]), "scale_x": each["scale_x"], "scale_y": each["scale_y"], "shear": np.abs(each["shear"]),
        "shift": np.hypot(each["shift_right"], each["shift_down"]),
    }
    seen = np.isfinite(list(figures.values())).all(axis=0)
    return {name: round(float(values[seen].mean()), 3) for name, values in figures.items()} if seen.any() else {}


def of(attack, x, y=None) -> dict[str, float] | None:
    """The distortion of images x (N, C, H, W) by ``attack``, means over them; None if it does not distort.

    Of generators with a spatial step that of :func:`of_theta`; of STM rotation and shift, of stAdv the
    length of its flow, both on the first hundred images, because they are searched for again.
    """
    generator = getattr(attack, "generator", attack)
    if getattr(generator, "spatial", False):
        return of_theta(xp.to_numpy(generator.theta(x)), x.shape[2:])
    few, labels = x[:_FEW], None if y is None else y[:_FEW]
    if hasattr(attack, "transformation"):
        dx, dy, angle = xp.to_numpy(attack.transformation(few, labels, progress=False)).T
        shift = np.hypot(dx * x.shape[3], dy * x.shape[2]) * (2 if attack.shift_twice else 1)
        return {"rotation": round(float(np.abs(angle).mean()), 3), "shift": round(float(shift.mean()), 3)}
    if hasattr(attack, "flow"):
        return {"flow": round(float(describe_flow(xp.to_numpy(attack.flow(few, labels, progress=False)))["mean"].mean()), 3)}
    return None


def text(figures: dict[str, float] | None) -> str:
    """One short cell of a table, empty for None.

    >>> text({"rotation": 12.3, "scale_x": 91.0, "scale_y": 110.0, "shear": 2.0, "shift": 2.13})
    '12°, x 91 %, y 110 %, shear 2°, 2.1 px'
    """
    return ", ".join(_WORDS[name].format(value) for name, value in (figures or {}).items() if name in _WORDS)
