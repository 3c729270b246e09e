"""What an affine distortion does, in words: degrees, per cent, pixels."""
from __future__ import annotations

import numpy as np

_FEW = 100


def readable(theta, width: int = 28) -> dict[str, float]:
    """Means over the images of what theta (N, 6), in the order (a, b, e, c, d, f), does to what is seen.

    rotation : degrees, without sign
    size : per cent of the original's (square root of the area)
    stretch : per cent by which the longer axis grew against the shorter
    shift : pixels by which the centre moved

    theta maps output positions to input positions, so the picture itself is moved by its inverse.
    A singular theta has no inverse; it counts as one of determinant 1e-6.

    >>> import numpy as np
    >>> readable(np.array([[2.0, 0, 0.5, 0, 2.0, 0]]))  # samples twice as far apart: half the size
    {'rotation': 0.0, 'size': 50.0, 'stretch': 0.0, 'shift': 3.5}
    """
    m = np.asarray(theta, np.float64).reshape(-1, 2, 3)
    (a, b, e), (c, d, f) = m[:, 0].T, m[:, 1].T
    longer, shorter = np.linalg.svd(m[:, :, :2], compute_uv=False).T
    area = np.maximum(np.abs(a * d - b * c), 1e-6)
    figures = {
        "rotation": np.degrees(np.abs(np.arctan2(c - b, a + d))),
        "size": 100 / np.sqrt(area),
        "stretch": 100 * (longer / np.maximum(shorter, 1e-6) - 1),
        "shift": np.hypot(d * e - b * f, a * f - c * e) / area * width / 2,
    }
    return {name: round(float(v.mean()), 3) for name, v in figures.items()}


def of(attack, x, y=None) -> dict[str, float] | None:
    """The readable distortion of images x by ``attack``; None if it does not distort.

    Of generators with a spatial step that of :func:`readable`; of STM rotation and shift, of stAdv
    the mean length of its flow in pixels, both on the first hundred images, because they are searched for again.
    """
    generator = getattr(attack, "generator", attack)
    if getattr(generator, "spatial", False):
        return readable(generator.theta(x), x.shape[-1])
    few, labels = x[:_FEW], None if y is None else y[:_FEW]
    if hasattr(attack, "transformation"):
        dx, dy, angle = attack.transformation(few, labels, progress=False).T
        shift = np.hypot(dx * x.shape[-1], dy * x.shape[-2]) * (2 if attack.shift_twice else 1)
        return {"rotation": round(float(np.abs(angle).mean()), 3), "shift": round(float(shift.mean()), 3)}
    if hasattr(attack, "flow"):
        flow = np.asarray(attack.flow(few, labels, progress=False), np.float64)
        return {"flow": round(float(np.hypot(flow[:, 0], flow[:, 1]).mean()), 3)}
    return None


def text(figures: dict[str, float] | None) -> str:
    """One short cell of a table: "12°, size 91 %, stretch 20 %, 2.1 px"; empty for None."""
    words = {"rotation": "{:.0f}°", "size": "size {:.0f} %", "stretch": "stretch {:.0f} %", "shift": "{:.1f} px", "flow": "flow {:.2f} px"}
    return ", ".join(words[name].format(value) for name, value in (figures or {}).items())
