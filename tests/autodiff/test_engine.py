"""The backward pass: what is reached, in which order, who owns the memory."""
import gc
import threading

import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import Tensor, ops
from sdpadv_np.errors import ArgumentError, GraphError, OperationError
from sdpadv_np.nn import Dense, Network, ParameterStore


def leaf(*values, dtype=np.float64):
    return Tensor(np.array(values, dtype), requires_grad=True)


def test_a_value_used_twice_gets_both_contributions():
    x = leaf(1.0, 2.0)
    (x * x + x).sum().backward()
    np.testing.assert_array_equal(x.grad, [3.0, 5.0])


def test_contributions_do_not_corrupt_each_other():
    """add hands the same array to both inputs; adding in place to one must not change the other."""
    a, b = leaf(1.0), leaf(2.0)
    c = a + b
    (c + a + a + a).sum().backward()
    np.testing.assert_array_equal([a.grad, b.grad], [[4.0], [1.0]])


def test_grad_accumulates_over_backward_calls_and_is_nobody_elses_array():
    a, b, seed = leaf(1.0), leaf(2.0), np.array([1.0])
    (a + b).backward(seed)
    assert a.grad is not b.grad and not np.shares_memory(a.grad, b.grad) and not np.shares_memory(a.grad, seed)
    (a * 3).sum().backward()
    np.testing.assert_array_equal([a.grad, b.grad, seed], [[4.0], [1.0], [1.0]])


def test_intermediate_gradients_are_not_accumulated():
    x = leaf(3.0)
    y = x * x
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [12.0])
    assert y.grad is None


def test_backward_twice_says_how_to():
    x = leaf(1.0)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(GraphError, match="retain_graph=True"):
        y.backward()


def test_grad_of_an_intermediate_result():
    x = leaf(2.0)
    y = x * x
    dy, dx = sd.grad((y * y).sum(), [y, x])
    assert (dy.item(), dx.item()) == (8.0, 32.0)


def test_grad_computes_only_what_was_asked_for():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    seen = []

    class Listener:
        def backward(self, tensor, index, contribution):
            seen.append(tensor.inputs[index])

    with sd.hooks(Listener()):
        sd.grad((x * w).sum(), [x])
    assert any(t is x for t in seen) and not any(t is w for t in seen)


def test_an_input_without_a_path_gets_zeros():
    x, z = leaf(1.0), leaf(5.0, 6.0)
    for graph in (False, True):
        _, dz = sd.grad((x * x).sum() + (z * 0).sum(), [x, z], create_graph=graph)
        np.testing.assert_array_equal(dz.data, [0.0, 0.0])
    with pytest.raises(GraphError, match="requires_grad"):
        sd.grad((x * x).sum(), [Tensor(np.ones(1))])


def test_third_derivative():
    x = leaf(1.5)
    (d1,) = sd.grad((x**4).sum(), [x], create_graph=True)
    assert d1.requires_grad and not sd.grad((x**4).sum(), [x])[0].requires_grad
    (d2,) = sd.grad(d1.sum(), [x], create_graph=True)
    (d3,) = sd.grad(d2.sum(), [x])
    np.testing.assert_allclose([d1.item(), d2.item(), d3.item()], [4 * 1.5**3, 12 * 1.5**2, 24 * 1.5])


def test_gradient_penalty_of_a_linear_critic_of_norm_one_is_zero(rng):
    w = rng.standard_normal((5, 1))
    w /= np.linalg.norm(w)
    W, x = Tensor(w, requires_grad=True), Tensor(rng.standard_normal((7, 5)), requires_grad=True)
    (g,) = sd.grad((x @ W).sum(), [x], create_graph=True)
    penalty = ((ops.sqrt((g * g).sum(axis=1)) - 1) ** 2).mean()
    assert penalty.item() < 1e-30
    np.testing.assert_allclose(sd.grad(penalty, [W])[0].data, 0, atol=1e-15)


def test_a_hundred_thousand_operations_leave_nothing_behind():
    x = leaf(1.0, 1.0)
    (x * 1.0).sum().backward()
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        y = x
        for _ in range(100_000):
            y = y * 1.0
        y.sum().backward()
        del y
        y = x
        for _ in range(100_000):  # dropped without a backward pass
            y = y + 1.0
        del y
        assert len(gc.get_objects()) - before <= 2
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_no_grad_and_its_thread():
    x, recorded = leaf(1.0), []
    with sd.no_grad():
        assert not (x * x).requires_grad
        thread = threading.Thread(target=lambda: recorded.append((x * x).requires_grad))
        thread.start()
        thread.join()
    assert recorded == [True] and (x * x).requires_grad


def test_hooks_see_forward_and_every_contribution():
    x, events = leaf(2.0), []

    class Listener:
        def forward(self, tensor):
            events.append(tensor.op.name)

        def backward(self, tensor, index, contribution):
            events.append((tensor.op.name, index, float(contribution.sum())))

    with sd.hooks(Listener()):
        (x * x).sum().backward()
    assert events == ["mul", "sum", ("sum", 0, 1.0), ("mul", 0, 2.0), ("mul", 1, 2.0)]


def test_errors_name_operation_place_shapes_and_remedy():
    x = leaf(1.0, 2.0)
    with pytest.raises(OperationError, match=r"add\(float64\[2\], float64\[3\]\).*counted from the right"):
        x + np.ones(3)
    with pytest.raises(OperationError, match="float32 mixed with a wider operand"):
        Tensor(np.ones(2, np.float32)) * np.ones(2)
    with pytest.raises(GraphError, match=r"shape \[2\].*sum\(\) or mean\(\)"):
        (x * x).backward()
    with pytest.raises(GraphError, match="does not depend on any Tensor"):
        Tensor(np.ones(())).backward()
    with pytest.raises(OperationError, match=r"where\(.*not differentiable in this input"):
        ops.where(Tensor(np.ones(1), requires_grad=True), x, x).sum().backward()


def test_a_failure_in_the_backward_pass_names_the_line_that_made_the_result(monkeypatch):
    def broken(*_):
        raise ValueError("spoilt")

    x = leaf(1.0)
    y = ops.tanh(x)  # this line
    monkeypatch.setitem(y.op.__dict__, "vjps", (broken,))
    with pytest.raises(OperationError, match=r"tanh\(float64\[1\]\) \(made at .*test_engine.py:\d+\): spoilt"):
        y.sum().backward()


def test_tensors_refuse_what_would_go_wrong_silently():
    x = leaf(1.0)
    with pytest.raises(TypeError, match="in place"):
        x += 1
    with pytest.raises(TypeError, match="in place"):
        x[0] = 1
    with pytest.raises(TypeError, match="truth"):
        bool(x)
    with pytest.raises(TypeError, match="ambiguous"):
        x == x  # noqa: B015
    with pytest.raises(ArgumentError, match="int64.*astype"):
        Tensor(np.arange(3), requires_grad=True)
    with pytest.raises(ArgumentError, match="complex"):
        Tensor(np.ones(2, complex))
    assert {x: 1}[x] == 1


def test_arrays_and_tensors_mix_in_any_order():
    x, a = leaf(2.0, 4.0), np.array([1.0, 2.0])
    row = np.array([[1.0, 1.0]])
    for value in (a + x, a - x, a * x, a / x, x - a, 3 - x, 1 / x, row @ x.reshape(2, 1), -x, abs(x), x**2):
        assert isinstance(value, Tensor) and value.dtype == np.float64
    np.testing.assert_array_equal((a - x).data, [-1.0, -2.0])
    np.testing.assert_array_equal((x > 3), [False, True])


def test_python_numbers_become_float32():
    assert Tensor([1.0, 2.0]).dtype == np.float32 and Tensor(np.array([1.0])).dtype == np.float64


def test_outside_arrays_are_taken_without_a_copy():
    class Foreign:
        def __init__(self, array):
            self.array = array
            self.__array_interface__ = array.__array_interface__

    a = np.ones(3, np.float32)
    assert np.shares_memory(Tensor(Foreign(a)).data, a)

    class Capsule:
        def __dlpack__(self, **options):
            return a.__dlpack__(**options)

        def __dlpack_device__(self):
            return a.__dlpack_device__()

    assert np.shares_memory(Tensor(Capsule()).data, a)


def test_positional_and_keyword_parameters_mean_the_same():
    x = leaf(1.0, 2.0).reshape(1, 2)
    assert ops.sum(x, 1, True).shape == ops.sum(x, axis=1, keepdims=True).shape == (1, 1)
    assert ops.sum(x.data, 1, True).shape == (1, 1)
    with pytest.raises(OperationError, match="unexpected keyword"):
        ops.sum(x, axes=1)


def test_what_a_forward_saves_is_used_once_and_released(rng, monkeypatch):
    """affine_sample saves its derivatives for the backward pass if theta needs a gradient, and no longer."""
    x, theta = rng.random((2, 1, 4, 4)), np.tile(np.eye(2, 3), (2, 1, 1)) + 0.1
    wanted = Tensor(theta, requires_grad=True)
    y = sd.ops.affine_sample(x, wanted)
    assert y.saved.shape == (2, 2, 1, 4, 4)
    used = []
    backward = sd.kernels.affine_sample.backward

    def recorded(*arrays, derivatives, **more):
        used.append(derivatives)
        return backward(*arrays, derivatives=derivatives, **more)

    monkeypatch.setattr(sd.kernels.affine_sample, "backward", recorded)
    saved = y.saved
    y.sum().backward()
    assert used[0] is saved and y.saved is None
    assert sd.ops.affine_sample(Tensor(x, requires_grad=True), theta).saved is None  # only the image wants one
    with sd.no_grad():
        assert sd.ops.affine_sample(x, wanted).saved is None


def test_parameters_used_twice_get_both_contributions(rng):
    """The second must not be written over the first, which lies in the store's buffer already."""
    network = Network("n", [Dense(3, 4)])
    store, gradients, batches = ParameterStore([network], 0), [], rng.standard_normal((2, 5, 3)).astype(np.float32)
    losses = [ops.sum(ops.square(network(Tensor(batch)))) for batch in batches]
    for loss in (*losses, losses[0] + losses[1]):
        store.differentiate(loss)
        gradients.append(store.gradient.copy())
    np.testing.assert_allclose(gradients[2], gradients[0] + gradients[1], rtol=1e-5)
