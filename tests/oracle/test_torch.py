"""The whole against PyTorch: runs where torch can be imported."""
import sys
from pathlib import Path

import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import Tensor, losses, ops
from sdpadv_np.attacks.sdpadv_training import SdpAdvTraining
from sdpadv_np.kernels import adam, affine_sample, flow_sample
from sdpadv_np.models import discriminator

torch = pytest.importorskip("torch", reason="oracle: PyTorch is not installed")
F = torch.nn.functional
sys.path.insert(0, str(Path(__file__).parent))
import reference_program as oracle  # noqa: E402

torch.set_num_threads(1)


def t(array, grad=False):
    return torch.from_numpy(np.array(array)).requires_grad_(grad)


def close(ours, theirs, rtol=1e-10, atol=1e-12):
    np.testing.assert_allclose(
        ours.data if isinstance(ours, Tensor) else ours, theirs.detach().numpy(), rtol=rtol, atol=atol,
    )


def wild_generator(rng, **parameters):
    """Weights away from the start, in float64, so that both projections and the hinge are at work."""
    g = sd.models.Generator(dtype=np.float64, **parameters)
    g.store.data += 0.05 * rng.standard_normal(g.store.data.size)
    return g


@pytest.mark.parametrize("model", ("A", "B"))
@pytest.mark.parametrize(
    "objective, gan_loss, projection", (("margin", "nonsaturating", "box"), ("cross_entropy", "minimax", "l2")),
)
def test_gradients_of_every_loss_term_with_respect_to_every_parameter(
    rng, glyphs, model, objective, gan_loss, projection,
):
    f = sd.models.ARCHITECTURES[model](dtype=np.float64)
    attack = sd.attacks.SdpAdv(f, eps=0.1, objective=objective, gan_loss=gan_loss, projection=projection, kappa=0.5)
    g, (d, d_store) = wild_generator(rng, eps=0.1, projection=projection), discriminator((1, 28, 28), 0, np.float64)
    object.__setattr__(attack, "generator", g)
    x, y = glyphs.x_train[:16].astype(np.float64), glyphs.y_train[:16]
    task = SdpAdvTraining(attack, x, y, x, y, 1, 16)
    task.discriminator, task.d_store = d, d_store
    out = g.distort(Tensor(x))
    ours = task.terms(out, y)
    ours_d = losses.discriminator(d(out.x_t.detach()), d(out.x_a.detach()))

    w = {name: t(a, True) for name, a in g.store.arrays().items()}
    wd = {name: t(a, True) for name, a in d_store.arrays().items()}
    wf = {name: t(a) for name, a in f.store.arrays().items()}
    theirs_out = oracle.generator(t(x), w, 0.1, 0.3, projection)
    classifier = oracle.model_a if model == "A" else oracle.model_b
    theirs, theirs_d = oracle.loss_terms(
        theirs_out, t(y), lambda v: classifier(v, wf), lambda v: oracle.mlp(v, wd, "d", torch.relu, 3), 0.1, objective,
        0.5, gan_loss
    )
    for name, term in ours.items():
        close(term, theirs[name], rtol=1e-8)
        expected = torch.autograd.grad(theirs[name], list(w.values()), retain_graph=True, allow_unused=True)
        got = sd.grad(term, list(g.store.tensors.values()))
        for parameter, a, b in zip(w, got, expected):
            b = torch.zeros_like(w[parameter]) if b is None else b
            scale = max(float(b.abs().max()), 1e-12)
            assert np.abs(a.data - b.numpy()).max() <= 1e-5 * scale, (name, parameter)
        assert any(np.abs(a.data).max() > 0 for a in got), name
    close(ours_d, theirs_d, rtol=1e-9)
    for a, b in zip(sd.grad(ours_d, list(d_store.tensors.values())), torch.autograd.grad(theirs_d, list(wd.values()))):
        close(a, b, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("model", ("A", "B"))
def test_saved_files_give_the_same_accuracy_to_the_image(tmp_path, glyphs, classifier, model):
    d = glyphs
    if model == "A":
        classifier = sd.models.ModelA().fit(
            d.x_train[:1000], d.y_train[:1000], d.x_val, d.y_val, epochs=2, progress=False,
        )
    attack = sd.attacks.SdpAdv(classifier).fit(
        d.x_train[:2000], d.y_train[:2000], d.x_val[:200], d.y_val[:200], epochs=1, progress=False,
    )
    x_a = attack(d.x_test)
    sd.save(classifier, tmp_path / "c.h5")
    sd.save(attack, tmp_path / "g.h5")
    network = oracle.model_a if model == "A" else oracle.model_b
    wf, wg = oracle.weights(tmp_path / "c.h5"), oracle.weights(tmp_path / "g.h5")
    with torch.no_grad():
        theirs_x_a = oracle.generator(t(d.x_test), wg, 0.1, 0.3, "box")[3]
        for images in (d.x_test, x_a):
            z = network(t(images), wf).numpy()
            np.testing.assert_array_equal(z.argmax(axis=1), classifier.predict(images))
    np.testing.assert_allclose(x_a, theirs_x_a.numpy(), atol=2e-5)


@pytest.mark.parametrize("convention, align", (("half_pixel", False), ("align_corners", True)))
@pytest.mark.parametrize("size, output", (((5, 6), (5, 6)), ((4, 7), (9, 3)), ((1, 1), (3, 2))))
def test_affine_sampling_and_its_two_orders_of_gradients(rng, convention, align, size, output):
    x, theta = rng.standard_normal((3, 2, *size)), np.eye(2, 3) + rng.uniform(-0.6, 0.6, (3, 2, 3))
    g = rng.standard_normal((3, 2, *output))
    a, b = t(x, True), t(theta, True)
    y = F.grid_sample(a, F.affine_grid(b, [3, 2, *output], align_corners=align), align_corners=align)
    close(affine_sample.forward(x, theta, convention, output), y)
    first = torch.autograd.grad(y, (a, b), t(g), create_graph=True)
    for ours, theirs in zip(affine_sample.backward(g, x, theta, convention), first):
        close(ours, theirs)
    u, v = Tensor(x, requires_grad=True), Tensor(theta, requires_grad=True)
    graph = sd.grad(ops.affine_sample(u, v, convention=convention, size=output), [u, v], g, create_graph=True)
    second = sd.grad((graph[0] ** 2).sum() + (graph[1] ** 3).sum(), [u, v])
    for ours, theirs in zip(second, torch.autograd.grad((first[0] ** 2).sum() + (first[1] ** 3).sum(), (a, b))):
        close(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("size", ((5, 6), (28, 28), (2, 3)))
def test_flow_sampling_and_its_two_orders_of_gradients(rng, size):
    """In PyTorch: a grid of places plus flow, border padding."""
    x, flow, g = rng.standard_normal((3, 2, *size)), rng.uniform(
        -2.5, 2.5, (3, 2, *size),
    ), rng.standard_normal((3, 2, *size))
    a, b = t(x, True), t(flow, True)
    rows, columns = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in size), indexing="ij")
    grid = torch.stack([2 * (columns + b[:, 1]) / (size[1] - 1) - 1, 2 * (rows + b[:, 0]) / (size[0] - 1) - 1], dim=-1)
    y = F.grid_sample(a, grid, padding_mode="border", align_corners=True)
    close(flow_sample.forward(x, flow), y)
    first = torch.autograd.grad(y, (a, b), t(g), create_graph=True)
    for ours, theirs in zip(flow_sample.backward(g, x, flow), first):
        close(ours, theirs)
    u, v = Tensor(x, requires_grad=True), Tensor(flow, requires_grad=True)
    graph = sd.grad(ops.flow_sample(u, v), [u, v], g, create_graph=True)
    second = sd.grad((graph[0] ** 2).sum() + (graph[1] ** 3).sum(), [u, v])
    for ours, theirs in zip(second, torch.autograd.grad((first[0] ** 2).sum() + (first[1] ** 3).sum(), (a, b))):
        close(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("stride, padding", ((1, 0), (2, 1), (3, 2)))
def test_convolution_and_its_gradients(rng, stride, padding):
    x, w = rng.standard_normal((2, 3, 9, 8)), rng.standard_normal((4, 3, 4, 3))
    a, b, u, v = t(x, True), t(w, True), Tensor(x, requires_grad=True), Tensor(w, requires_grad=True)
    ours, theirs = ops.conv2d(u, v, stride=stride, padding=padding), F.conv2d(a, b, stride=stride, padding=padding)
    close(ours, theirs)
    for p, q in zip(sd.grad((ours**2).sum(), [u, v]), torch.autograd.grad((theirs**2).sum(), (a, b))):
        close(p, q)


@pytest.mark.parametrize("algorithm, tolerance", (("direct", 1e-5), ("winograd", 2e-4)))
def test_model_a_in_float32_and_all_its_gradients(rng, algorithm, tolerance):
    """Against PyTorch in float64. Biases keep the ReLUs' inputs away from 0, where rounding alone decides."""
    shapes = ((64, 1, 8, 8), (64,), (128, 64, 6, 6), (128,), (128, 128, 5, 5), (128,), (128, 10), (10,))
    weights = [(rng.standard_normal(s) / np.sqrt(np.prod(s[1:]))).astype(np.float32) for s in shapes]
    for b, size in zip(weights[1:6:2], (8, 60, 500)):
        b[...] = np.where(b > 0, size, -size)
    x, g = rng.random((16, 1, 28, 28), np.float32), rng.standard_normal((16, 10)).astype(np.float32)
    ours = [Tensor(a, requires_grad=True) for a in (x, *weights)]
    theirs = [t(a.astype(np.float64), True) for a in (x, *weights)]
    u, v = ours[0], theirs[0]
    for layer, (stride, padding) in enumerate(((2, 3), (2, 0), (1, 0))):
        (w, b), (wt, bt) = ours[1 + 2 * layer : 3 + 2 * layer], theirs[1 + 2 * layer : 3 + 2 * layer]
        chosen = algorithm if layer == 1 else "auto"  # winograd is not for the other two
        u = ops.conv2d_layer(u, w, b, stride=stride, padding=padding, activation="relu", algorithm=chosen)
        v = torch.relu(F.conv2d(v, wt, bt, stride, padding))
    y, z = ops.dense(u.reshape(16, -1), ours[-2], ours[-1]), v.flatten(1) @ theirs[-2] + theirs[-1]
    expected = torch.autograd.grad(z, theirs, t(g.astype(np.float64)))
    for a, b in zip([y, *sd.grad(y, ours, g)], [z.detach(), *expected]):
        assert np.abs(a.data - b.numpy()).max() <= tolerance * float(b.abs().max())


def test_adam(rng):
    p = rng.standard_normal(40)
    theirs = t(p, True)
    optimiser = torch.optim.Adam([theirs], lr=0.01, betas=(0.8, 0.99), eps=1e-6)
    m, v = np.zeros(40), np.zeros(40)
    for step in range(1, 6):
        g = rng.standard_normal(40)
        theirs.grad = t(g)
        optimiser.step()
        adam.step(p, g, m, v, np.array(step - 1), 0.01, 0.8, 0.99, 1e-6)
    close(p, theirs, rtol=1e-12)


ELEMENTWISE = {
    "exp": torch.exp, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "relu": torch.relu, "softplus": F.softplus,
    "square": torch.square, "abs": torch.abs,
    "softmax": lambda x: x.softmax(-1), "log_softmax": lambda x: x.log_softmax(-1),
    "leaky_relu": lambda x: F.leaky_relu(x, 0.2),
}


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_operation(rng, name):
    x = rng.standard_normal((3, 4))
    a, b = Tensor(x, requires_grad=True), t(x, True)
    ours, theirs = getattr(ops, name)(a), ELEMENTWISE[name](b)
    close(ours, theirs)
    close(sd.grad((ours * ours).sum(), [a])[0], torch.autograd.grad((theirs * theirs).sum(), b)[0])


@pytest.mark.parametrize("attack", (sd.attacks.FGSM, sd.attacks.BIM, sd.attacks.MIM))
def test_gradient_attacks_written_again(classifier, glyphs, attack):
    """The update rules of CleverHans 3.0.1 in PyTorch, on the same weights; in float64, where the sign of a tiny
    gradient is no accident.
    """
    x, eps = glyphs.x_test[:100].astype(np.float64), 0.3
    double = sd.models.ModelB(dtype=np.float64)
    double.store.data[...] = classifier.store.data
    w = {name: t(a) for name, a in double.store.arrays().items()}
    step, steps = {"FGSM": (eps, 1), "BIM": (0.05, 10), "MIM": (0.06, 10)}[attack.__name__]
    start, y, momentum = t(x), oracle.model_b(t(x), w).argmax(1), 0
    x_adv = start
    for _ in range(steps):
        x_adv = x_adv.detach().requires_grad_()
        (g,) = torch.autograd.grad(F.cross_entropy(oracle.model_b(x_adv, w), y, reduction="sum"), x_adv)
        if attack.__name__ == "MIM":
            momentum = momentum + g / g.abs().mean((1, 2, 3), keepdim=True).clamp(min=1e-12)
            g = momentum
        x_adv = start + (x_adv + step * g.sign() - start).clamp(-eps, eps)
        x_adv = x_adv.clamp(0, 1)
    same = np.isclose(attack(double, eps=eps)(x), x_adv.detach().numpy(), atol=1e-9)
    assert same.mean() >= 0.9999
