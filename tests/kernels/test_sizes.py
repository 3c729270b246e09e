"""What is compiled looks at no size: arrays that do not agree are refused before it, for every kernel's every argument.
"""
import numpy as np
import pytest

from sdpadv_np.kernels import activation, adam, affine_sample, clip, dense, flow_sample, logit_loss, perturb


def ones(*shape):
    return np.ones(shape, np.float32)


T, LABELS = np.zeros((), np.int64), np.zeros(4, np.int64)
CASES = {
    **{
        f"adam {k}": (lambda k=k: adam.step(*(ones(5 if i != k else 4) for i in range(4)), T, 0.1, 0.9, 0.999, 1e-8))
        for k in range(4)
    },
    "adam, two axes": lambda: adam.step(*(ones(2, 3) for _ in range(4)), T, 0.1, 0.9, 0.999, 1e-8),
    "bias": lambda: activation.forward(ones(2, 3), ones(2), "relu"),
    "slope, g": lambda: activation.backward(ones(2, 3), ones(4, 5), "relu"),
    "slope, out": lambda: activation.backward(ones(4, 5), ones(4, 5), "relu", out=ones(2, 3)),
    "clip, out": lambda: clip.backward(ones(9), ones(9), 0.0, 1.0, out=ones(3)),
    "perturb, eta": lambda: perturb.forward(ones(9), ones(3), 0.1),
    "perturb, out": lambda: perturb.forward(ones(9), ones(9), 0.1, out=ones(3)),
    "perturb backward, out": lambda: perturb.backward(ones(9), ones(9), ones(9), 0.1, out=(ones(3), ones(9))),
    "losses, out": lambda: logit_loss.cross_entropy(ones(4, 3), LABELS, out=(ones(4), ones(2, 3))),
    "margins, out": lambda: logit_loss.margin(ones(4, 3), LABELS, out=(ones(2), ones(4, 3))),
    "affine, out": lambda: affine_sample.forward(ones(3, 1, 9, 9), ones(3, 6), out=ones(1, 1, 9, 9)),
    "affine backward, out": lambda: affine_sample.backward(
        ones(3, 1, 9, 9), ones(3, 1, 9, 9), ones(3, 6), out=(ones(1, 1, 9, 9), ones(3, 6)),
    ),
    "flow, out": lambda: flow_sample.forward(ones(3, 1, 9, 9), ones(3, 2, 9, 9), out=ones(3, 1, 9, 8)),
    "flow, out of another dtype": lambda: flow_sample.forward(
        ones(3, 1, 9, 9), ones(3, 2, 9, 9), out=np.ones((3, 1, 9, 9)),
    ),
    "dense, out": lambda: dense.forward(ones(9, 8), ones(8, 7), ones(7), out=ones(9, 6)),
}


@pytest.mark.parametrize("name", CASES)
def test_sizes_that_do_not_agree_are_refused(name, monkeypatch):
    monkeypatch.delenv("SDPADV_KERNEL", raising=False)  # NumPy's definitions may convert
    with pytest.raises(ValueError):
        CASES[name]()
