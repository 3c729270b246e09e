"""What the kernels tell of compiling is shown where somebody watches, and nowhere else."""
import logging

from sdpadv_np.training import Progress
from sdpadv_np.training.progress import compiling_shown

LOG = logging.getLogger("sdpadv_np.kernels")


def test_a_bar_shows_what_is_compiled_and_no_bar_does_not(capsys):
    for shown, expected in ((True, "sdpadv: compiling dense\n"), (False, "")):
        with Progress("training", 3, shown):
            LOG.info("compiling %s", "dense")
        assert capsys.readouterr().err == expected


def test_it_is_shown_once_and_no_longer_than_asked_for(capsys):
    level = LOG.level
    with compiling_shown(), Progress("training", 3):
        LOG.info("compiling dense")
    LOG.info("compiling clip")
    assert capsys.readouterr().err == "sdpadv: compiling dense\n"
    assert LOG.level == level and not LOG.handlers


def test_it_is_shown_above_a_bar_of_tqdm(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Progress("training", 3):
        LOG.info("compiling dense")
    assert "sdpadv: compiling dense\n" in capsys.readouterr().err
