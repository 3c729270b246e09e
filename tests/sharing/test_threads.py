"""Objects shared by threads give the bits of one thread; what excludes each other is refused by name."""
import sys
import threading

import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np.attacks import registry
from sdpadv_np.errors import BusyError, FileError
from sdpadv_np.nn import reading
from sdpadv_np.training import threads as blas


def blas_threads():
    """The number of threads of each BLAS library; [] without threadpoolctl."""
    pytest.importorskip("threadpoolctl")
    return [library.get_num_threads() for library in blas._libraries()]


def together(*jobs):
    """Run the jobs at the same time, one thread each; their results, or the first error."""
    results, barrier = [None] * len(jobs), threading.Barrier(len(jobs))

    def run(k, job):
        barrier.wait()
        try:
            results[k] = job()
        except BaseException as error:
            results[k] = error

    workers = [threading.Thread(target=run, args=(k, job)) for k, job in enumerate(jobs)]
    [w.start() for w in workers]
    [w.join() for w in workers]
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


@pytest.fixture(scope="module")
def few(glyphs):
    d = glyphs
    return d.x_train[:256], d.y_train[:256], d.x_val[:50], d.y_val[:50]


@pytest.fixture(scope="module")
def mixture(classifier, few, tmp_path_factory):
    """Everything that eight threads may do at once, on one classifier and one generator."""
    f, x, folder = classifier, few[0][:20], tmp_path_factory.mktemp("saved")
    generator = sd.attacks.SdpAdv(f).fit(*few, epochs=1, progress=False)

    def saved():
        path = folder / f"{threading.get_ident()}.h5"
        sd.save(f, path)
        return sd.load(path).logits(x).tobytes()

    jobs = {
        "predict": lambda: f.logits(few[0]).tobytes(),
        "distort": lambda: generator(x).tobytes(),
        "train a classifier": lambda: sd.models.ModelB(seed=3).fit(*few, epochs=1, progress=False).store.data.tobytes(),
        "train a generator": lambda: sd.attacks.SdpAdv(f, seed=3).fit(
            *few, epochs=1, progress=False).generator.store.data.tobytes(),
        "evaluate": lambda: sd.evaluate(f, generator, x, few[1][:20]).accuracy,
        "save and load": saved,
        "recorded by hand": lambda: sd.grad(
            sd.ops.sum(f.logits(sd.Tensor(x))), [f.store.tensors["model_b/1/W"]])[0].data.tobytes(),
    }
    for name in ("FGSM", "PGD", "MIM"):
        jobs[name] = lambda attack=registry.find(name).make(f, eps=0.1): attack(x).tobytes()
    return jobs


def test_eight_threads_give_the_bits_of_one(mixture):
    alone = {name: job() for name, job in mixture.items()}
    names = [name for name in mixture for _ in range(8)]
    order = np.random.default_rng(0).permutation(len(names))
    shares = [[names[i] for i in order[k::8]] for k in range(8)]
    results = together(*(lambda share=share: [mixture[name]() for name in share] for share in shares))
    for share, got in zip(shares, results):
        assert [name for name, result in zip(share, got) if result != alone[name]] == []


def test_one_plan_in_several_threads():
    def step(x):
        t = sd.Tensor(x, requires_grad=True)
        return sd.grad(sd.ops.sum(sd.ops.exp(t * t)), [t])[0]

    plan, x = sd.Plan(step), np.random.default_rng(0).random((4, 50, 300))
    expected = [step(part).data for part in x]
    for results in together(*(lambda part=part: [plan(part) for _ in range(30)] for part in x)):
        assert len({r.tobytes() for r in results}) == 1
    for part, want in zip(x, expected):
        assert plan(part).tobytes() == want.tobytes()


def test_recording_is_seen_by_the_recording_thread_alone(classifier):
    seen = {}

    def step(x):
        seen["here"] = type(classifier.store.tensors["model_b/1/W"].data).__name__
        together(lambda: seen.update(there=type(classifier.store.tensors["model_b/1/W"].data).__name__))
        return classifier.logits(sd.Tensor(x))

    sd.Plan(step, [classifier.store])(np.zeros((2, 1, 28, 28), np.float32))
    assert seen == {"here": "Recorded", "there": "ndarray"}
    assert type(classifier.store.tensors["model_b/1/W"].data) is np.ndarray


class Waiting(sd.nn.Network):
    """A network whose training waits in its first step until ``go_on`` is set."""

    def __call__(self, x, training=False):
        if training and not self.reached.is_set():
            self.reached.set()
            assert self.go_on.wait(30)
        return super().__call__(x, training)


@pytest.fixture
def in_training(few):
    """A model that is trained in another thread during the test."""
    model = sd.models.ModelB()
    network = model.network
    network.__class__, network.reached, network.go_on = Waiting, threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: model.fit(*few, epochs=1, progress=False))
    thread.start()
    assert network.reached.wait(30)
    yield model
    network.go_on.set()
    thread.join()
    model.fit(*few, epochs=1, progress=False)  # free again


def test_what_excludes_a_training_is_refused_and_predicting_is_not(in_training, few, tmp_path):
    model, x = in_training, few[0][:4]
    refused = {
        "model_b is being trained already": [lambda: model.fit(*few, epochs=1, progress=False)],
        "model_b is being trained by another thread": [
            lambda: sd.attacks.SdpAdv(model).fit(*few, epochs=1, progress=False),
            lambda: sd.attacks.PGD(model)(x), lambda: sd.save(model, tmp_path / "f.h5"),
        ],
    }
    for words, jobs in refused.items():
        for job in jobs:
            with pytest.raises(BusyError, match=words + ".*copy.deepcopy"):
                job()
    assert model.predict(x).shape == (4,) and not (tmp_path / "f.h5").exists()


def test_a_refused_training_changes_nothing_that_is_told_of_the_model(in_training, few, tmp_path):
    told = list(in_training.history), dict(in_training.settings), dict(in_training.made)
    with pytest.raises(BusyError):
        in_training.fit(*few, epochs=99, progress=False)
    assert (list(in_training.history), dict(in_training.settings), dict(in_training.made)) == told
    assert told[1]["epochs"] == 1
    attack = sd.attacks.SdAdv(sd.models.ModelB()).fit(*few, epochs=1, progress=False, checkpoint=tmp_path / "c.h5")
    with pytest.raises(FileError, match="epochs"):
        attack.fit(*few, epochs=2, progress=False, checkpoint=tmp_path / "c.h5")
    assert attack(few[0][:2]).shape == (2, 1, 28, 28) and attack.generator.settings["epochs"] == 1


@pytest.mark.parametrize("shape", ((1, 28, 28), (3, 8, 8)), ids=str)
def test_two_fits_of_one_attack_are_refused_whatever_makes_its_generator(shape):
    x, y = np.full((8, *shape), 0.5, np.float32), np.arange(8)
    attack, started, go_on = None, threading.Event(), threading.Event()

    def logits(x):
        if attack is not None and threading.current_thread() is not threading.main_thread():
            started.set()
            assert go_on.wait(30)
        return x.reshape(len(x), -1)[:, :10]

    attack = sd.attacks.SdAdv(sd.models.ExternalClassifier(logits, lambda x, g: np.zeros_like(x)))
    worker = threading.Thread(target=lambda: attack.fit(x, y, x, y, epochs=1, progress=False))
    worker.start()
    assert started.wait(30)
    try:
        for job in (lambda: attack.fit(x, y, x, y, epochs=1, progress=False), lambda: attack(x)):
            with pytest.raises(BusyError, match="this SdAdv is being trained"):
                job()
    finally:
        go_on.set()
        worker.join()
    assert attack(x).shape == x.shape


def interrupted_at(name, job):
    """Run ``job``, interrupted where a function of this name begins."""
    def trace(frame, event, _):
        if event == "call" and frame.f_code.co_name == name:
            sys.settrace(None)
            raise KeyboardInterrupt

    sys.settrace(trace)
    try:
        with pytest.raises(KeyboardInterrupt):
            job()
    finally:
        sys.settrace(None)


WHERE = ("__exit__", "training", "reading", "block", "_set", "finish", "verify", "restore", "_run")


@pytest.mark.parametrize("where", WHERE)
def test_an_interruption_anywhere_leaves_nothing_locked_set_or_recording(where, few):
    before, model = blas_threads(), sd.models.ModelB()
    interrupted_at(
        where, lambda: (model.fit(*few, epochs=1, progress=False), sd.attacks.PGD(model, steps=3)(few[0][:2])))
    model.fit(*few, epochs=1, progress=False)
    assert type(model.predict(few[0][:2])) is np.ndarray and blas_threads() == before and not blas._blas.open.now()
    together(lambda: sd.attacks.PGD(model, steps=2)(few[0][:2]),
             lambda: sd.models.ModelB().fit(*few, epochs=1, progress=False))
    together(lambda: model.fit(*few, epochs=1, progress=False))


def test_a_model_in_use_is_not_trained(classifier, few):
    other = sd.models.ModelB()

    def fit():
        other.fit(*few, epochs=1, progress=False)

    with reading(other):
        with pytest.raises(BusyError, match="model_b is in use by another thread"):
            together(fit)
        fit()  # the thread that reads may train: it knows what it does
    together(fit)


@pytest.mark.parametrize("order", ("first in first out", "last in first out"))
def test_blas_is_set_back_when_the_last_training_ends(order):
    if not blas_threads():
        pytest.skip("no BLAS whose threads can be set")
    before = blas_threads()
    first, second = threading.Event(), threading.Event()
    inside = threading.Barrier(3)

    def block(leave):
        with blas.one_blas_thread():
            inside.wait(30)
            assert leave.wait(30)

    workers = [threading.Thread(target=block, args=(leave,)) for leave in (first, second)]
    [w.start() for w in workers]
    inside.wait(30)
    assert set(blas_threads()) == {1}
    leaves = [first, second] if order == "first in first out" else [second, first]
    leaves[0].set()
    workers[[first, second].index(leaves[0])].join()
    assert set(blas_threads()) == {1}
    leaves[1].set()
    [w.join() for w in workers]
    assert blas_threads() == before


def test_another_s_classifier_may_call_something_of_its_own_store(few):
    class Shop:
        store, image_shape, classes = "downtown", (1, 28, 28), 10

        def logits(self, x):
            return sd.ops.reshape(x, shape=(len(x), -1))[:, :10]

    attack = sd.attacks.SdAdv(Shop()).fit(*(part[:16] for part in few), epochs=1, batch_size=8, progress=False)
    assert attack(few[0][:2]).shape == sd.attacks.PGD(Shop(), steps=2)(few[0][:2]).shape == (2, 1, 28, 28)
