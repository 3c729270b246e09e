"""What every training promises to the epoch loop, asked of each in turn."""
import json

import numpy as np
import pytest
from scripted_task import Stopped
from tiny import tiny

import sdpadv_np as sd
from sdpadv_np import training
from sdpadv_np.models.classifier import ClassifierTraining
from sdpadv_np.models.distillation import _Distillation
from sdpadv_np.nn import ParameterStore

EPOCHS, BATCH = 6, 16
LR = {"lr": 5e-3}


def classifier_task(kind):
    def make():
        t = tiny((1, 28, 28))
        return ClassifierTraining(kind(), t.x, t.y, t.x_val, t.y_val, EPOCHS, BATCH, 1e-3, 0)

    return make


def defence_task(defence):
    def make():
        t = tiny((1, 28, 28))
        return defence._training(sd.models.ModelB(), t.x, t.y, t.x_val, t.y_val, EPOCHS, BATCH, 1e-3, 0)

    return make


def distillation():
    t = tiny((1, 28, 28))
    p, p_val = t.classifier.probabilities(t.x), t.classifier.probabilities(t.x_val)
    return _Distillation(sd.models.ModelB(seed=1), t.x, p, t.x_val, p_val, EPOCHS, BATCH, 1e-3, 0)


def attack_task(attack, shape=(1, 8, 8), **parameters):
    def make():
        t = tiny(shape)
        return attack(t.classifier, **{**LR, **parameters})._training(t.x, t.y, t.x_val, t.y_val, EPOCHS, BATCH)

    return make


TASKS = {
    "Model A": classifier_task(sd.models.ModelA),
    "Model B": classifier_task(sd.models.ModelB),
    "distillation": distillation,
    "AdvTrain": defence_task(sd.defences.AdvTrain(eps=0.05)),
    "AffineAugmentation": defence_task(sd.defences.AffineAugmentation()),
    "SdpAdv": attack_task(sd.attacks.SdpAdv),
    "SdpAdv minimax, l2": attack_task(
        sd.attacks.SdpAdv, gan_loss="minimax", projection="l2", objective="cross_entropy"
    ),
    "SdpAdv with a target": attack_task(sd.attacks.SdpAdv, target=2),
    "SdAdv": attack_task(sd.attacks.SdAdv),
    "AdvGAN": attack_task(sd.attacks.AdvGAN),
    "SdpAdvPlus": attack_task(sd.attacks.SdpAdvPlus),
    "ATN": attack_task(sd.attacks.ATN),
    "ATN aae": attack_task(sd.attacks.ATN, form="aae", target=2),
    "ConvAdvGAN": attack_task(sd.attacks.ConvAdvGAN, (1, 24, 24)),
}
CLASSIFIERS = ("Model A", "Model B", "distillation", "AdvTrain", "AffineAugmentation")
# the loss that falls from the first to the last epoch, if not L_adv
FALLS = {"ATN aae": "L_x", "ATN": "L_y", **dict.fromkeys(CLASSIFIERS, "loss")}
SLOW = ("Model A", "ConvAdvGAN")
every_task = pytest.mark.parametrize("name", TASKS)


def run(task, checkpoint=None, stop_at=None):
    """The history; ``stop_at`` (epoch from 0, step) ends it as a kill would. ``task.seen``: its (epoch, images)."""
    step, task.seen = task.step, []

    def watched(chosen, epoch):
        if (epoch, sum(e == epoch for e, _ in task.seen)) == stop_at:
            raise Stopped
        task.seen.append((epoch, chosen.tolist()))
        return step(chosen, epoch)

    task.step = watched
    return training.train(task, checkpoint, progress=False)


def bits(task):
    return {name: array.tobytes() for name, array in task.state().items()}


def without_time(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


@pytest.fixture(scope="module")
def whole():
    """Each task's whole training, done once: (task, history, the weights' bits)."""
    done = {}

    def get(name):
        if name not in done:
            task = TASKS[name]()
            done[name] = task, run(task), bits(task)
        return done[name]

    return get


@every_task
def test_settings_survive_a_file(name):
    task = TASKS[name]()
    settings = task.settings()
    assert json.loads(json.dumps(settings, allow_nan=False)) == settings
    assert {"epochs", "batch_size", "seed", "count"} <= settings.keys()
    methods = {"SdpAdvPlus": "SdpAdv", **dict.fromkeys(CLASSIFIERS)}
    assert settings.get("method") == methods.get(name, name.split()[0].strip(","))


@every_task
def test_the_state_is_live_and_holds_the_weights(name):
    task = TASKS[name]()
    arrays = task.state()
    before = bits(task)
    assert any(np.shares_memory(task.weights(), a) for a in arrays.values())
    task.step(np.arange(BATCH), 0)
    assert all(a is b for a, b in zip(arrays.values(), task.state().values(), strict=True))
    changed = {k for k, a in arrays.items() if a.tobytes() != before[k]}
    assert changed == set(arrays), "everything in it changes in a step, or it need not be there"


@every_task
def test_whatever_parameters_it_holds_are_said_to_be_trained(name):
    """So that nobody else uses them meanwhile."""
    task = TASKS[name]()
    for store in (value for value in vars(task).values() if isinstance(value, ParameterStore)):
        assert any(store is trained for trained in task.trains)


@every_task
def test_resumed_after_each_epoch_it_ends_with_the_same_bits(name, whole, tmp_path):
    task, history, state = whole(name)
    for epoch in (4,) if name in SLOW else (1, 3, EPOCHS - 1):
        checkpoint = tmp_path / f"{epoch}.h5"
        with pytest.raises(Stopped):
            run(TASKS[name](), checkpoint, stop_at=(epoch, 2))
        resumed = TASKS[name]()
        again = run(resumed, checkpoint)
        assert bits(resumed) == state and without_time(again) == without_time(history)
        assert resumed.seen == [(e, chosen) for e, chosen in task.seen if e >= epoch]


@every_task
def test_it_lets_go_of_its_plan(name, whole):
    """Which knows the task, as the task knows it: together they would hold the data until the collector comes."""
    assert whole(name)[0].plan is None


@every_task
def test_it_learns(name, whole):
    history = whole(name)[1]
    key = FALLS.get(name, "L_adv")
    course = [row[key] for row in history]
    assert course[-1] < (0.9 * course[0] if course[0] > 0 else course[0] - 0.1), course


LOSSES = {
    **dict.fromkeys(CLASSIFIERS, {"loss"}),
    **dict.fromkeys(
        ("SdpAdv", "SdpAdv minimax, l2", "SdpAdv with a target", "SdpAdvPlus"),
        {"L_adv", "L_theta", "L_eta", "L_GAN", "L_D"}
    ),
    **dict.fromkeys(("AdvGAN", "ConvAdvGAN"), {"L_adv", "L_eta", "L_GAN", "L_D"}), "SdAdv": {"L_adv", "L_theta"},
    "ATN": {"L_x", "L_y"}, "ATN aae": {"L_x", "L_y"},
}


@every_task
def test_every_loss_is_in_the_history(name, whole):
    row = whole(name)[1][0]
    assert {key for key in row if key == "loss" or key.startswith("L_")} == LOSSES[name]


@every_task
def test_the_weights_are_those_of_the_best_epoch(name, whole):
    """Validated once more they give the figures of the best row."""
    task, history, _ = whole(name)
    best = history[history[-1]["best_epoch"] - 1]
    for key, value in task.validate().items():
        assert value == pytest.approx(best[key], rel=1e-6, abs=1e-9), key
    assert task.score(best) == min(task.score(row) for row in history)


@every_task
def test_a_step_is_told_which_images(name):
    """The same images give the same bits, others give others: images, labels, and what is wanted go together."""
    def after(chosen):
        task = TASKS[name]()
        losses = task.step(np.array(chosen), 0)
        return task.weights().tobytes(), {k: float(v) for k, v in losses.items()}

    order = np.arange(BATCH)
    assert after(order) == after(order)
    assert after(order) != after(order + BATCH)
    if name == "AffineAugmentation":
        return  # its random numbers belong to the positions in the batch
    first, second = after(order)[1], after(order[::-1])[1]
    for key, value in first.items():  # a mean over the batch, whatever its order
        assert value == pytest.approx(second[key], rel=1e-4, abs=1e-5), key


@pytest.mark.parametrize("name", [name for name in TASKS if name not in CLASSIFIERS])
def test_labels_count_unless_there_is_a_target(name):
    task, shifted = TASKS[name](), TASKS[name]()
    shifted.y = (shifted.y + 1) % 10
    a, b = ({k: float(v) for k, v in t.step(np.arange(BATCH), 0).items()} for t in (task, shifted))
    assert (a == b) == (task.attack.target is not None or name == "ATN"), "ATN aims by the classifier's answers"


@pytest.mark.parametrize("name", ["Model B", "distillation", "AdvTrain"])
def test_a_classifier_s_rate_falls_in_a_line_to_0(name):
    task, rates = TASKS[name](), []
    plan = task.plan
    task.plan = lambda *inputs: (rates.append(float(task.optimiser.lr)), plan(*inputs))[1]
    run(task)
    steps = EPOCHS * (task.count // BATCH)
    np.testing.assert_allclose(rates, 1e-3 * (1 - np.arange(steps) / steps), rtol=1e-6)


@pytest.mark.parametrize("epochs", (6, 30, 31))
def test_conv_advgan_s_rates_are_a_tenth_in_the_last_sixth(epochs):
    task, rates = TASKS["ConvAdvGAN"](), []
    task.epochs, task.plan = epochs, lambda *_: rates.append((float(task.optimiser.lr), float(task.d_optimiser.lr)))
    for epoch in range(epochs):
        task.step(np.arange(BATCH), epoch)
    first = -(-5 * epochs // 6)
    assert rates == [(5e-3, 5e-3)] * first + [(5e-3 * 0.1,) * 2] * (epochs - first)


def test_sdpadv_s_rates_stay_and_its_alpha_falls_with_the_epochs():
    t = tiny()
    task = sd.attacks.SdpAdv(
        t.classifier, lr=3e-3, lr_d=2e-4, alpha=4.0, alpha_decay=0.5, alpha_floor=0.3
    )._training(t.x, t.y, t.x_val, t.y_val, 20, 64)
    alphas = []
    task.plan = lambda x, y, alpha: alphas.append(float(alpha)) or {"L": float(task.optimiser.lr + task.d_optimiser.lr)}
    history = run(task)
    assert [row["L"] for row in history] == pytest.approx([3.2e-3] * 20)
    expected = [4.0, 4.0, 2.0, 2.0, 1.0, 1.0, 0.5, 0.5] + [0.3] * 12
    assert alphas == pytest.approx(np.repeat(expected, 2).tolist())


@pytest.mark.parametrize("name", [name for name in TASKS if name not in CLASSIFIERS])
def test_what_is_kept_is_the_lowest_accuracy_then_the_least_change(name):
    task = TASKS[name]()
    low, high, near = ({"validation accuracy": a, "L2sq": d} for a, d in ((0.1, 9.0), (0.9, 1.0), (0.1, 8.0)))
    if task.attack.target is not None:
        for figures in (low, high, near):
            figures["target reached"] = 1 - figures["validation accuracy"]
    assert sorted([high, low, near], key=task.score) == [near, low, high]


def test_the_attacked_classifier_is_not_changed():
    t = tiny((1, 28, 28))
    f = sd.models.ModelB()
    weights = f.store.data.copy()
    for attack in (sd.attacks.SdpAdv, sd.attacks.ATN, sd.attacks.ConvAdvGAN):
        run(attack(f)._training(t.x[:32], t.y[:32], t.x_val[:8], t.y_val[:8], 1, 16))
    assert f.store.data.tobytes() == weights.tobytes()
