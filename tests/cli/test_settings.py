"""--set NAME=VALUE: texts get the types that the dataclasses declare."""
from __future__ import annotations

from dataclasses import dataclass

import pytest

import sdpadv_np as sd
from sdpadv_np.attacks import registry
from sdpadv_np.attacks.base import Attack
from sdpadv_np.cli.selection import described, setting
from sdpadv_np.errors import ArgumentError


@dataclass(frozen=True)
class Odd(Attack):
    """Every type that a parameter may have."""

    tau: float | None = None
    norm: str = "l2"
    box: tuple[float, float] = (0.0, 1.0)
    angles: tuple[int, ...] = (1, 2)
    grid: tuple = (-0.1, 0.1, 2)
    start: bool = True
    mode: int | str = 3


def test_a_parameter_that_a_variant_fixes_cannot_be_set():
    with pytest.raises(ArgumentError, match="SdAdv has no parameter 'eps'; it has .*gamma"):
        setting(registry.find("sdadv"), "eps=0.1")


@pytest.fixture
def odd(monkeypatch):
    monkeypatch.setattr(sd.attacks, "Odd", Odd, raising=False)
    monkeypatch.setitem(registry._NAMES, "odd", "Odd")
    yield registry.find("odd")
    registry._kind.cache_clear()


@pytest.mark.parametrize(
    "text, value",
    [
        ("tau=0.5", 0.5),
        ("tau=none", None),
        ("norm=linf", "linf"),
        ("box=-1,2", (-1.0, 2.0)),
        ("angles=5", (5,)),
        ("grid=-0.5,0.5,3", (-0.5, 0.5, 3)),
        ("angles=1,2,3", (1, 2, 3)),
        ("start=False", False),
        ("seed=7", 7),
        ("mode=4", 4),
        ("mode=fast", "fast"),
        ("tau=1e-3", 0.001),
        ("norm=a=b", "a=b"),
    ],
)
def test_values_get_their_type(odd, text, value):
    name, got = setting(odd, text)
    assert name == text.partition("=")[0] and got == value and type(got) is type(value)


@pytest.mark.parametrize(
    "text, message",
    [
        ("seed=1.5", "seed is a whole number, not '1.5'"),
        ("start=1", "start is true or false, not '1'"),
        ("box=1", "box is numbers with commas between"),
        ("tau=much", "tau is a number or none, not 'much'"),
        ("angles=1,b", "angles is numbers"),
        ("grid=a", "grid is numbers"),
        ("seed", "give NAME=VALUE"),
        ("speed=1", "Odd has no parameter 'speed'"),
    ],
)
def test_values_of_another_type(odd, text, message):
    with pytest.raises(ArgumentError, match=message):
        setting(odd, text)


def test_the_description_names_everything(odd):
    assert "tau=None" in described(odd) and "grid=-0.1,0.1,2" in described(odd)
