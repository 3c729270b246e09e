"""Attack a classifier from outside this package, here one written in a few lines of NumPy.

Two functions on plain arrays are enough: the logits, and their vector-Jacobian product. With PyTorch they would be
``lambda x: net(torch.tensor(x)).detach().numpy()`` and three lines around ``torch.autograd.grad``.

    python examples/attack_your_own_classifier.py --dataset mnist
"""
import argparse

import numpy as np

import sdpadv_np as sd

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--dataset", choices=sd.data.DATASETS, default="mnist")
parser.add_argument("--epochs", type=int, default=10)
options = parser.parse_args()
data = sd.data.load(options.dataset, report=print)

# The external classifier: multinomial logistic regression, trained by gradient descent.
pixels = data.x_train.reshape(len(data.x_train), -1)
W, targets = np.zeros((pixels.shape[1], 10), np.float32), np.eye(10, dtype=np.float32)[data.y_train]
for _ in range(100):
    scores = np.exp(pixels @ W)
    W -= 0.5 * pixels.T @ (scores / scores.sum(axis=1, keepdims=True) - targets) / len(pixels)


def logits(x):
    return x.reshape(len(x), -1) @ W


def vjp(x, g):
    """The gradient of sum(g * logits(x)) with respect to x."""
    return (g @ W.T).reshape(x.shape)


mine = sd.models.ExternalClassifier(logits, vjp)
attacks = {"no attack": None, "FGSM": sd.attacks.FGSM(mine, eps=0.1), "PGD": sd.attacks.PGD(mine, eps=0.1)}
attacks["SdpAdv"] = sd.attacks.SdpAdv(mine, eps=0.1)
attacks["SdpAdv"].fit(data.x_train, data.y_train, data.x_val, data.y_val, epochs=options.epochs)
for name, attack in attacks.items():
    result = sd.evaluate(mine, attack, data.x_test, data.y_test)
    seconds = f"seconds per 100 images {result.seconds_per_100:.4f}"
    print(f"{name:10} accuracy {result.accuracy:.4f}  L2sq {result.l2sq:6.1f}  {seconds}")
