"""Old public names: still there, with a warning that names the new one and points at the user's line."""
import pickle
import warnings

import pytest

import sdpadv_np as sd
from sdpadv_np.deprecation import RenamedAttribute


def test_a_renamed_class_is_the_new_one():
    with pytest.warns(
        DeprecationWarning, match=r"sdpadv_np.models.Foreign is called ExternalClassifier since 0.2",
    ) as caught:
        assert sd.models.Foreign is sd.models.ExternalClassifier
    assert caught[0].filename == __file__
    with pytest.warns(DeprecationWarning):
        from sdpadv_np.models import Foreign
    assert Foreign.__name__ == "ExternalClassifier" and "Foreign" not in sd.models.__all__


def test_unknown_names_stay_unknown():
    with pytest.raises(AttributeError, match="module 'sdpadv_np.models' has no attribute 'Forein'"):
        _ = sd.models.Forein
    assert not hasattr(sd.models, "__wrapped__")


def test_a_renamed_attribute_is_read_and_written():
    class Record:
        old = RenamedAttribute("new", "0.2")

        def __init__(self):
            self.new = 1

    record = Record()
    with pytest.warns(DeprecationWarning, match=r"Record.old is called new since 0.2") as caught:
        assert record.old == 1
    assert caught[0].filename == __file__
    with pytest.warns(DeprecationWarning):
        record.old = 2
    assert record.new == 2 and isinstance(Record.old, RenamedAttribute)


def test_new_names_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pickle.loads(pickle.dumps(sd.models.ExternalClassifier)) is sd.models.ExternalClassifier
