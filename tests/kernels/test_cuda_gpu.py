"""On a GPU: the CUDA implementations through the public functions, against the definitions."""
import types

import numpy as np
import pytest
from samplers import SIZES, everything, problem, same_as_the_definition

from sdpadv_np.kernels import affine_sample, flow_sample

pytestmark = pytest.mark.gpu
KERNELS = {"affine_sample": affine_sample, "flow_sample": flow_sample}


@pytest.fixture(params=("cuda", "numba-cuda"))
def gpu(request):
    """gpu(kernel): forward and backward of the implementation, which take and give NumPy arrays."""
    for kernel in KERNELS.values():
        if not kernel.implementations()[request.param]:
            pytest.skip(f"{request.param} cannot run here: {kernel.why_not(request.param)}")
    import cupy

    def moved(function, kernel):
        def call(*arguments, **options):
            if kernel == "affine_sample" and function == "backward":
                *arrays, convention, needs = arguments[:5]
                options |= {
                    "convention": convention,
                    "needs": needs,
                    "derivatives": arguments[5] if len(arguments) > 5 else None,
                }
            elif kernel == "affine_sample":
                *arrays, convention, size = arguments
                options |= {"convention": convention, "size": size}
            elif function == "backward":
                *arrays, needs = arguments[:4]
                options |= {"needs": needs, "derivatives": arguments[4] if len(arguments) > 4 else None}
            else:
                arrays = arguments
            options = {key: cupy.asarray(a) if isinstance(a, np.ndarray) else a for key, a in options.items()}
            got = getattr(KERNELS[kernel], function)(
                *map(cupy.asarray, arrays), implementation=request.param, **options
            )
            return tuple(None if a is None else a.get() for a in got) if isinstance(got, tuple) else got.get()

        return call

    return lambda kernel: types.SimpleNamespace(forward=moved("forward", kernel), backward=moved("backward", kernel))


@pytest.mark.parametrize("dtype", (np.float32, np.float64))
@pytest.mark.parametrize("size, output", [*SIZES, ((64, 96), (64, 96))])
@pytest.mark.parametrize("convention", affine_sample.CONVENTIONS)
def test_affine_equals_the_definition(rng, gpu, convention, dtype, size, output):
    g, x, theta = problem(rng, "affine_sample", dtype, size, output)
    same_as_the_definition(
        everything(gpu("affine_sample"), "affine_sample", g, x, theta, convention),
        "affine_sample",
        g,
        x,
        theta,
        convention=convention,
    )


@pytest.mark.parametrize("dtype", (np.float32, np.float64))
@pytest.mark.parametrize("size", ((1, 1), (1, 5), (28, 28), (224, 224), (300, 301)))
def test_flow_equals_the_definition(rng, gpu, dtype, size):
    g, x, move = problem(rng, "flow_sample", dtype, size)
    if max(size) > 28 and dtype == np.float32:
        move = np.round(move * 64) / 64  # or positions around 300 would be rounded
        move[move % 1 == 0] += 0.5
    same_as_the_definition(
        everything(gpu("flow_sample"), "flow_sample", g, x, move.astype(dtype)), "flow_sample", g, x, move
    )


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("size", ((28, 28), (300, 301)))
def test_same_bits_twice(rng, gpu, kernel, size):
    n = 64 if size[0] < 100 else 3
    g, x = rng.standard_normal((2, n, 2, *size)).astype(np.float32)
    move = (
        rng.standard_normal((n, 2, *size))
        if kernel == "flow_sample"
        else np.eye(2, 3) + rng.uniform(-0.5, 0.5, (n, 2, 3))
    )
    move = move.astype(np.float32)
    first, second = (everything(gpu(kernel), kernel, g, x, move) for _ in range(2))
    assert [a.tobytes() for a in first] == [a.tobytes() for a in second]
