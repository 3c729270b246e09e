"""The epoch loop on a task with scores written down beforehand: every promise of training/loop.py, seen."""
import itertools
import sys

import numpy as np
import pytest
from scripted_task import Scripted, Stopped, after

from sdpadv_np import training
from sdpadv_np.errors import FileError, TrainingError

STEPS = 2  # of an epoch: 10 images, 4 at a time


def go(task, checkpoint=None, progress=False):
    return training.train(task, checkpoint, progress)


def without_time(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


@pytest.mark.parametrize(
    "scores, best",
    [((0.1, 0.9, 0.5), 1), ((0.9, 0.1, 0.5), 2), ((0.9, 0.5, 0.1), 3), ((0.5, 0.5, 0.5), 1), ((0.5, 0.4, 0.4), 2)]
)
def test_the_best_epoch_s_weights_are_left_in_the_task(scores, best):
    """The lowest score wins, and of equals the first."""
    task = Scripted(scores)
    weights = task.kept
    history = go(task)
    assert task.kept is weights, "the array that everybody holds is written into"
    np.testing.assert_array_equal(weights, after(3)[best - 1])
    assert history[-1]["best_epoch"] == best
    assert [row["best_epoch"] for row in history] == [1 + int(np.argmin(scores[: k + 1])) for k in range(3)]


def test_only_the_weights_go_back_to_the_best_epoch():
    task = Scripted((0.1, 0.9, 0.5))
    go(task)
    assert task.steps == 3 * STEPS


def test_history_has_the_figures_of_each_epoch():
    task = Scripted(loss=lambda epoch, step: 10.0 * epoch + step)
    history = go(task)
    assert without_time(history) == [
        {
            "epoch": e + 1, "loss": 10.0 * e + 1.5, "badness": (0.1, 0.9, 0.5)[e], "steps": STEPS * (e + 1),
            "best_epoch": 1
        } for e in range(3)
    ]
    assert all(0 <= row["seconds"] < 10 for row in history) and task.validated == 3


def test_each_epoch_has_an_order_of_its_own_which_seed_and_number_decide():
    first, again, other = Scripted(seed=1), Scripted(seed=1), Scripted(seed=2)
    for task in (first, again, other):
        go(task)
    assert first.chosen == again.chosen
    for a, b in itertools.combinations([*first.chosen, *other.chosen], 2):
        assert a != b, "two epochs saw the images in one order"


@pytest.mark.parametrize(
    "count, batch_size, sizes", [(10, 4, [4, 4]), (8, 4, [4, 4]), (3, 4, [3]), (10, 10, [10]), (10, 1, [1] * 10)]
)
def test_no_image_comes_twice_and_the_last_incomplete_batch_is_left_out(count, batch_size, sizes):
    task = Scripted(count=count, batch_size=batch_size)
    go(task)
    for steps in task.chosen:
        assert [len(chosen) for chosen in steps] == sizes
        seen = sum(steps, [])
        assert len(set(seen)) == len(seen) and set(seen) <= set(range(count))
    if sum(sizes) < count:  # what one epoch leaves out another sees
        assert len({frozenset(sum(steps, [])) for steps in task.chosen}) > 1


@pytest.mark.parametrize("stop_after", range(3 * STEPS))
def test_a_killed_training_goes_on_as_if_nothing_had_happened(tmp_path, stop_after):
    whole = Scripted()
    history = go(whole)
    with pytest.raises(Stopped):
        go(Scripted(stop_after=stop_after), tmp_path / "c.h5")
    assert (tmp_path / "c.h5").exists() == (stop_after >= STEPS), "a checkpoint at the end of every epoch"
    resumed = Scripted()
    again = go(resumed, tmp_path / "c.h5")
    assert without_time(again) == without_time(history)
    assert resumed.kept.tobytes() == whole.kept.tobytes() and resumed.steps == whole.steps
    done = stop_after // STEPS
    assert resumed.chosen == [[]] * done + whole.chosen[done:], "epochs that were done are not done again"
    assert resumed.validated == 3 - done


def test_the_checkpoint_holds_the_best_epoch_s_weights_beside_the_last_one_s(tmp_path):
    with pytest.raises(Stopped):
        go(Scripted((0.1, 0.9, 0.5), stop_after=2 * STEPS), tmp_path / "c.h5")
    finished = Scripted((0.1, 0.9, 0.5), stop_after=3 * STEPS)
    go(finished, tmp_path / "c.h5")
    np.testing.assert_array_equal(finished.kept, after(1)[0])
    np.testing.assert_array_equal(
        finished.chosen[2], [order.tolist() for order in np.split(np.random.default_rng([0, 2]).permutation(10)[:8], 2)]
    )


def test_a_finished_training_does_no_step_and_gives_the_same(tmp_path):
    first = Scripted((0.9, 0.1, 0.5))
    history = go(first, tmp_path / "c.h5")
    again = Scripted((0.9, 0.1, 0.5), stop_after=3 * STEPS)
    assert go(again, tmp_path / "c.h5") == history
    assert again.kept.tobytes() == first.kept.tobytes() and again.chosen == [[], [], []] and again.validated == 0


def test_more_epochs_are_other_settings(tmp_path):
    go(Scripted((0.9, 0.1)), tmp_path / "c.h5")
    with pytest.raises(FileError, match="epochs = 2, now it is 3"):
        go(Scripted((0.9, 0.1, 0.5)), tmp_path / "c.h5")


@pytest.mark.parametrize("loss", (np.nan, np.inf, -np.inf))
@pytest.mark.parametrize("epoch, step", [(1, 1), (1, 2), (3, 2)])
def test_a_loss_that_is_none_is_named_with_epoch_and_step(loss, epoch, step):
    task = Scripted(loss=lambda e, s: loss if (e + 1, s) == (epoch, step) else 1.0)
    with pytest.raises(TrainingError, match=f"scripted: loss is {loss} in epoch {epoch}, step {step}"):
        go(task)
    assert task.steps == (epoch - 1) * STEPS + step


def test_lines_say_the_epoch_its_figures_and_the_time_left(capsys, monkeypatch):
    # each look at the clock 10 s after the last
    monkeypatch.setattr("sdpadv_np.training.progress.time.monotonic", itertools.count(0, 10).__next__)
    go(Scripted(), progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "scripted: epoch 1/3  loss 1  badness 0.1  steps 2  [10 s, 20 s left]",
        "scripted: epoch 2/3  loss 2  badness 0.9  steps 4  [20 s, 10 s left]",
        "scripted: epoch 3/3  loss 3  badness 0.5  steps 6  [30 s, 0 s left]",
    ]


def test_the_time_left_of_a_resumed_training_is_told_by_what_it_did_itself(tmp_path, capsys, monkeypatch):
    with pytest.raises(Stopped):
        go(Scripted(stop_after=STEPS), tmp_path / "c.h5")
    monkeypatch.setattr("sdpadv_np.training.progress.time.monotonic", itertools.count(0, 10).__next__)
    go(Scripted(), tmp_path / "c.h5", progress=True)
    assert "epoch 2/3" in (line := capsys.readouterr().err.splitlines()[0]) and line.endswith("[10 s, 10 s left]")


def test_the_bar_counts_every_step(monkeypatch):
    bars = []

    class Bar:
        def __init__(self, total, initial, **_):
            self.total, self.n = total, initial
            bars.append(self)

        def update(self, steps):
            self.n += steps

        def set_postfix_str(self, *_, **__):
            pass

        write = close = set_postfix_str

    monkeypatch.setattr("tqdm.tqdm", Bar)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    go(Scripted(), progress=True)
    assert [(bar.n, bar.total) for bar in bars] == [(3 * STEPS, 3 * STEPS)]
