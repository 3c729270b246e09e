"""Folders of results: one command each, nothing mixed, nothing foreign removed."""
import errno
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from sdpadv_np.errors import ArgumentError, Error, FileError
from sdpadv_np.storage import files, folders

OURS = ".sdpadv-ab12cd_x.unfinished"
FOREIGN = (
    ".notes.unfinished", ".sdpadv-notes.unfinished", ".my.document.unfinished", "sdpadv-ab12cd_x.unfinished",
    ".sdpadv-ab12cd_x.unfinished.txt", ".sdpadv-AB12CD_X.unfinished",
)


def inside(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_what_a_killed_writer_left_is_known_by_its_name_and_nothing_else_is_touched(tmp_path):
    for name in (OURS, *FOREIGN):
        (tmp_path / name).write_text("")
        (tmp_path / "below" / name / "full").mkdir(parents=True)
    (tmp_path / ".sdpadv-folder_1.unfinished/inner").mkdir(parents=True)
    (tmp_path / ".sdpadv-link_abc.unfinished").symlink_to(tmp_path / "below")
    before = inside(tmp_path)
    folders.remove_unfinished(tmp_path)
    assert set(before) - set(inside(tmp_path)) == {
        OURS, ".sdpadv-folder_1.unfinished", ".sdpadv-folder_1.unfinished/inner"
    }
    folders.remove_unfinished(tmp_path / "nowhere")


def test_writers_leave_names_that_are_known_as_theirs(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        files.os, "replace", lambda temporary,
        path: (seen.append(os.path.basename(temporary)), os.rename(temporary, path)),
    )
    files.write_text(tmp_path / ("x" * 250), "the longest name that file systems take")
    folders.write(tmp_path / "new", {"a": b""})
    assert all(folders._UNFINISHED.fullmatch(name) for name in seen)
    (tmp_path / OURS).write_text("")
    os.utime(tmp_path / OURS, (time.time() - 7200,) * 2)
    (tmp_path / ".sdpadv-of_other.unfinished").write_text("")
    folders.remove_unfinished(tmp_path, folders.STALE)
    assert OURS not in os.listdir(tmp_path) and ".sdpadv-of_other.unfinished" in os.listdir(tmp_path)


def test_cleaning_beside_a_writer_disturbs_nobody(tmp_path):
    """Many writers and cleaners of one folder: each file is written, no cleaner fails over what is gone meanwhile."""
    failures = []

    def write():
        for number in range(60):
            try:
                files.write_text(tmp_path / "file", str(number))
            except Error as error:
                failures.append(error)

    def clean():
        while any(t.is_alive() for t in writers):
            try:
                folders.remove_unfinished(tmp_path, folders.STALE)
            except OSError as error:
                failures.append(error)

    writers = [threading.Thread(target=write) for _ in range(2)]
    for thread in [*writers, *(cleaners := [threading.Thread(target=clean) for _ in range(2)])]:
        thread.start()
    for thread in [*writers, *cleaners]:
        thread.join()
    assert failures == [] and os.listdir(tmp_path) == ["file"]


def test_new_folders_of_one_second_get_numbers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with folders.create(None, "runs/attack-1200") as first, folders.create(None, "runs/attack-1200") as second:
        (first / "a").write_text("")
        assert [first.name, second.name] == ["attack-1200", "attack-1200-2"]
    # an empty one goes again, and no lock stays
    assert inside(tmp_path) == ["runs", "runs/attack-1200", "runs/attack-1200/a"]


def test_many_at_once_get_a_folder_each(tmp_path):
    program = f"""
import os, sys
from sdpadv_np.storage import folders
sys.stdin.readline()
with folders.create(None, {str(tmp_path / 'run')!r}) as folder:
    (folder / "who").write_text(str(os.getpid()))
"""
    started = [subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, text=True) for _ in range(4)]
    for process in started:
        process.communicate("go\n")
    assert sorted(
        int((tmp_path / name / "who").read_text()) for name in os.listdir(tmp_path)
    ) == sorted(p.pid for p in started)


def test_a_given_folder_must_be_empty_and_is_refused_while_another_works_in_it(tmp_path):
    (tmp_path / ".gitkeep").write_text("")
    with folders.create(tmp_path, "") as path:
        for again in (lambda: folders.create(tmp_path, ""), lambda: folders.locked(tmp_path)):
            with pytest.raises(ArgumentError, match="another sdpadv command is working in this folder"), again():
                pass
        (path / "result").write_text("")
    assert inside(tmp_path) == [".gitkeep", "result"]
    with pytest.raises(
        ArgumentError, match="with other files in it; choose a new or an empty folder"
    ), folders.create(tmp_path, ""):
        pass
    assert inside(tmp_path) == [".gitkeep", "result"]


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    program = f"""
import time
from pathlib import Path
from sdpadv_np.storage import folders
with folders.locked(Path({str(tmp_path)!r})):
    print("held", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(ArgumentError, match="another sdpadv command"), folders.locked(tmp_path):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
    with folders.locked(tmp_path):
        assert os.listdir(tmp_path) == [folders.LOCK]
    assert os.listdir(tmp_path) == []


def test_a_lock_is_never_held_twice_however_fast_it_changes_hands(tmp_path):
    """The file of a lock is removed by its holder: whoever had opened it just before must not believe in it."""
    holding, most, done = [0], [0], []

    def work():
        mine = 0
        while mine < 100:  # however often it is refused meanwhile
            try:
                with folders.locked(tmp_path):
                    holding[0] += 1
                    most[0] = max(most[0], holding[0])
                    holding[0] -= 1
                    mine += 1
            except ArgumentError:
                pass
        done.append(mine)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] and done == [100] * 4


def test_a_file_system_without_locks_is_told_and_worked_on(tmp_path, monkeypatch):
    monkeypatch.setattr(
        folders.fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOLCK, "No locks available"))
    )
    with pytest.warns(
        RuntimeWarning, match="knows no locks; start no second command"
    ), folders.create(tmp_path / "new", "") as path:
        (path / "a").write_text("")
    assert inside(tmp_path) == ["new", "new/a"]


def test_folders_that_cannot_be(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    for given, usual in ((tmp_path / "file", ""), (tmp_path / "file/new", ""), (None, "file/new")):
        with pytest.raises(FileError, match="choose another"), folders.create(given, usual):
            pass
    monkeypatch.setattr(
        folders.os, "write", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device"))
    )
    with pytest.raises(
        FileError, match="cannot be written: No space left on device; choose another folder"
    ), folders.create(tmp_path / "new", ""):
        pass


def test_results_come_together_or_not_at_all(tmp_path):
    with folders.all_or_nothing(tmp_path, "record") as draft:
        (draft / "record").write_text("")
        (draft / "images").mkdir()
        assert all(name.startswith(".") for name in os.listdir(tmp_path))
    assert inside(tmp_path) == ["images", "record"]


def test_what_fails_while_results_are_made_is_told_as_it_is(tmp_path):
    with pytest.raises(BrokenPipeError), folders.all_or_nothing(tmp_path, "record") as draft:
        (draft / "record").write_text("")
        raise BrokenPipeError
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("moment", (0, 1, 2))
def test_an_interruption_leaves_no_half_of_the_results(tmp_path, monkeypatch, moment):
    original, count = os.rename, [0]

    def rename(*paths):
        if count[0] == moment:
            raise KeyboardInterrupt
        count[0] += 1
        original(*paths)

    monkeypatch.setattr(folders.os, "rename", rename)
    with pytest.raises(KeyboardInterrupt), folders.all_or_nothing(tmp_path, "record") as draft:
        for name in ("record", "pictures"):
            (draft / name).write_text("")
        (draft / "images/0").mkdir(parents=True)
    assert os.listdir(tmp_path) == []


def test_a_folder_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    folders.write(tmp_path / "new", {"1/a": b"a", "b": b"b"})
    assert (tmp_path / "new/1/a").read_bytes() == b"a"
    with pytest.raises(Error, match="is there already"):
        folders.write(tmp_path / "new", {})
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot be written"):
        folders.write(tmp_path / "file" / "new", {"a": b"a"})
    monkeypatch.setattr(folders.os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        folders.write(tmp_path / "other", {"a": b"a"})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "new"]


def test_the_home_folder_is_known_by_its_sign(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    files.write_text("~/a/b", "x")
    with folders.create("~/run", "") as path:
        files.write_text(path / "c", "x")
    assert inside(tmp_path) == ["a", "a/b", "run", "run/c"]
    with pytest.raises(FileError, match="~nobody-of-this-name/x: this machine knows no such home folder"):
        files.expanded("~nobody-of-this-name/x")


def test_a_name_that_begins_with_the_sign_of_home_is_a_name_where_a_folder_stands_before_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files.write_text("./~tilde/a", "x")
    assert inside(tmp_path) == ["~tilde", "~tilde/a"] and files.read_bytes(files.expanded("./~tilde/a")) == b"x"
    assert files.expanded("~").is_absolute()
    assert str(files.expanded("a/~b")) == "a/~b" and str(files.expanded("")) == "."


def test_a_lock_that_is_none_of_ours_is_left_as_it_is(tmp_path):
    (tmp_path / "precious").write_text("text")
    folder = tmp_path / "folder"
    folder.mkdir()
    for make in (
        lambda lock: lock.symlink_to(tmp_path / "precious"), lambda lock: lock.symlink_to(tmp_path / "new"),
        lambda lock: os.link(tmp_path / "precious", lock), os.mkfifo, os.mkdir,
        lambda lock: lock.write_text("somebody's"),
    ):
        make(folder / folders.LOCK)
        with pytest.raises(
            FileError,
            match=r"\.sdpadv-lock: is no lock of ours, but a link or somebody's file; remove it, or choose another",
        ), folders.locked(folder):
            pass
        assert os.path.lexists(folder / folders.LOCK)
        assert (tmp_path / "precious").read_text() == "text" and not (tmp_path / "new").exists()
        os.rename(folder / folders.LOCK, tmp_path / "away")
        away = tmp_path / "away"
        os.rmdir(away) if away.is_dir() and not away.is_symlink() else os.unlink(away)


def test_what_took_the_place_of_a_lock_is_not_removed(tmp_path):
    with folders.locked(tmp_path):
        os.unlink(tmp_path / folders.LOCK)
        (tmp_path / folders.LOCK).write_text("somebody's")
    assert (tmp_path / folders.LOCK).read_text() == "somebody's"
