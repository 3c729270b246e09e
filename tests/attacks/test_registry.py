"""Attacks by name: parameters and their types read from the dataclasses."""
from __future__ import annotations

import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np.attacks import registry
from sdpadv_np.errors import ArgumentError


def test_every_public_attack_is_known_and_can_be_made(classifier):
    assert set(registry.names()) == {name.lower() for name in sd.attacks.__all__}
    for name in registry.names():
        kind = registry.find(name)
        attack = kind.make(classifier, **kind.defaults)
        assert all(np.array_equal(attack.parameters()[k], v) for k, v in kind.defaults.items())
        assert kind.trained == hasattr(attack, "fit") and registry.find(name.upper()) is kind


def test_what_a_variant_settles_cannot_be_set():
    assert "eps" not in registry.find("sdadv").defaults and registry.find("sdadv").make(None).eps == 0
    assert "spatial" not in registry.find("advgan").defaults and registry.find("advgan").defaults["eps"] == 0.3


def test_a_black_box_attack_is_given_answers_only(classifier):
    attack = registry.find("blackboxsdpadv").make(classifier, rounds=2)
    assert attack.classifier == classifier.probabilities and attack.rounds == 2 and attack.classes == 10
    assert registry.find("blackboxsdpadv").make(None).classifier is None


def test_unknown_names():
    with pytest.raises(ArgumentError, match="there is no attack 'pdg'; choose one of .*pgd"):
        registry.find("pdg")
