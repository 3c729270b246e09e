"""What the tests of the CUDA samplers share: problems, and what is compared with the definitions."""
import numpy as np

from sdpadv_np.kernels.affine_sample import CONVENTIONS
from sdpadv_np.kernels.affine_sample import reference as affine
from sdpadv_np.kernels.flow_sample import reference as flow

SIZES = [((1, 1), (1, 1)), ((1, 5), (3, 1)), ((7, 3), (7, 3)), ((4, 6), (9, 2)), ((28, 28), (28, 28))]


def problem(rng, kernel, dtype, size, output=None, n=5, c=2):
    """g, x, and a theta or a flow whose positions keep away from whole pixels, the kinks."""
    output = output or size
    x, g = rng.standard_normal((n, c, *size)).astype(dtype), rng.standard_normal((n, c, *output)).astype(dtype)
    if kernel == "flow_sample":
        return g, x, (rng.integers(-3, 4, (n, 2, *size)) + rng.uniform(0.01, 0.99, (n, 2, *size))).astype(dtype)
    while True:
        theta = (np.eye(2, 3) + rng.uniform(-0.5, 0.5, (n, 2, 3))).astype(dtype)
        p = np.concatenate(
            [affine.positions(theta.astype(np.float64), size, output, convention) for convention in CONVENTIONS]
        )
        p = np.where(
            p.max(axis=(2, 3), keepdims=True) > p.min(axis=(2, 3), keepdims=True), p, 0.5
        )  # an axis of one pixel may not move
        if np.abs(p - np.round(p)).min() > 1e-5:
            return g, x, theta


def everything(module, kernel, g, x, move, convention="half_pixel"):
    """Values, derivatives, and the gradients by derivatives read anew and by derivatives kept."""
    if kernel == "flow_sample":
        y, derivatives = module.forward(x, move, derivatives=True)
        return [
            y,
            derivatives,
            *module.backward(g, x, move, (True, True)),
            *module.backward(g, x, move, (True, True), derivatives),
        ]
    y, derivatives = module.forward(x, move, convention, g.shape[2:], derivatives=True)
    return [
        y,
        derivatives,
        *module.backward(g, x, move, convention, (True, True)),
        *module.backward(g, x, move, convention, (True, True), derivatives),
    ]


def same_as_the_definition(got, kernel, g, x, move, **options):
    g, x, move = (a.astype(np.float64) for a in (g, x, move))
    for a, b in zip(
        got, everything(affine if kernel == "affine_sample" else flow, kernel, g, x, move, **options), strict=True
    ):
        assert a.shape == b.shape
        tolerance = 1e-5 if a.dtype == np.float32 else 1e-11
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1, np.abs(b).max()))
