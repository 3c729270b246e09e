"""The epoch loop: what is kept, what is restored, what is refused."""
import pytest

import sdpadv_np as sd
from sdpadv_np import training
from sdpadv_np.errors import FileError


class Stopped(Exception):
    pass


def fit(glyphs, checkpoint, classifier=None, stop_after=None, epochs=4, **options):
    """Train a model, or stop as a kill would after some steps; returns its weights."""
    d, model = glyphs, classifier or sd.models.ModelB()
    steps, original = [0], sd.Plan.__call__

    def step(self, *inputs):
        steps[0] += 1
        if steps[0] == stop_after:
            raise Stopped
        return original(self, *inputs)

    sd.Plan.__call__ = step
    try:
        model.fit(
            d.x_train[:640], d.y_train[:640], d.x_val[:200], d.y_val[:200], epochs=epochs, checkpoint=checkpoint,
            progress=False, **options
        )
    finally:
        sd.Plan.__call__ = original
    return model


@pytest.mark.parametrize("stop_after", (1, 4, 6, 11, 20))
def test_resumed_training_ends_with_the_same_bits(glyphs, tmp_path, stop_after):
    whole = fit(glyphs, None)
    with pytest.raises(Stopped):
        fit(glyphs, tmp_path / "c.h5", stop_after=stop_after)
    resumed = fit(glyphs, tmp_path / "c.h5")
    assert resumed.store.data.tobytes() == whole.store.data.tobytes()
    figures = [{k: v for k, v in row.items() if k != "seconds"} for row in whole.history]
    assert [{k: v for k, v in row.items() if k != "seconds"} for row in resumed.history] == figures


def test_sdpadv_resumes_with_both_optimisers(glyphs, tmp_path, classifier):
    d = glyphs

    def attack():
        return sd.attacks.SdpAdv(classifier)

    def go(attack, epochs, checkpoint=None):
        return attack.fit(
            d.x_train[:640], d.y_train[:640], d.x_val[:200], d.y_val[:200], epochs=epochs, checkpoint=checkpoint,
            progress=False
        )

    whole = go(attack(), 4)

    class Stop:
        count = 0

        def backward(self, tensor, index, contribution):
            if tensor.op.name == "affine_sample":
                Stop.count += 1
                if Stop.count == 12:  # in the middle of the third epoch
                    raise Stopped

    with pytest.raises(Exception, match="affine_sample|Stopped"), sd.hooks(Stop()):
        go(attack(), 4, tmp_path / "c.h5")
    assert (tmp_path / "c.h5").exists()
    resumed = go(attack(), 4, tmp_path / "c.h5")
    assert resumed.generator.store.data.tobytes() == whole.generator.store.data.tobytes()


def test_a_finished_training_is_not_repeated(glyphs, tmp_path):
    first = fit(glyphs, tmp_path / "c.h5")
    again = fit(glyphs, tmp_path / "c.h5", stop_after=1)  # would stop at the first step
    assert again.store.data.tobytes() == first.store.data.tobytes()


def test_a_checkpoint_of_other_settings_is_refused(glyphs, tmp_path):
    fit(glyphs, tmp_path / "c.h5", epochs=1)
    with pytest.raises(FileError, match="was made with lr = 0.001, now it is 0.01; resume with the same settings"):
        fit(glyphs, tmp_path / "c.h5", epochs=1, lr=0.01)


def test_a_damaged_checkpoint_is_refused_and_left_alone(glyphs, tmp_path):
    path = tmp_path / "c.h5"
    fit(glyphs, path, epochs=1)
    path.write_bytes(path.read_bytes()[:-100])
    size = path.stat().st_size
    with pytest.raises(FileError, match="is damaged or cut off"):
        fit(glyphs, path, epochs=1)
    assert path.stat().st_size == size


def test_fewer_images_than_a_batch(glyphs):
    d = glyphs
    f = sd.models.ModelB().fit(d.x_train[:5], d.y_train[:5], d.x_val[:5], d.y_val[:5], epochs=2, progress=False)
    assert len(f.history) == 2


def test_lines_where_nobody_watches(capsys, glyphs):
    d = glyphs
    sd.models.ModelB().fit(d.x_train[:256], d.y_train[:256], d.x_val[:50], d.y_val[:50], epochs=2)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and lines[0].startswith("Model B: epoch 1/2  loss ") and "validation accuracy" in lines[0]
    assert "s left]" in lines[0]


def test_a_bar_where_somebody_does(monkeypatch):
    import io

    screen = io.StringIO()
    screen.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", screen)
    with training.Progress("job", 40) as bar:
        for _ in range(40):
            bar.update({"loss": 0.5})
        bar.line("epoch 1/1  loss 0.5")
    assert "job" in screen.getvalue() and "40/40" in screen.getvalue()
    assert "job: epoch 1/1  loss 0.5" in screen.getvalue()
