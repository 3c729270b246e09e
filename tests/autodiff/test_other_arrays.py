"""Arrays of another module: every operation, to second order, and every plan, on CuPy's arrays or on a stand-in that is
as strict.
"""
import numpy as np
import pytest
from every_operation import CASES, two_orders

import sdpadv_np as sd
from sdpadv_np import Plan, Tensor, ops, xp
from sdpadv_np.autodiff.registry import OPS
from sdpadv_np.errors import ArgumentError, OperationError, PlanError


def host(values):
    return [xp.to_numpy(v.data if isinstance(v, Tensor) else v) for v in values]


def close(got, want, tolerance=1e-10):
    for a, b in zip(host(got), host(want), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def moved(value, cupy):
    """The arrays of a sample, also those among its parameters, on the GPU."""
    if isinstance(value, np.ndarray):
        return cupy.asarray(value)
    if isinstance(value, (tuple, list)):
        return type(value)(moved(v, cupy) for v in value)
    return {k: moved(v, cupy) for k, v in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("name, number", CASES)
def test_every_operation_to_second_order(name, number, gpu):
    inputs, params = OPS[name].samples(np.random.default_rng(0))[number]
    want = two_orders(name, params)(*inputs)
    got = two_orders(name, moved(params, gpu.cupy))(*moved(inputs, gpu.cupy))
    assert all(isinstance(t.data, gpu.cupy.ndarray) for t in got)
    close(got, want)


# the definition's scatter counts by bincount, which waits for the GPU
WAITS = ("affine_sample", "flow_sample", "sample", "scatter")


@pytest.mark.filterwarnings("ignore:the step cannot be captured")
@pytest.mark.parametrize("name, number", CASES)
def test_every_operation_is_replayed(name, number, gpu):
    """Recorded, compared, captured into a graph where that can be, and replayed."""
    batches = [OPS[name].samples(np.random.default_rng(seed))[number] for seed in range(4)]
    params = batches[0][1]
    plan = Plan(two_orders(name, moved(params, gpu.cupy)))
    for inputs, _ in batches:
        close(plan(*moved(inputs, gpu.cupy)), two_orders(name, params)(*inputs))
    assert plan.calls > 0 and all((tape.graph is None) == (name in WAITS) for tape in plan._tapes.values())


def test_inputs_in_main_memory_are_moved_before_the_replay(gpu, rng):
    network = sd.nn.Network("n", [sd.nn.Dense(4, 3, "relu")])
    store = sd.nn.ParameterStore([network], 0, device="cuda")
    plan = Plan(lambda x, y, weight: ops.sum(ops.cross_entropy(network(Tensor(x)), labels=y)) * weight, [store])
    here = sd.nn.ParameterStore([same := sd.nn.Network("n", [sd.nn.Dense(4, 3, "relu")])], 0)
    np.testing.assert_array_equal(host([store.data]), host([here.data]))
    for k in range(4):
        x, y, weight = rng.standard_normal((5, 4)).astype(np.float32), rng.integers(0, 3, 5), np.array(
            k + 1, np.float32,
        )
        got = plan(x if k % 2 else gpu.cupy.asarray(x), y, weight)
        assert isinstance(got, gpu.cupy.ndarray)
        close([got], [(k + 1) * ops.cross_entropy(same(x), labels=y).sum()], 1e-5)
    (tape,) = plan._tapes.values()
    assert tape.graph is not None and all(isinstance(slot, gpu.cupy.ndarray) for slot in tape.slots)


def test_a_step_that_waits_is_replayed_call_by_call(gpu):
    plan = Plan(lambda x: x[x > 0] * 2)  # how many there are is not known before
    with pytest.warns(RuntimeWarning, match="cannot be captured into a CUDA graph"):
        for k in range(1, 5):
            close([plan(gpu.cupy.asarray(np.arange(-1.0, 2) * k))], [[2.0 * k]])


def test_what_is_frozen_is_found_out_there_too(gpu):
    calls = []

    def step(x):
        calls.append(1)
        return x * len(calls)

    plan = Plan(step)
    plan(gpu.cupy.asarray(np.ones(3)))
    with pytest.raises(PlanError, match="was frozen"):
        plan(gpu.cupy.asarray(np.full(3, 2.0)))


def test_arrays_that_are_mixed_are_refused(gpu):
    with pytest.raises((ArgumentError, OperationError, TypeError)):
        ops.mul(Tensor(gpu.cupy.asarray(np.ones(3))), np.ones(3))
