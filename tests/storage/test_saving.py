"""Trained classifiers and generators as files: round trips, and errors for odd content under a right checksum."""
import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np.errors import ArgumentError, FileError
from sdpadv_np.storage import files


def test_save_and_load_classifier_and_generator(tmp_path, classifier, glyphs):
    x = glyphs.x_test[:20]
    sd.save(classifier, tmp_path / "c.h5")
    again = sd.load(tmp_path / "c.h5")
    assert type(again) is sd.models.ModelB and again.settings == classifier.settings
    assert again.history == classifier.history
    assert again.logits(x).tobytes() == classifier.logits(x).tobytes()
    attack = sd.attacks.SdpAdv(classifier, eps=0.2, gamma=0.4, projection="l2", convention="align_corners", seed=3)
    sd.save(attack.generator, tmp_path / "g.h5")
    generator = sd.load(tmp_path / "g.h5")
    assert generator.parameters() == attack.generator.parameters()
    assert generator(x).tobytes() == attack.generator(x).tobytes()
    with pytest.raises(ArgumentError, match="cannot save a dict"):
        sd.save({}, tmp_path / "d.h5")


ODD = {  # a generator's description, changed
    "architecture of another kind": (
        lambda a: a.update(architecture="Z"), "attributes: has an unknown field 'architecture'"
    ),
    "no history": (lambda a: a.pop("history"), "attributes: lacks history; expected a list, each value an object"),
    "history of texts": (lambda a: a.update(history=["a"]), r"attributes: history is \['a'\]; expected a list"),
    "history that never was": (lambda a: a.update(history=[{"loss": 10**400}]), "attributes: history is .*; expected"),
    "settings": (lambda a: a.update(settings=3), "attributes: settings is 3; expected an object"),
    "no parameters": (
        lambda a: a.update(generator={}), "its parameters: lacks eps; expected a finite number from 0 to 1"
    ),
    "a parameter too many": (lambda a: a["generator"].update(kapa=1), "its parameters: has an unknown field 'kapa'"),
    "eps": (
        lambda a: a["generator"].update(eps="0.1"), "its parameters: eps is '0.1'; expected a finite number from 0 to 1"
    ),
    "spatial": (lambda a: a["generator"].update(spatial=0), "its parameters: spatial is 0; expected true or false"),
    "a layer beyond all memory": (
        lambda a: a["generator"].update(localisation=[10**13]),
        r"h_sd/1/W has shape \(4, 2\), its parameters say \(4, 10000000000000\)",
    ),
    "a layer more": (lambda a: a["generator"].update(perturbation=[2, 2]), "its parameters say"),
    "images beyond all memory": (
        lambda a: a["generator"].update(image_shape=[1, 60000, 60000]), r"its parameters say \(3600000000, 2\)"
    ),
    "images of two axes": (
        lambda a: a["generator"].update(image_shape=[2, 2]), r"image_shape is \[2, 2\]; expected a list of 3"
    ),
    "a projection": (lambda a: a["generator"].update(projection="l1"), "projection is 'l1'; expected one of box, l2"),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_description_names_file_field_and_what_was_expected(tmp_path, name):
    change, message = ODD[name]
    kind, arrays, attributes = sd.models.Generator(
        localisation=(2,), perturbation=(2,), image_shape=(1, 2, 2)
    ).to_file()
    change(attributes)
    files.write(tmp_path / "g.h5", kind, arrays, attributes)
    with pytest.raises(FileError, match=message) as error:
        sd.load(tmp_path / "g.h5")
    assert str(tmp_path / "g.h5") in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("dtype", (np.float16, np.int32))
def test_weights_of_another_dtype_are_refused_with_the_files_name(tmp_path, dtype):
    for made in (sd.models.ModelB(), sd.models.Generator(localisation=(2,), perturbation=(2,), image_shape=(1, 2, 2))):
        kind, arrays, attributes = made.to_file()
        files.write(tmp_path / "w.h5", kind, {name: array.astype(dtype) for name, array in arrays.items()}, attributes)
        with pytest.raises(
            FileError,
            match=rf"w.h5: \w+/1/W is {np.dtype(dtype)}; expected weights that are all float32 or all float64",
        ):
            sd.load(tmp_path / "w.h5")


def test_big_endian_weights_are_converted(tmp_path, rng):
    made = sd.models.Generator(localisation=(2,), perturbation=(2,), image_shape=(1, 2, 2), seed=4)
    kind, arrays, attributes = made.to_file()
    files.write(tmp_path / "g.h5", kind, {name: array.astype(">f4") for name, array in arrays.items()}, attributes)
    assert sd.load(tmp_path / "g.h5").store.data.tobytes() == made.store.data.tobytes()


def test_a_file_of_another_model(tmp_path):
    kind, arrays, attributes = sd.models.ModelB().to_file()
    files.write(tmp_path / "z.h5", kind, arrays, {**attributes, "architecture": "Z"})
    with pytest.raises(FileError, match="architecture is 'Z'; expected one of A, B"):
        sd.load(tmp_path / "z.h5")
    files.write(tmp_path / "y.h5", kind, arrays, {**attributes, "architecture": "A"})
    with pytest.raises(FileError, match="lacks model_a"):
        sd.load(tmp_path / "y.h5")


def test_a_missing_device_is_not_the_files_fault(tmp_path, monkeypatch):
    sd.save(sd.models.Generator(localisation=(2,), perturbation=(2,), image_shape=(1, 2, 2)), tmp_path / "g.h5")
    monkeypatch.setitem(__import__("sys").modules, "cupy", None)
    with pytest.raises(ArgumentError, match="device cuda needs CuPy"):
        sd.load(tmp_path / "g.h5", "cuda")


class Deeper(sd.models.ModelB):
    """A subclass, which no file can give back."""

    def logits(self, x):
        return 2.0 * super().logits(x)


class Bolder(sd.models.Generator):
    """The same."""


class MyAttack(sd.attacks.SdpAdv):
    """Whose generator is an ordinary one."""

    def _generator(self, image_shape):
        return Bolder(image_shape=image_shape) if self.gamma == 0.5 else super()._generator(image_shape)


@pytest.mark.parametrize(
    "make, base", ((Deeper, "ModelB"), (Bolder, "Generator"), (lambda: MyAttack(None, gamma=0.5), "Generator"))
)
def test_what_a_file_could_not_give_back_is_not_saved(tmp_path, make, base):
    with pytest.raises(
        ArgumentError,
        match=f"(Deeper|Bolder) is a subclass of {base}, and its file would be loaded as a {base}.*or pickle it",
    ):
        sd.save(make(), tmp_path / "s.h5")
    assert not list(tmp_path.iterdir())


def test_an_attack_of_one_s_own_with_an_ordinary_generator_is(tmp_path):
    attack = MyAttack(None)
    attack.generator.history.append({"epoch": 1})
    sd.save(attack, tmp_path / "s.h5")
    assert type(sd.load(tmp_path / "s.h5")) is sd.models.Generator


def test_a_method_that_is_no_text_is_refused(tmp_path):
    generator = sd.models.Generator()
    generator.settings = {"method": ["SdpAdv"]}
    sd.save(generator, tmp_path / "g.h5")
    with pytest.raises(FileError, match=r"settings is \{'method': \['SdpAdv'\]\}; expected an object whose method"):
        sd.load(tmp_path / "g.h5")
