"""What the second call of a plan compares: results and every array that the step changes; and what it leaves when they
differ.
"""
import numpy as np
import pytest

from sdpadv_np import Plan, ops
from sdpadv_np.autodiff.plan import MOST
from sdpadv_np.errors import PlanError
from sdpadv_np.kernels import adam
from sdpadv_np.nn import Dense, Network, ParameterStore


def x(k):
    return np.array([k, 2.0 * k], np.float32)


class Changing:
    """A step whose results are right, while a number that grows from call to call is frozen in what it changes."""

    def __init__(self, how):
        self.how, self.calls = how, 0
        self.held = np.zeros(2, np.float32)
        self.store = ParameterStore([Network("n", [Dense(2, 2)])], 0)
        self.adam = [np.zeros(2, np.float32), np.zeros(2, np.float32), np.zeros((), np.int64)]

    def __call__(self, value):
        self.calls += 1
        self.how(self, value)
        return value * 2

    def state(self):
        return [self.held.copy(), self.store.data.copy(), *(a.copy() for a in self.adam)]


def by_out(step, value):
    np.add(step.held, value * step.calls, out=step.held)


def by_item(step, value):
    step.store.tensors["n/0/b"].data[...] = value * step.calls


def by_copyto(step, value):
    np.copyto(step.held, value * step.calls)


def by_kernel(step, value):
    adam.step(step.held, value * 1, *step.adam, 0.1 * step.calls, 0.9, 0.999, 1e-8)


def in_one_element_by_one_bit(step, value):
    np.add(step.held, value * 0 + np.float32(1e-45) * (step.calls > 1), out=step.held)


@pytest.mark.parametrize("how", (by_out, by_item, by_copyto, by_kernel, in_one_element_by_one_bit))
def test_a_number_frozen_in_what_the_step_changes_is_found_out(how):
    step, alone = Changing(how), Changing(how)
    plan = Plan(step, [step.store])
    for k in (1, 2):
        alone(x(k))
    np.testing.assert_array_equal(plan(x(1)), x(2))
    with pytest.raises(PlanError, match="an array that the step changes, shape"):
        plan(x(2))
    for got, want in zip(step.state(), alone.state(), strict=True):
        assert got.tobytes() == want.tobytes(), "what the step itself does is what is left"


@pytest.mark.parametrize("how", (by_out, by_copyto, by_kernel))
def test_the_same_step_with_the_number_as_an_input_passes(how):
    class Honest(Changing):
        def __call__(self, value, calls):
            if how is by_kernel:
                adam.step(self.held, value * calls, *self.adam, 0.1, 0.9, 0.999, 1e-8)
            elif how is by_out:
                np.add(self.held, value * calls, out=self.held)
            else:
                np.copyto(self.held, value * calls)
            return value * 2

    step, alone = Honest(how), Honest(how)
    plan = Plan(step)
    for k in range(1, 6):
        np.testing.assert_array_equal(plan(x(k), np.float32(k)), alone(x(k), np.float32(k)))
        for got, want in zip(step.state(), alone.state(), strict=True):
            assert got.tobytes() == want.tobytes(), k


@pytest.mark.parametrize("which", (0, 1, 2))
def test_each_of_several_results_is_compared(which):
    calls = [0]

    def step(value):
        calls[0] += 1
        results = [value * 2, value * 3, value * 4]
        results[which] = results[which] * calls[0]
        return {"a": results[0], "b": (results[1], ops.exp(results[2]))}

    plan = Plan(step)
    plan(x(0.1))
    with pytest.raises(PlanError, match="differs in a result, shape"):
        plan(x(0.2))


def test_a_plan_that_was_found_wrong_stays_wrong():
    """Its third call must not replay what failed at the second."""
    step = Changing(by_out)
    plan = Plan(step)
    plan(x(1))
    with pytest.raises(PlanError):
        plan(x(2))
    held = step.held.copy()
    result = plan(x(3))  # recorded anew, with the number of this call
    np.testing.assert_array_equal(result, x(6))
    np.testing.assert_array_equal(step.held, held + x(3) * step.calls)


def test_every_signature_is_verified_by_itself():
    calls = [0]

    def step(value):
        calls[0] += 1
        return value * (1 if len(value) == 2 else calls[0])

    plan = Plan(step)
    for _ in range(3):
        plan(x(1))
    plan(np.ones(3, np.float32))
    with pytest.raises(PlanError):
        plan(np.ones(3, np.float32))
    np.testing.assert_array_equal(plan(x(5)), x(5))


def test_memory_is_that_of_the_inputs_and_of_what_is_held_at_one_time():
    def chain(value):
        for _ in range(10):
            value = value * 2  # each result is dropped for the next: two buffers do for all
        return value

    plan = Plan(chain)
    for n in (100, 300):
        plan(np.ones(n, np.float32))
    assert plan.bytes == 4 * 3 * (100 + 300)


def test_inputs_of_any_layout_are_no_mistake_of_the_step(rng):
    """Sums are taken in the order of memory, so that another layout has other bits: the step is compared on inputs laid
    out as the plan has them.
    """
    def step(value):
        return value.sum(axis=0), value.sum(axis=1), value.sum()

    ways = (np.ascontiguousarray, np.asfortranarray, lambda a: a[:, ::-1], lambda a: np.repeat(a, 2, axis=1)[:, ::2])
    for first in ways:
        plan = Plan(step)
        for arrange in (first, *ways, *ways):
            given = arrange(rng.standard_normal((97, 103)).astype(np.float32))
            for got, want in zip(plan(given), step(given), strict=True):
                np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-3)
        for _ in range(2):
            # dense, in the order of axes that the plan was made with
            given = np.array(first(rng.standard_normal((97, 103)).astype(np.float32)))
            for got, want in zip(plan(given), step(given), strict=True):
                assert np.asarray(got).tobytes() == np.asarray(want).tobytes()


def added_at(value):
    sums = np.zeros_like(value)
    np.add.at(sums, np.array([1, 1]), value)
    return sums


@pytest.mark.parametrize(
    "step, expected", [(added_at, lambda k: [0, 3 * k]), (lambda value: value.mean(axis=0), lambda k: 1.5 * k)],
)
def test_these_are_replayed_as_they_are(step, expected):
    """Adding in place into a fresh array, which begins anew in each replay; a mean that does not keep its axis."""
    plan = Plan(step)
    for k in range(1, 5):
        np.testing.assert_array_equal(plan(x(k)), expected(k))


def test_as_many_shapes_are_kept_as_is_said():
    """Each is recorded once, and replayed from its third call on, while there are no more of them; one more takes the
    place of the oldest.
    """
    calls = []
    plan = Plan(lambda value: (calls.append(len(value)), value * 2)[1])

    def three_times_each(sizes):
        calls.clear()
        for size in 3 * list(sizes):
            plan(np.ones(size, np.float32))
        return len(calls)

    assert three_times_each(range(1, MOST + 1)) == 2 * MOST
    assert three_times_each(range(11, 12 + MOST)) == 3 * (MOST + 1)
