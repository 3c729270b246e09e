"""Copies, and what comes out of a pickle: the same behaviour, and independent of the original."""
import copy
import pickle

import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np.attacks import registry
from sdpadv_np.optim import Adam

WAYS = {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": lambda obj: pickle.loads(pickle.dumps(obj))}
DEEP = {name: WAYS[name] for name in ("deepcopy", "pickle")}
W = np.random.default_rng(0).standard_normal((784, 10)).astype(np.float32)


def logits(x):
    return x.reshape(len(x), -1) @ W


def vjp(x, g):
    return (g @ W.T).reshape(x.shape)


@pytest.fixture(scope="module")
def few(glyphs):
    d = glyphs
    return d.x_train[:256], d.y_train[:256], d.x_val[:50], d.y_val[:50]


@pytest.fixture(params=WAYS)
def way(request):
    return WAYS[request.param]


def weights(obj):
    return getattr(obj, "generator", obj).store.data


@pytest.mark.parametrize("make", (sd.models.ModelA, sd.models.ModelB), ids=lambda m: m.__name__)
def test_a_classifier_s_copy_learns_what_it_would_and_the_original_nothing(way, few, make):
    small = few if make is sd.models.ModelB else tuple(part[:32] for part in few)

    def fit(model):
        return model.fit(*small, epochs=1, batch_size=32, progress=False)

    original = make()
    before = original.store.data.tobytes()
    fitted = fit(way(original))
    assert weights(fitted).tobytes() == weights(fit(make())).tobytes() != before == original.store.data.tobytes()
    assert fitted.logits(few[0][:9]).tobytes() != original.logits(few[0][:9]).tobytes()
    again = way(fitted)
    assert again.logits(few[0][:9]).tobytes() == fitted.logits(few[0][:9]).tobytes()
    assert again.history == fitted.history and again.settings == fitted.settings


TRAINED = (sd.attacks.SdpAdv, sd.attacks.SdAdv, sd.attacks.AdvGAN, sd.attacks.ATN, sd.attacks.ConvAdvGAN)


@pytest.mark.parametrize("make", TRAINED, ids=lambda m: m.__name__)
def test_a_trained_attack_s_copy_likewise(way, few, classifier, make):
    def fit(attack):
        return attack.fit(*(part[:64] for part in few), epochs=1, batch_size=32, progress=False)

    original = make(classifier)
    before = weights(original).tobytes()
    fitted = fit(way(original))
    after = weights(fitted).tobytes()
    assert after == weights(fit(make(classifier))).tobytes() != before == weights(original).tobytes()
    again = way(fitted)
    assert again(few[0][:5]).tobytes() == fitted(few[0][:5]).tobytes() and again.parameters() == fitted.parameters()
    weights(again)[:] = 0
    assert weights(fitted).any()


@pytest.mark.parametrize("name", [name for name in registry.names() if not registry.find(name).trained])
def test_every_other_attack_s_copy_attacks_alike(way, few, classifier, name):
    quick = {"steps": 2, "search_steps": 1, "samples": 2, "n_samples": 2}
    kind = registry.find(name)
    attack = kind.make(classifier, **{key: value for key, value in quick.items() if key in kind.defaults})
    assert way(attack)(few[0][:3]).tobytes() == attack(few[0][:3]).tobytes()
    assert way(attack).parameters() == attack.parameters()


GENERATORS = (sd.models.Generator, sd.models.ATNGenerator, sd.models.AdvGANGenerator)


@pytest.mark.parametrize("make", GENERATORS, ids=lambda m: m.__name__)
def test_generators(way, few, make):
    generator = make(seed=3)
    generator.store.data[...] += 0.01
    again = way(generator)
    assert again(few[0][:3]).tobytes() == generator(few[0][:3]).tobytes()
    assert again.parameters() == generator.parameters()
    assert not np.shares_memory(again.store.data, generator.store.data)


def test_a_foreign_classifier(way, few):
    mine = way(sd.models.ExternalClassifier(logits, vjp, image_shape=(1, 28, 28)))
    assert mine.image_shape == (1, 28, 28) and mine.classes == 10
    for attack in (sd.attacks.FGSM(mine), sd.attacks.PGD(mine, steps=2), way(sd.attacks.MIM(mine, steps=2))):
        assert attack(few[0][:3]).shape == (3, 1, 28, 28)


class Scaled(sd.models.ExternalClassifier):
    """A subclass with a constructor and functions of its own."""

    def __init__(self, scale):
        self.scale, self.notes, self.me = scale, [1], self  # a cycle
        super().__init__(self.scaled, self.pulled, image_shape=(1, 28, 28))

    def scaled(self, x):
        return self.scale * logits(x)

    def pulled(self, x, g):
        return self.scale * vjp(x, g)


def test_a_foreign_classifier_s_subclass_keeps_what_it_adds(way, few):
    original = Scaled(np.float32(3))
    original.name = "mine"
    other = way(original)
    x = few[0][:3]
    assert type(other) is Scaled and other.name == "mine" and other.scale == 3
    assert other.logits(x).tobytes() == original.logits(x).tobytes()
    assert sd.attacks.FGSM(other)(x).tobytes() == sd.attacks.FGSM(original)(x).tobytes()
    other.name = "another"
    assert original.name == "mine"


@pytest.mark.parametrize("way", DEEP.values(), ids=DEEP)
def test_its_deep_copy_is_a_classifier_of_its_own(way, few):
    original, x = Scaled(np.float32(3)), few[0][:3]
    other = way(original)
    assert other.me is other and other.notes == [1] and other.notes is not original.notes
    other.scale = np.float32(0)
    assert not other.logits(x).any() and original.logits(x).any()
    t = sd.Tensor(x, requires_grad=True)
    assert not sd.grad(other.logits(t).sum(), [t])[0].data.any()
    again = way(other)  # and a copy of the copy follows the copy
    again.scale = np.float32(1)
    assert again.logits(x).tobytes() == logits(x).tobytes()


def test_attributes_of_a_foreign_classifier_are_copied_too(way):
    mine = sd.models.ExternalClassifier(logits, vjp)
    mine.dtype = np.float64
    assert way(mine).dtype is np.float64


def test_plain_records_and_data(way, glyphs, classifier):
    found = sd.evaluate(classifier, None, glyphs.x_test[:9], glyphs.y_test[:9])
    assert way(found) == found and way(glyphs).x_test.tobytes() == glyphs.x_test.tobytes()
    ask = way(sd.models.Queries(classifier.probabilities))
    assert ask(glyphs.x_test[:3]).shape == (3, 10) and ask.count == 3


@pytest.mark.parametrize("error", (sd.Error("what"), sd.GradcheckError("which")))
def test_errors_cross_a_process_boundary(error):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error) and again.args == error.args


def test_tensors_are_known_by_themselves(way):
    x = sd.Tensor(np.ones(2), requires_grad=True, name="x")
    other = way(x)
    both = sd.grad((x * 2.0 + other * 3.0).sum(), [x, other])
    assert [g.data.tolist() for g in both] == [[2, 2], [3, 3]] and other.name == "x"
    (x * other).sum().backward()
    assert x.grad is not other.grad and other.grad.tolist() == [1, 1]


@pytest.mark.parametrize("way", DEEP.values(), ids=DEEP)
def test_a_graph_s_copy_is_a_graph_of_its_own(way):
    x = sd.Tensor(np.array([2.0, 3.0]), requires_grad=True)
    y = sd.ops.sum(x * x * x)
    x2, y2 = way([x, y])
    (first,) = sd.grad(y2, [x2], create_graph=True)
    (second,) = sd.grad(first.sum(), [x2])
    assert first.data.tolist() == [12, 27] and second.data.tolist() == [12, 18]
    assert sd.grad(y2, [x])[0].data.tolist() == [0, 0] and sd.grad(y, [x])[0].data.tolist() == [12, 27]
    assert y2.where() == y.where() and __file__ in y2.where()
    x2.data[:] = 0
    assert x.data.tolist() == [2, 3]
    y2.backward()
    with pytest.raises(sd.Error, match="released"):
        way(y2).backward()


def test_the_length_of_a_graph_does_not_matter():
    x = sd.Tensor(np.ones(1), requires_grad=True)
    y = x
    for _ in range(20_000):
        y = y * 1.0
    x2, y2 = copy.deepcopy((x, y))
    assert sd.grad(y2, [x2])[0].data.tolist() == [1]


@pytest.mark.parametrize("way", DEEP.values(), ids=DEEP)
def test_a_store_s_parameters_stay_views_of_it(way):
    model = sd.models.ModelB()
    model.store.gradient[:] = 7
    again = way(model)
    assert all(np.shares_memory(t.data, again.store.data) for t in again.store.tensors.values())
    assert again.network.tensors[1]["W"] is again.store.tensors["model_b/1/W"] and again.store.gradient[0] == 7
    again.store.data[:] = 0
    assert not again.logits(np.ones((1, 1, 28, 28), np.float32)).any() and model.store.data.any()


def test_an_optimiser_goes_on_with_its_copy_s_store(few):
    model = sd.models.ModelB()
    model2, adam2 = copy.deepcopy((model, Adam(model.store)))
    adam2.store.gradient[:] = 1
    adam2.step()
    assert adam2.store is model2.store and not np.array_equal(model2.store.data, model.store.data)


def test_a_plan_s_copy_records_anew():
    model = sd.models.ModelB()
    plan, x = sd.Plan(model.network, [model.store]), np.ones((2, 1, 28, 28), np.float32)
    for _ in range(3):
        plan(x)
    assert copy.copy(plan)(x).tobytes() == plan(x).tobytes()
    again = copy.deepcopy(plan)
    again.stores[0].data[:] = 0
    assert not again(x).any() and plan(x).any() and again(2 * x * 0.4).shape == (2, 10)
    assert pickle.loads(pickle.dumps(plan))(x).tobytes() == plan(x).tobytes()


def test_read_only_memory_of_a_process_pool_is_copied(few):
    """joblib hands large arrays on as read-only maps of a file."""
    model = sd.models.ModelB()
    state = model.store.__getstate__()
    for name in ("data", "gradient"):
        state[name].flags.writeable = False
    store = object.__new__(type(model.store))
    store.__setstate__(state)
    store.data[:] = 1
    store.gradient[:] = 1
