"""Recorded steps: the same bits as the step itself, for every operation; and each way in which a replay could lie."""
import gc

import numpy as np
import pytest
from every_operation import CASES, two_orders

import sdpadv_np as sd
from sdpadv_np import Plan, Tensor, ops
from sdpadv_np.autodiff.registry import OPS
from sdpadv_np.errors import OperationError, PlanError
from sdpadv_np.kernels import adam


def same(got, want):
    for a, b in zip(got, want, strict=True):
        a, b = (getattr(v, "data", v) if isinstance(v, Tensor) else v for v in (a, b))
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_array_equal(
            np.asarray(a).view(f"u{a.dtype.itemsize}"), np.asarray(b).view(f"u{a.dtype.itemsize}"),
        )


def arrays(values):
    return [v.data.copy() for v in values]


@pytest.mark.parametrize("dtype", (np.float32, np.float64))
@pytest.mark.parametrize("name, number", CASES)
def test_every_operation_is_replayed_to_the_bit(name, number, dtype):
    """Forward, gradients by the ordinary pass, and gradients of gradients, on three batches of other data."""
    op = OPS[name]
    batches = []
    for seed in range(3):
        inputs, params = op.samples(np.random.default_rng(seed))[number]
        batches.append([a.astype(dtype) if a.dtype.kind == "f" else a for a in inputs])
    step = two_orders(name, params)
    plan = Plan(step)
    for inputs in batches:
        same(plan(*inputs), arrays(step(*inputs)))
    assert plan.calls > 0


def squares(x):
    t = Tensor(x, requires_grad=True)
    return {"loss": ops.sum(t * t), "gradient": sd.grad(ops.sum(t * t), [t])[0]}


def test_results_are_the_caller_s_to_keep_and_inputs_are_copied():
    plan, x = Plan(squares), np.array([1.0, 2.0], np.float32)
    kept = [plan(x * k) for k in range(1, 5)]
    assert [float(r["loss"]) for r in kept] == [5, 20, 45, 80]
    kept[0]["gradient"][:] = 7
    x[:] = 9
    assert plan(np.array([1.0, 2.0], np.float32))["gradient"].tolist() == [2, 4]


def test_the_same_array_twice_and_strided_views():
    plan = Plan(lambda a, b: (a * b, a.T + b))
    rng = np.random.default_rng(0)
    for _ in range(3):
        a = rng.standard_normal((8, 8))[::2, ::2]
        same(plan(a, a), (a * a, a.T + a))
        same(plan(a.T, a), (a.T * a, a + a))


def test_other_shapes_and_dtypes_have_plans_of_their_own_and_old_ones_go():
    plan = Plan(squares)
    for n in (1, 2, 3, 2, 3, 1, 4, 5, 6, 7):
        for dtype in (np.float32, np.float64):
            assert float(plan(np.ones(n, dtype))["loss"]) == n
    assert plan.bytes < 4 * 8 * (7 * 10)


def frozen_number(x):
    frozen_number.calls += 1
    return x * frozen_number.calls


def frozen_branch(x):
    frozen_branch.calls += 1
    return x * 2 if frozen_branch.calls < 2 else x * 3


_RNG = np.random.default_rng(0)
_SEEN = []


def frozen_draw(x):
    return x + _RNG.standard_normal(x.shape)


def frozen_array(x):
    _SEEN.append(1)
    return x + np.full(3, len(_SEEN))


def made_outside(x):
    total = np.zeros(3)  # NumPy itself makes it: replays go on adding to the same array
    np.add.at(total, np.array([0, 0, 2]), x)
    return x + total


@pytest.mark.parametrize("step", (frozen_number, frozen_branch, frozen_draw, frozen_array, made_outside))
def test_what_would_be_frozen_is_found_out_on_the_second_batch(step):
    step.calls = 0
    plan = Plan(step)
    plan(np.ones(3))
    with pytest.raises(PlanError, match="was frozen"):
        plan(np.full(3, 2.0))


@pytest.mark.parametrize(
    "ask",
    (float, bool, int, lambda t: t.item(), np.asarray, list, lambda t: 1 if t > 0 else 2, lambda t: np.zeros(4)[t]),
)
def test_a_step_that_asks_for_a_number_is_refused(ask):
    with pytest.raises(PlanError, match="it would be frozen"):
        Plan(lambda x: x * ask(x[0]))(np.ones(3))


@pytest.mark.parametrize("result", (3.0, np.ones(2), "text", None))
def test_a_result_that_depends_on_no_input_is_refused(result):
    with pytest.raises(PlanError, match="return arrays or Tensors"):
        Plan(lambda x: result)(np.ones(3))


def test_an_error_in_the_step_leaves_nothing_recording():
    def step(x):
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        Plan(step)(np.ones(3))
    with pytest.raises(OperationError, match="matmul"):
        Plan(lambda x: ops.matmul(Tensor(x), x))(np.ones((2, 3)))
    assert Plan(squares)(np.ones(2))["loss"] == 2


def test_arrays_that_are_made_and_changed_begin_anew_each_time():
    def step(g, index):
        total = ops.place(g, index=index, shape=(5,))
        return total + total

    plan, index = Plan(step), np.array([0, 0, 3])
    for k in range(4):
        assert plan(np.full(3, 1.0 + k), index).tolist() == [4 + 4 * k, 0, 0, 2 + 2 * k, 0]


def test_labels_are_inputs(rng):
    plan = Plan(lambda z, y: (ops.cross_entropy(z, labels=y), ops.log_softmax(z)[:, 1]))
    for _ in range(4):
        z, y = rng.standard_normal((6, 4)), rng.integers(0, 4, 6)
        same(plan(z, y), (ops.cross_entropy(z, labels=y), ops.log_softmax(z)[:, 1]))


def test_parameters_are_read_where_they_lie_also_by_what_is_made_of_them_alone(rng):
    network = sd.nn.Network("n", [sd.nn.Dense(4, 3, "relu")])
    store = sd.nn.ParameterStore([network], 0)

    def step(x):
        W = network.tensors[0]["W"]
        return ops.sum(network(Tensor(x))) + ops.sum(W * W)  # the penalty depends on no input

    plan = Plan(step, [store])
    for k in range(4):
        store.data *= 1 + k
        x = rng.standard_normal((5, 4)).astype(np.float32)
        same([plan(x)], [step(x).data])
    assert isinstance(network.tensors[0]["W"].data, np.ndarray)


def test_a_whole_training_is_the_same_to_the_bit(glyphs):
    """Weights, both moments, step count and learning rate live in arrays; with and without a plan nothing differs."""
    d, weights = glyphs, []
    for planned in (True, False):
        model = sd.models.ModelB()
        task = sd.models.classifier.ClassifierTraining(model, d.x_train, d.y_train, d.x_val, d.y_val, 2, 64, 1e-3, 0)
        if not planned:
            task.plan = lambda x, y: task.learn(x, y).data
        losses = [task.step(np.arange(64 * k, 64 * k + 64), 0)["loss"] for k in range(20)]
        weights.append(
            (model.store.data.copy(), task.optimiser.m, task.optimiser.v, task.optimiser.t, np.array(losses))
        )
    same(*weights)


def test_sdpadv_s_step_is_the_same_to_the_bit(glyphs, classifier):
    from sdpadv_np.attacks.sdpadv_training import SdpAdvTraining

    d, ends = glyphs, []
    for planned in (True, False):
        task = SdpAdvTraining(sd.attacks.SdpAdv(classifier), d.x_train, d.y_train, d.x_val, d.y_val, 5, 32)
        if not planned:
            task.plan = lambda *inputs: {k: v.data for k, v in task.learn(*inputs).items()}
        figures = [list(task.step(np.arange(32 * k, 32 * k + 32), k // 4).values()) for k in range(20)]
        ends.append((np.array(figures), *(a.copy() for a in task.state().values())))
    same(*ends)


def test_kernels_that_take_only_the_caller_s_arrays_are_recorded_too():
    p, g, m, v, t = (np.ones(3, np.float32) for _ in range(4)), None, None, None, np.zeros((), np.int64)
    p, g, m, v = p

    def step(x):
        np.copyto(g, x)
        adam.step(p, g, m, v, t, 0.1, 0.9, 0.999, 1e-8)
        return x * 1

    plan, x = Plan(step), np.ones(3, np.float32)
    for k in range(5):
        plan(x)
        assert t == k + 1


def test_memory_is_that_of_the_step_and_does_not_grow(glyphs):
    import tracemalloc

    def deep(x):
        for _ in range(50):
            x = np.exp(-x) + 1
        return x

    plan, x = Plan(deep), np.ones(1000)
    for _ in range(3):
        plan(x)
    assert plan.calls == 150 and plan.bytes <= 5 * x.nbytes  # 150 results, in a handful of buffers
    tracemalloc.start()
    plan(x)
    before = tracemalloc.take_snapshot()
    for _ in range(200):
        plan(x)
    gc.collect()
    grown = sum(s.size_diff for s in tracemalloc.take_snapshot().compare_to(before, "filename"))
    tracemalloc.stop()
    assert grown < 20_000


def test_listeners_hear_every_step(rng):
    heard = []

    class Listener:
        def forward(self, tensor):
            heard.append(tensor.op)

    plan = Plan(squares)
    for _ in range(3):
        plan(np.ones(2))
    with sd.hooks(Listener()):
        result = plan(np.full(2, 3.0))
    assert heard and result["loss"] == 18


def test_a_plan_within_a_plan_is_part_of_it():
    inner = Plan(squares)
    outer = Plan(lambda x: inner(x)["loss"] * 2)
    for k in range(4):
        assert outer(np.array([1.0, k])) == 2 * (1 + k * k)


def test_a_plan_that_was_never_called():
    with pytest.raises(PlanError, match="has not been called"):
        _ = Plan(squares).calls
