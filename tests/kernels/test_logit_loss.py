"""Cross-entropy and margin: every implementation against the formula, and what they do with odd input."""
import numpy as np
import pytest
from everywhere import everywhere

from sdpadv_np.kernels import logit_loss

every = pytest.mark.parametrize("implementation", everywhere(logit_loss))


@every
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
@pytest.mark.parametrize("shape", ((1, 2), (7, 10), (128, 10), (3, 300)))
def test_values_and_gradients(rng, implementation, dtype, shape):
    z, labels = (10 * rng.standard_normal(shape)).astype(dtype), rng.integers(0, shape[1], shape[0])
    wide, rows = z.astype(np.float64), np.arange(len(z))
    p = np.exp(wide - wide.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    true = np.eye(shape[1])[labels]
    losses, gradients = logit_loss.cross_entropy(z, labels, implementation)
    np.testing.assert_allclose(losses, -np.log(p[rows, labels]), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(gradients, p - true, rtol=1e-5, atol=1e-6)
    others = np.where(true > 0, -np.inf, wide)
    margins, gradients = logit_loss.margin(z, labels, implementation)
    np.testing.assert_allclose(margins, wide[rows, labels] - others.max(1), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(gradients, true - np.eye(shape[1])[others.argmax(1)])
    assert losses.dtype == margins.dtype == gradients.dtype == dtype
    out = np.empty_like(margins), np.empty_like(gradients)
    again = logit_loss.margin(np.asfortranarray(z), labels.astype(np.uint8), implementation, out=out)
    assert again[0] is out[0] and again[1] is out[1]
    np.testing.assert_array_equal(out[0], margins)


@every
def test_huge_logits_ties_and_nothing(implementation):
    z = np.array([[1e30, -1e30, 0], [2, 2, 2]], np.float32)
    losses, _ = logit_loss.cross_entropy(z, np.array([0, 1]), implementation)
    np.testing.assert_allclose(losses, [0, np.log(3)], rtol=1e-6)
    np.testing.assert_array_equal(logit_loss.margin(z[1:], np.array([1]), implementation)[1], [[-1, 1, 0]])
    assert logit_loss.cross_entropy(z[:0], np.zeros(0, int), implementation)[0].shape == (0,)


@every
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of NumPy's
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_a_sure_classifier_has_a_loss_and_a_slope(implementation, dtype):
    """Both to the last digits, which would be lost beside 1; and classes that are ruled out."""
    losses, gradients = logit_loss.cross_entropy(
        np.array([[30, 0, 0], [0, 30, -np.inf], [-np.inf, 0, 0]], dtype), np.array([0, 1, 0]), implementation,
    )
    e = np.exp(-30.0)
    np.testing.assert_allclose(losses, [np.log1p(2 * e), np.log1p(e), np.inf], rtol=1e-6)
    np.testing.assert_allclose(gradients, [[-2 * e, e, e], [e, -e, 0], [-1, 0.5, 0.5]], rtol=1e-6)
    losses, gradients = logit_loss.cross_entropy(
        np.array([[0, np.inf], [np.inf, 0], [-np.inf, -np.inf], [np.nan, 0]], dtype), np.array([0, 0, 0, 1]),
        implementation,
    )
    assert np.isnan(losses).all() and np.isnan(gradients).all()  # infinity less infinity


@every
@pytest.mark.parametrize("loss", (logit_loss.cross_entropy, logit_loss.margin))
def test_nan_is_not_hidden(loss, implementation):
    z = np.array([[0, np.nan, 1]], np.float32)
    assert np.isnan(loss(z, np.array([0]), implementation)[0]).all()


@every
@pytest.mark.parametrize("loss", (logit_loss.cross_entropy, logit_loss.margin))
def test_labels_that_are_no_classes(loss, implementation):
    z = np.zeros((2, 3), np.float32)
    for bad in (3, -1):
        with pytest.raises(IndexError, match=f"label {bad} of row 1 is no class; expected 0 to 2"):
            loss(z, np.array([0, bad]), implementation)
    for labels in (np.array([0]), np.array([0.0, 1.0])):
        with pytest.raises(ValueError, match="and integers"):
            loss(z, labels, implementation)
