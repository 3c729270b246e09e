"""The calls traced from kernels, replayed on other numbers, do the same."""
import functools

import numpy as np
import pytest

from sdpadv_np.kernels import activation, adam, affine_sample, clip, dense, flow_sample, logit_loss, perturb
from sdpadv_np.kernels.runtime.tracing import calls_made_by, execute, traceable

IDENTITY = np.eye(2, 3).reshape(6)
CALLS = {  # kernel's function, shapes of its arrays, settings, shapes of its results
    **{f"dense {n}x{k}x{o} {act}": (dense.forward, [(n, k), (k, o), (o,)], {"activation": act}, (n, o))
       for n, k, o in ((128, 200, 96), (9, 8, 7)) for act in activation.ACTIVATIONS},
    **{f"dense input gradient {n}x{k}x{o}": (dense.input_gradient, [(n, o), (k, o)], {}, (n, k))
       for n, k, o in ((128, 200, 96), (9, 8, 7))},
    **{f"dense weight gradient {n}x{k}x{o}": (dense.weight_gradient, [(n, o), (n, k)], {}, (k, o))
       for n, k, o in ((128, 200, 96), (9, 8, 7))},
    **{f"{act} backward": (activation.backward, [(4, 5), (4, 5)], {"activation": act}, (4, 5))
       for act in activation.ACTIVATIONS},
    "clip backward": (clip.backward, [(4, 5), (4, 5)], {"low": -0.1, "high": 0.2}, (4, 5)),
    "perturb": (perturb.forward, [(4, 5), (4, 5)], {"eps": 0.2}, (4, 5)),
    "perturb backward": (perturb.backward, [(4, 5)] * 3, {"eps": 0.2}, ((4, 5), (4, 5))),
    "affine": (affine_sample.forward, [(3, 1, 9, 9), (3, 6)], {}, (3, 1, 9, 9)),
    "affine with derivatives": (
        affine_sample.forward, [(3, 1, 9, 9), (3, 6)], {"derivatives": True}, ((3, 1, 9, 9), (3, 2, 1, 9, 9))),
    "affine backward": (affine_sample.backward, [(3, 1, 9, 9), (3, 1, 9, 9), (3, 6)], {}, ((3, 1, 9, 9), (3, 6))),
    "flow": (flow_sample.forward, [(3, 1, 9, 9), (3, 2, 9, 9)], {}, (3, 1, 9, 9)),
    "flow backward": (
        flow_sample.backward, [(3, 1, 9, 9), (3, 1, 9, 9), (3, 2, 9, 9)], {}, ((3, 1, 9, 9), (3, 2, 9, 9))),
}


def strided(shape, dtype):
    return np.zeros((*shape, 2), dtype)[..., 0]


def _each(value, function):
    return tuple(map(function, value)) if isinstance(value[0], tuple) else function(value)


@pytest.mark.parametrize("dtype", (np.float32, np.float64))
@pytest.mark.parametrize("make_input, make_output", [(np.zeros, np.zeros), (strided, np.zeros), (np.zeros, strided)])
@pytest.mark.parametrize("name", CALLS)
def test_replayed_calls_compute_the_same(rng, name, make_input, make_output, dtype):
    function, shapes, settings, results = CALLS[name]
    arrays = [make_input(shape, dtype) for shape in shapes]
    out = _each(results, lambda shape: make_output(shape, dtype))

    def fill():
        for array in arrays:
            array[...] = rng.standard_normal(array.shape)
            if array.shape[1:] == (6,):
                array[...] = IDENTITY + 0.1 * array

    fill()
    calls = calls_made_by(functools.partial(function.__wrapped__, out=out, **settings), *arrays)
    for _ in range(2):
        fill()
        for call, arguments in calls:
            call(*arguments)
        expected = function(*arrays, out=_each(results, lambda shape: make_output(shape, dtype)), **settings)
        out_, expected = (value if isinstance(value, tuple) else (value,) for value in (out, expected))
        for got, want in zip(out_, expected):
            assert got.tobytes() == want.tobytes()


@pytest.mark.parametrize("labels", (np.int64, np.int32))
@pytest.mark.parametrize("loss", (logit_loss.cross_entropy, logit_loss.margin))
def test_losses_are_replayed_with_current_labels(rng, loss, labels):
    z, y = np.zeros((9, 4), np.float32), np.zeros(9, labels)
    out = np.zeros(9, np.float32), np.zeros((9, 4), np.float32)
    calls = calls_made_by(functools.partial(loss.__wrapped__, out=out), z, y)
    for _ in range(2):
        z[...], y[...] = rng.standard_normal(z.shape), rng.integers(0, 4, 9)
        for call, arguments in calls:
            call(*arguments)
        for got, want in zip(out, loss(z, y)):
            assert got.tobytes() == want.tobytes()
    y[3] = 4
    with pytest.raises(IndexError, match="label 4 of row 3 is no class"):
        for call, arguments in calls:
            call(*arguments)


def test_adam_is_replayed_with_the_current_rate_and_count(rng):
    arrays = [rng.standard_normal(50).astype(np.float32) for _ in range(4)]
    arrays[3] **= 2
    state = [*arrays, np.zeros((), np.int64), np.array(0.1)]
    other = [a.copy() for a in state]
    calls = calls_made_by(adam.step.__wrapped__, *state, 0.9, 0.999, 1e-8)
    adam.step(*other, 0.9, 0.999, 1e-8)
    state[5][...] = other[5][...] = 0.02
    for call, arguments in calls:
        call(*arguments)
    adam.step(*other, 0.9, 0.999, 1e-8)
    for a, b in zip(state, other):
        assert a.tobytes() == b.tobytes()


def test_checks_are_not_replayed():
    if not dense.implementations()["numba"]:
        pytest.skip(f"dense on numba: {dense.why_not('numba')}")
    x, W, b, y = (np.ones(shape, np.float32) for shape in ((9, 8), (8, 7), 7, (9, 7)))
    forward = functools.partial(dense.forward.__wrapped__, implementation="numba", out=y)
    calls = calls_made_by(forward, x, W, b)
    assert [call for call, _ in calls] == [np.dot, np.add]


def test_a_kernel_that_calls_another_is_replayed_whole():
    @traceable
    def inner(x, out=None):
        execute((np.negative, (x, out)))
        return out

    @traceable
    def outer(x, out=None):
        return inner(x + 1, out=out)

    x, y = np.arange(3.0), np.empty(3)
    ((call, arguments),) = calls_made_by(functools.partial(outer.__wrapped__, out=y), x)
    x += 1
    call(*arguments)
    assert y.tolist() == [-2, -3, -4]
