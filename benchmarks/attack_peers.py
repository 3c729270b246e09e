"""Attacks of four libraries as functions (copy of our classifier, images, labels or targets) -> adversarial images.

CleverHans 4.0.0, Foolbox 3.3.4, ART 1.20.1 and torchattacks 3.5.1, on the CPU; they are imported when they are called,
PyTorch at once.
The comparisons are listed in attack_libraries.py.
"""
from __future__ import annotations

import importlib.metadata
import importlib.util
from contextlib import contextmanager, nullcontext
from unittest.mock import patch

import numpy as np
import torch
from peers import pytorch, pytorch_networks

PACKAGES = {"CleverHans": "cleverhans", "Foolbox": "foolbox", "ART": "adversarial-robustness-toolbox",
            "torchattacks": "torchattacks"}
_MODULES = {**PACKAGES, "ART": "art"}
_LINF = np.inf


def missing(library: str) -> str | None:
    """The library, if it is not installed."""
    return None if importlib.util.find_spec(_MODULES[library]) else library


def version(library: str) -> str:
    return importlib.metadata.version(PACKAGES[library])


class Copy:
    """Our classifier (A or B) as a PyTorch module with the same weights, bare and in Foolbox' and ART's wrappers."""

    def __init__(self, classifier):
        self.module = pytorch_networks.Module(pytorch.eager, classifier.network).frozen().module.eval()
        self.classes = classifier.classes

    def raised(self, by: float):
        """The module with ``by`` added to every logit, which changes no margin and no probability."""
        last = torch.nn.Linear(self.classes, self.classes)
        last.weight.data, last.bias.data = torch.eye(self.classes), torch.full((self.classes,), by)
        return torch.nn.Sequential(self.module, last).eval().requires_grad_(False)

    def foolbox(self):
        import foolbox

        return foolbox.PyTorchModel(self.module, bounds=(0, 1), device="cpu")

    def art(self):
        from art.estimators.classification import PyTorchClassifier

        return PyTorchClassifier(self.module, torch.nn.CrossEntropyLoss(), (1, 28, 28), self.classes,
                                 clip_values=(0.0, 1.0), device_type="cpu")


def one_by_one(function):
    """One image at a time, where CleverHans divides by the number of images, or sums over all pairs of them."""
    return lambda copy, x, y: torch.cat([function(copy, x[n : n + 1], y[n : n + 1]) for n in range(len(x))])


def _cleverhans(name: str, call, repaired=nullcontext):
    """``call(attack, copy, x, y)`` of the attack of this name."""
    def run(copy, x, y):
        attack = getattr(importlib.import_module(f"cleverhans.torch.attacks.{name}"), name)
        with repaired():
            return call(attack, copy, x, y).detach()
    return run


def cleverhans_fgsm(eps, norm=_LINF, targeted=False):
    return _cleverhans("fast_gradient_method",
                       lambda attack, copy, x, y: attack(copy.module, x, eps, norm, 0, 1, y, targeted))


def cleverhans_pgd(eps, step, steps, random_start, targeted=False):
    return _cleverhans("projected_gradient_descent", lambda attack, copy, x, y: attack(
        copy.module, x, eps, step, steps, _LINF, 0, 1, y, targeted, random_start))


def cleverhans_cw(**parameters):
    return one_by_one(_cleverhans(
        "carlini_wagner_l2", lambda attack, copy, x, y: attack(copy.module, x, copy.classes, y, **parameters)))


@contextmanager
def _spsa_repaired():
    """The estimate is made at x + d, d the perturbation so far; as released it is made at 2 x, whatever d is."""
    from cleverhans.torch.attacks import spsa

    project, estimate, latest = spsa._project_perturbation, spsa._compute_spsa_gradient, {}

    def project_noting(d, *rest):
        latest["d"] = d  # changed in place from now on
        return project(d, *rest)

    def estimate_there(loss, x, **options):
        return estimate(loss, latest["d"].detach(), **options)

    with patch.multiple(spsa, _project_perturbation=project_noting, _compute_spsa_gradient=estimate_there):
        yield


def cleverhans_spsa(eps, steps, pairs):
    return one_by_one(_cleverhans("spsa", lambda attack, copy, x, y: attack(
        copy.module, x, eps, steps, _LINF, 0, 1, y, learning_rate=0.01, delta=0.01, spsa_samples=pairs),
        repaired=_spsa_repaired))


def foolbox(make, eps=None, targeted=False):
    """``make`` is given the module foolbox.attacks."""
    def run(copy, x, y):
        import foolbox as fb

        criterion = (fb.criteria.TargetedMisclassification if targeted else fb.criteria.Misclassification)(y)
        return make(fb.attacks)(copy.foolbox(), x, criterion, epsilons=eps)[0]
    return run


def art(make, **parameters):
    """``make`` is given the module art.attacks.evasion, its result the classifier and the parameters."""
    def run(copy, x, y):
        from art.attacks import evasion

        attack = make(evasion)(copy.art(), batch_size=len(x), **parameters)
        return attack.generate(x.numpy(), np.eye(copy.classes, dtype=np.float32)[y.numpy()])
    return run


def torchattacks(make, targeted=False, raised=0.0, **parameters):
    """``make`` is given the module torchattacks, its result the model and the parameters."""
    def run(copy, x, y):
        import torchattacks as ta

        attack = make(ta)(copy.raised(raised) if raised else copy.module, **parameters)
        if targeted:
            attack.set_mode_targeted_by_label(quiet=True)
        return attack(x, y).detach()
    return run
