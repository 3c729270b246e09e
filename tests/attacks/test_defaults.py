"""Every parameter of every attack: its default, as published, and what it takes and refuses at the limits."""
import pytest
from tiny import tiny

from sdpadv_np.attacks import registry
from sdpadv_np.errors import ArgumentError

_SEARCH = {"labels": "predicted", "seed": 0, "batch_size": 500}
_PGD = {**_SEARCH, "eps": 0.3, "step": 0.05, "steps": 10}
_TRAINED = {"target": None, "seed": 0}
_SDPADV = {  # the paper, where it gives one; the objective and its margin are ours
    **_TRAINED,
    "eps": 0.1,
    "gamma": 0.3,
    "objective": "margin",
    "kappa": 2.0,
    "projection": "box",
    "convention": "half_pixel",
    "spatial": True,
    "localisation": (20,),
    "perturbation": (128, 128),
    "alpha": 5.0,
    "alpha_decay": 0.8,
    "alpha_floor": 0.8,
    "beta": 1.0,
    "lam": 1.0,
    "gan_loss": "nonsaturating",
    "lr": 5e-4,
    "lr_d": 5e-5,
}
DEFAULTS = {
    "fgsm": {**_SEARCH, "eps": 0.3, "norm": "linf"},
    "rfgsm": {**_SEARCH, "eps": 0.3, "start": None},
    "pgd": {**_PGD, "random_start": True},
    "bim": {**_PGD, "random_start": False},
    "mim": {**_PGD, "step": 0.06, "decay": 1.0},
    "deepfool": {**_SEARCH, "candidates": 10, "overshoot": 0.02, "steps": 50},
    "carliniwagner": {
        **_SEARCH,
        "batch_size": 100,
        "kappa": 0.0,
        "lr": 5e-3,
        "initial_c": 1e-2,
        "search_steps": 5,
        "steps": 1000,
        "abort_early": True,
    },
    "spsa": {
        **_SEARCH,
        "batch_size": 100,
        "eps": 0.3,
        "samples": 128,
        "delta": 0.01,
        "lr": 0.01,
        "steps": 100,
        "random_start": True,
        "stop_on_success": True,
    },
    "stm": {
        **_SEARCH,
        "dx": (-0.1, 0.1, 2),
        "dy": (-0.1, 0.1, 2),
        "angle": (-30.0, 30.0, 6),
        "n_samples": None,
        "shift_twice": False,
    },
    "stadv": {
        **_SEARCH,
        "batch_size": 100,
        "kappa": 0.05,
        "tau": 0.01,
        "tau_steps": 3,
        "evaluations": 20,
        "padding": "symmetric",
        "start": 0.01,
    },
    "sdpadv": _SDPADV,
    "sdpadvplus": {k: v for k, v in _SDPADV.items() if k != "perturbation"},
    "sdadv": {k: v for k, v in _SDPADV.items() if k != "eps"},
    "advgan": {k: v for k, v in {**_SDPADV, "eps": 0.3}.items() if k != "spatial"},
    "atn": {**_TRAINED, "form": "p-atn", "hidden": (512, 512), "alpha": 1.5, "beta": 0.01, "lr": 1e-3},
    "convadvgan": {
        **_TRAINED,
        "eps": 0.3,
        "objective": "probability_margin",
        "kappa": 0.0,
        "weight": 1280.0,
        "beta": 1.0,
        "bound": 0.0,
        "lr": 1e-3,
    },
    "blackboxsdpadv": {**_SDPADV, "rounds": 1, "classes": 10, "architecture": "B", "substitute_epochs": 15},
}
_FROM_0, _ABOVE_0, _COUNT = ((0.0, 3.0), (-1e-9,)), ((1e-9, 3.0), (0.0,)), ((1, 7), (0,))
LIMITS = {  # what is taken, what is refused; under "attack parameter" where an attack has its own
    "eps": ((0.0, 1.0), (-1e-9, 1.0001)),
    "fgsm eps": ((0.0, 1.0), (-1e-9, 1.0001)),
    "rfgsm eps": ((0.0, 1.0), (-1e-9, 1.0001)),
    "advgan eps": ((1e-9, 1.0), (0.0, 1.0001)),
    "convadvgan eps": ((1e-9, 1.0), (0.0, 1.0001)),
    "step": ((0.0, 1.0), (-1e-9, 1.0001)),
    "start": ((None, 0.0, 0.3), (-1e-9, 0.3001)),
    "stadv start": _FROM_0,
    "seed": ((0, 7), (-1,)),
    "target": ((None, 0, 9), (-1, 10)),
    "n_samples": ((None, 1, 7), (0,)),
    "samples": ((2, 64), (0, 1, 3)),
    "candidates": ((2, 3), (1,)),
    "evaluations": ((2, 3), (1,)),
    "alpha_decay": ((1e-9, 1.0), (0.0, 1.0001)),
    "atn alpha": ((1.0001, 3.0), (1.0,)),
    **dict.fromkeys(
        ("gamma", "kappa", "decay", "overshoot", "tau", "alpha", "alpha_floor", "beta", "lam", "weight", "bound"),
        _FROM_0,
    ),
    **dict.fromkeys(("lr", "lr_d", "initial_c", "delta"), _ABOVE_0),
    **dict.fromkeys(("steps", "batch_size", "search_steps", "tau_steps", "rounds", "substitute_epochs"), _COUNT),
    "classes": ((2, 100), (0, 1, 2.5)),
    "dx": (((-1, 1, 1), (0, 0, 2)), ((-1.01, 0, 1), (0, 1.01, 1), (0.1, 0, 1), (0, 0, 0), (0, 0))),
    "angle": (((-360, 360, 1),), ((-361, 0, 1), (0, 361, 1), (0, 0, 0))),
    "localisation": (((1,), ()), ((0,), 3)),
    "hidden": (((1,), ()), ((0,), 3)),
}
LIMITS |= {"dy": LIMITS["dx"], "perturbation": LIMITS["localisation"]}


def classifier(name):
    return tiny({"convadvgan": (1, 24, 24), "blackboxsdpadv": (1, 28, 28)}.get(name, (1, 8, 8))).classifier


@pytest.mark.parametrize("name", registry.names())
def test_defaults(name):
    assert registry.find(name).defaults == DEFAULTS[name]


@pytest.mark.parametrize("name", registry.names())
def test_what_is_taken_and_what_is_refused(name):
    kind, asked = registry.find(name), 0
    for parameter, default in kind.defaults.items():
        if isinstance(default, (bool, str)):
            continue
        taken, refused = LIMITS.get(f"{name} {parameter}") or LIMITS[parameter]
        for value in taken:
            kept = kind.make(classifier(name), **{parameter: value}).parameters()[parameter]
            assert kept == (list(value) if isinstance(kept, list) else value)
        for value in refused:
            with pytest.raises(ArgumentError, match=rf"\b{parameter}\b"):
                kind.make(classifier(name), **{parameter: value})
        asked += 1
    assert asked >= 3


@pytest.mark.parametrize(
    "name, parameter",
    [
        (name, p)
        for name in registry.names()
        for p, default in registry.find(name).defaults.items()
        if isinstance(default, (bool, str))
    ],
)
def test_words_and_switches_of_another_kind_are_refused(name, parameter):
    for value in ("neither", 7, None):
        with pytest.raises(ArgumentError, match=parameter):
            registry.find(name).make(classifier(name), **{parameter: value})


def test_lengths_in_other_norms_may_be_above_1():
    make = registry.find("fgsm").make
    assert make(classifier("fgsm"), eps=7.0, norm="l2").eps == make(classifier("fgsm"), eps=7.0, norm="l1").eps == 7
