"""Architectures: descriptions that files hold, shapes, counts, and what is wrong with one."""
import json

import numpy as np
import own
import pytest

import sdpadv_np as sd
from sdpadv_np import nn
from sdpadv_np.errors import ArgumentError, FileError
from sdpadv_np.models.architecture import Architecture
from sdpadv_np.models.layer_table import LAYERS, PARAMETERS, output_shapes

EVERY = [  # every kind of layer, images (3, 8, 8)
    nn.ReflectPad(1),
    nn.Conv2d(3, 4, (3, 3), padding="same", activation="leaky_relu"),
    nn.InstanceNorm("tanh"),
    nn.Residual((nn.Conv2d(4, 4, (3, 3), padding=1), nn.BatchNorm(4, "relu"))),
    nn.Conv2d(4, 5, (3, 3), stride=2, padding=((0, 1), (1, 0))),
    nn.ConvTranspose2d(5, 2, (3, 3), (10, 10), stride=2, padding=((0, 1), (1, 0))),
    nn.BatchNorm(2),
    nn.MaxPool2d(),
    nn.AvgPool2d((2, 1), 1, ((1, 0), (0, 0))),
    nn.Dropout(0.2),
    nn.Flatten(),
    nn.Dense(50, 7),
]


def test_shapes_and_counts_are_those_of_the_network(rng):
    assert {type(layer) for layer in EVERY} == {kind.layer for kind in LAYERS.values()}, "a new layer goes into EVERY"
    f = sd.models.Classifier(EVERY, (3, 8, 8), 7)
    x = rng.random((2, 3, 8, 8), np.float32)
    for layer, tensors, shape, count in zip(
        f.network.layers, f.network.tensors, f._architecture.shapes(), f._architecture.counts()
    ):
        x = layer(x, **{name: t.data for name, t in tensors.items()})
        assert x.shape == (2, *shape) and count == sum(t.size for t in tensors.values())
    assert f"{f.store.data.size:,}" in repr(f).splitlines()[-1]


def test_a_description_comes_back_from_json():
    one = Architecture(EVERY, (3, 8, 8), 7, "mine")
    other = Architecture.from_description(json.loads(json.dumps(one.description())), "x")
    assert other == one and other.layers == tuple(EVERY)
    short = {
        "name": "mine",
        "image_shape": [1, 2, 2],
        "classes": 3,
        "layers": [{"kind": "Flatten"}, {"kind": "Dense", "inputs": 4, "outputs": 3}],
    }
    assert Architecture.from_description(short, "x").layers == (nn.Flatten(), nn.Dense(4, 3)), (
        "defaults may be left out"
    )


def test_numbers_of_numpy_become_pythons():
    layer = Architecture(
        [nn.Flatten(), nn.Dense(np.int64(4), np.int32(3), bias=np.zeros(3).tolist())], (1, 2, 2), 3, "mine"
    ).layers[1]
    assert layer == nn.Dense(4, 3, bias=(0.0, 0.0, 0.0)) and type(layer.inputs) is int


@pytest.mark.parametrize(
    "layers, message",
    (
        (
            [nn.Dense(192, 7)],
            r"layer 0, Dense\(192, 7\), takes flat numbers, here it gets \(3, 8, 8\): put Flatten\(\) before it",
        ),
        ([nn.Flatten(), nn.Dense(64, 7)], r"layer 1, .* takes 64 numbers, here it gets 192: use inputs=192"),
        (
            [nn.Flatten(), nn.Dense(192, 10)],
            r"the last layer, Dense\(192, 10\), makes \(10,\); expected logits \(7,\): end with Dense\(..., 7\)",
        ),
        ([nn.Conv2d(1, 4, (3, 3))], r"layer 0, .* takes \(1, H, W\); here it gets \(3, 8, 8\)"),
        ([nn.Conv2d(3, 4, (9, 3))], r"has a kernel larger than its input \(3, 8, 8\)"),
        ([nn.Conv2d(3, 4, 3)], "layer 0, Conv2d: kernel is 3; expected a list of 2"),
        ([nn.Conv2d(3, 4, (3, 3), activation="gelu")], "activation is 'gelu'; expected one of linear, relu"),
        ([nn.Conv2d(3, 4, (3, 3), padding="full")], "padding is 'full'; expected valid, same, a whole number"),
        ([nn.BatchNorm(4)], r"takes \(4, H, W\); here it gets \(3, 8, 8\)"),
        ([nn.Flatten(), nn.InstanceNorm()], r"takes \(C, H, W\); here it gets \(192,\)"),
        ([nn.Residual((nn.Conv2d(3, 3, (3, 3)),))], r"adds \(3, 6, 6\) to \(3, 8, 8\); its layers must keep the shape"),
        (
            [nn.Residual((nn.Dense(3, 3),))],
            r"layer 0, Residual\(\(Dense\(3, 3\),\)\), layer 0, Dense\(3, 3\), takes flat numbers",
        ),
        ([nn.ReflectPad(8)], "mirrors 8 pixels"),
        ([nn.ConvTranspose2d(3, 3, (3, 3), (9, 9))], r"makes \(9, 9\) of \(7, 7\); here it gets \(8, 8\)"),
        ([nn.Conv2d(3, 1 << 24, (1, 1))], "makes .* numbers of one image; expected at most"),
        ([nn.Flatten(), nn.Dense(192, 7, bias=(0.0,))], "has 1 numbers as bias; expected 7"),
        ([nn.Conv2d(3, 16, (3, 3), algorithm="winograd")], "its algorithm: .* not for 3x3 stride 1 from 3 to 16"),
        ([nn.Flatten(), nn.Dense(192, 7, bias=(10**300,) * 7)], "bias is .*; expected a list, each value a finite"),
        ([nn.BatchNorm(3, spread=1e300)], "spread is 1e[+]300; expected a finite number from 0 to 1e[+]30"),
        ([nn.Flatten()] * 1001, r"layers is .{,90}; give a list of 1 to 1000 layers"),
        ([nn.MaxPool2d(9)], r"has a kernel larger than its input \(3, 8, 8\)"),
        ([nn.AvgPool2d(2, padding=2)], "has windows of padding alone"),
        ([nn.MaxPool2d("2")], "kernel is '2'; expected a whole number or a list of 2"),
        ([nn.Dense], "layer 0 is the class Dense; choose layers of sd.nn: Dense, Conv2d"),
        ([lambda x: x], "layer 0 is a function; choose layers of sd.nn"),
        ([], "layers is \\[\\]; give a list of 1 to 1000 layers"),
    ),
)
def test_what_does_not_fit_is_named(layers, message):
    with pytest.raises(ArgumentError, match=message):
        sd.models.Classifier(layers, (3, 8, 8), 7)


def test_names_image_shapes_and_classes_are_checked():
    for change, message in (
        ({"name": "a/b"}, "name is 'a/b'"),
        ({"name": ""}, "name is ''"),
        ({"name": 3}, "name is 3"),
        ({"name": "x" * 5000}, "name is 'x{79}; give"),
        ({"image_shape": (8, 8)}, "image_shape is"),
        ({"classes": 1}, "classes is 1"),
        ({"seed": -1}, "seed is -1"),
    ):
        with pytest.raises(ArgumentError, match=message):
            sd.models.Classifier(**{"layers": own.layers(), "image_shape": own.SHAPE, "classes": own.CLASSES, **change})


def _saved(tmp_path, change, arrays=None):
    """A file of a classifier of one's own, with a valid checksum and ``change`` made to its description."""
    from sdpadv_np.storage import files

    kind, held, attributes = own.network().to_file()
    change(attributes["architecture"])
    files.write(tmp_path / "own.h5", kind, held if arrays is None else arrays, attributes)
    return tmp_path / "own.h5"


@pytest.mark.parametrize(
    "change, message",
    (
        (lambda d: d.clear(), "architecture: lacks name"),
        (lambda d: d.update(code="import os"), "has an unknown field 'code'"),
        (lambda d: d.update(name="../x/y"), r"name is '\.\./x/y'"),
        (lambda d: d.update(layers=[]), "give a list of 1 to 1000"),
        (lambda d: d.update(layers=[{"kind": "Flatten"}] * 1001), "give a list of 1 to 1000"),
        (lambda d: d["layers"].append("Dense"), "layers is .*; expected a list, each value an object"),
        (lambda d: d["layers"][0].pop("kind"), "layer 0: kind is None; expected one of Dense, Conv2d"),
        (lambda d: d["layers"][0].update(kind="os.system"), "layer 0: kind is 'os.system'; expected one of"),
        (lambda d: d["layers"][0].update(kind=["Dense"]), "layer 0: kind is"),
        (lambda d: d["layers"][0].update(extra=1), "layer 0, Conv2d: has an unknown field 'extra'"),
        (lambda d: d["layers"][0].pop("kernel"), "layer 0, Conv2d: lacks kernel"),
        (lambda d: d["layers"][0].update(stride=0), "stride is 0; expected a whole number from 1"),
        (lambda d: d["layers"][0].update(inputs=10**12), "inputs is 1000000000000; expected a whole number"),
        (lambda d: d["layers"][0].update(init="__import__"), "init is '__import__'; expected one of"),
        (lambda d: d["layers"][5].update(inputs=7), "takes 7 numbers, here it gets 96"),
        (lambda d: d.update(image_shape=[3, 1 << 16, 1 << 16]), "numbers of one image"),
        (lambda d: d.update(image_shape=[3, 8]), "image_shape is"),
        (
            lambda d: d["layers"].insert(5, {"kind": "Dense", "inputs": 96, "outputs": 96}),
            r"holds 873 weights, its layers have 10,185",
        ),
        (
            lambda d: d["layers"].insert(
                0, {"kind": "Residual", "layers": [{"kind": "Residual", "layers": [{"kind": "Nothing"}]}]}
            ),
            "layer 0, Residual, layer 0, Residual, layer 0: kind is 'Nothing'",
        ),
        (lambda d: d.update(name="other"), "lacks other/0/W"),
    ),
)
def test_hostile_descriptions_are_refused_in_one_line(tmp_path, change, message):
    path = _saved(tmp_path, change)
    with pytest.raises(FileError, match=message) as caught:
        sd.load(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_every_parameter_of_every_layer_has_its_check():
    from dataclasses import fields

    assert {f.name for kind in LAYERS.values() for f in fields(kind.layer)} == set(PARAMETERS)
    with pytest.raises(ArgumentError, match="layer 1"):
        output_shapes([nn.Flatten(), nn.Flatten(), nn.Dense(3, 3)][::2], (1, 2, 2))
