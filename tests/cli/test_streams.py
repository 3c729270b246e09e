"""The command where standard streams are not what a developer has."""
import errno
import io
import os
import subprocess
import sys
import warnings

import pytest

from sdpadv_np import checks, cli, data
from sdpadv_np.cli import main, streams
from sdpadv_np.training import Progress


class Failing(io.TextIOBase):
    """A stream that takes nothing."""

    def __init__(self, number):
        self.number = number

    def write(self, text):
        raise OSError(self.number, os.strerror(self.number))

    flush = isatty = lambda self: self.write("")

    def close(self):
        """Nothing to flush: Python 3.13 tells of what fails when a stream goes."""


@pytest.fixture(autouse=True)
def _drawn_once(monkeypatch, glyphs):
    monkeypatch.setattr(
        data, "load", lambda name, *_: glyphs if name == "glyphs" else checks.choice("dataset", name, data.DATASETS),
    )


def test_a_missing_stream_is_no_hindrance(monkeypatch):
    for name in ("stdout", "stderr", "stdin"):
        monkeypatch.setattr(sys, name, None)
    assert main(["data", "glyphs"]) == 0 and main(["data", "nothing"]) == 1
    assert (sys.stdout, sys.stderr) == (None, None)
    with Progress("title", 2) as progress:
        progress.update({"loss": 1.0})
        progress.line("text")


def test_where_errors_cannot_be_shown_work_goes_on(monkeypatch):
    for stream in (Failing(errno.EPIPE), Failing(errno.ENOSPC), open(os.devnull, "w")):  # noqa: SIM115
        stream.close() if not isinstance(stream, Failing) else None
        monkeypatch.setattr(sys, "stderr", stream)
        assert main(["data", "nothing"]) == 1
        monkeypatch.setattr(streams, "_reconfigure", lambda *_: None)
        monkeypatch.setattr(Failing, "isatty", lambda self: False)
        with Progress("title", 2) as progress:
            progress.update()
            progress.line("text")


def test_nobody_reads_any_more(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", Failing(errno.EPIPE))
    for arguments in (["data", "glyphs"], ["attack", "--list"], ["--version"], ["train", "--help"]):
        assert main(arguments) == 141
    assert capsys.readouterr().err == ""


def test_a_full_disk_behind_the_output_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", Failing(errno.ENOSPC))
    for arguments in (["data", "glyphs"], ["--version"], ["train", "--help"]):
        assert main(arguments) == 1
        assert capsys.readouterr().err == "sdpadv: standard output: cannot be written: No space left on device\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_as_a_shell_starts_it():
    """Closed streams, a disk that is full, a reader that left: nothing on standard error that Python adds at the end.
    """
    command = f"exec {sys.executable} -m sdpadv_np.cli"
    cases = (
        (f"{command} --version >/dev/full", 1, "sdpadv: standard output: cannot be written: No space left on device\n"),
        (
            f"{command} attack --list >/dev/full", 1,
            "sdpadv: standard output: cannot be written: No space left on device\n",
        ),
        (f"{command} data nothing <&- >&- 2>&-", 1, ""),
    )
    for line, status, said in cases:
        done = subprocess.run(["sh", "-c", line], stderr=subprocess.PIPE, text=True)
        assert (done.returncode, done.stderr) == (status, said)
    process = subprocess.Popen(
        [sys.executable, "-m", "sdpadv_np.cli", "attack", "--list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )
    process.stdout.close()
    assert (process.stderr.read(), process.wait()) == (b"", 141)
    process.stderr.close()


def test_every_character_can_be_printed(monkeypatch):
    memory = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(memory, encoding="ascii"))
    with streams.usable():
        print("12° – file\udcff\u2603")
    assert memory.getvalue() == b"12\\xb0 \\u2013 file\\udcff\\u2603\n"
    assert sys.stdout.errors == "strict"


def test_nothing_is_printed_that_a_terminal_obeys(monkeypatch, capsys, tmp_path):
    name = f"{tmp_path}/\x1b[2J\x9b1m\r\u202etxt\x07"
    assert main(["train", "--resume", name]) == 1
    with streams.usable():
        print(f"classifier = {name}\tend")
    shown = capsys.readouterr()
    assert shown.out.endswith("/\\x1b[2J\\x9b1m\\r\\u202etxt\\x07\tend\n")
    assert not set(shown.err + shown.out) & set("\x1b\x9b\r\x07\u202e")


def test_warnings_are_one_line():
    with streams.usable():
        assert warnings.formatwarning(
            RuntimeWarning("kernels\ncannot be \x1bkept"), RuntimeWarning, "file.py", 3,
        ) == "sdpadv: kernels cannot be \\x1bkept\n"
    assert "file.py:3" in warnings.formatwarning(RuntimeWarning("x"), RuntimeWarning, "file.py", 3)


@pytest.mark.parametrize("error, line", [
    (
        ZeroDivisionError("division by zero"),
        "sdpadv: ZeroDivisionError: division by zero; this should not happen: --debug shows where it did",
    ),
    (
        ModuleNotFoundError("No module named 'h5py'", name="h5py"),
        "sdpadv: the package h5py is not installed, which sdpadv-np needs: pip install sdpadv-np",
    ),
    (OSError(errno.EIO, "Input/output error", "a file"), "sdpadv: a file: Input/output error"),
    (MemoryError(), "sdpadv: MemoryError"), (KeyboardInterrupt("go on so"), "\nsdpadv: interrupted; go on so"),
])
def test_every_failure_is_one_line_and_its_traceback_is_to_be_had(monkeypatch, capsys, error, line):
    def fail(*_):
        raise error

    monkeypatch.setattr(cli, "parser", fail)
    status = 130 if isinstance(error, KeyboardInterrupt) else 1
    assert main(["data"]) == status and capsys.readouterr().err == f"{line}\n"
    assert main(["data", "--debug"]) == status and "Traceback" in capsys.readouterr().err


def test_too_few_files_may_be_open(monkeypatch, capsys):
    """Python then says that modules are missing, and more of the kind."""

    def full(*_, **__):
        raise OSError(errno.EMFILE, "Too many open files")

    def fail(*_):
        monkeypatch.setattr(os, "open", full)
        raise ModuleNotFoundError("No module named 'h5py'", name="h5py")

    monkeypatch.setattr(cli, "parser", fail)
    assert main(["data"]) == 1
    assert capsys.readouterr().err == "sdpadv: too many files are open; allow more (ulimit -n), or close some\n"


@pytest.mark.parametrize("package, command, brought_by", [
    ("h5py", ["train", "--dataset", "glyphs"], "sdpadv-np"),
    ("matplotlib", ["train", "--dataset", "glyphs"], r"sdpadv-np[plot]"),
])
def test_a_missing_package_is_named_before_the_work(monkeypatch, capsys, tmp_path, package, command, brought_by):
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    assert main([*command, "--output", str(tmp_path / "r")]) == 1
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1 and f"pip install '{brought_by}'" in shown
    assert not (tmp_path / "r").exists()


def test_a_terminal_that_cannot_move_gets_lines(monkeypatch):
    class Terminal(io.StringIO):
        isatty = lambda self: True  # noqa: E731

    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "dumb")
    with Progress("title", 2) as progress:
        assert progress.bar is None
        progress.line("text")
    assert sys.stderr.getvalue() == "title: text\n"
