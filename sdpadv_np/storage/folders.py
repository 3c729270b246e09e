"""Folders of results: made and locked by one command, which also removes the unfinished files of killed ones.

The lock is on a file in the folder, removed with it; the system releases it when the process ends, however it ends.
"""
from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import shutil
import stat
import sys
import time
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from ..errors import ArgumentError, Error, FileError
from . import files

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCK = ".sdpadv-lock"
STALE = 3600.0  # seconds; an unfinished file that is older is a killed writer's and not another process's
_AS_IT_IS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # follows no link, waits for no pipe
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # the answer of some network drives
_UNFINISHED = re.compile(re.escape(files.PREFIX) + "[a-z0-9_]{8}" + re.escape(files.SUFFIX))


@contextlib.contextmanager
def create(
    given: files.PathLike | None, usual: str, marker: str = "", refusal: str = "",
) -> Iterator[Path]:
    """A locked folder for results: ``given``, or else ``usual``, with -2, -3, ... where there is one already.

    A ``given`` folder may hold hidden files alone; ``refusal`` ("{path}" is its path) is the error for one that holds
    the file ``marker``. A folder that was made is removed again if it stays empty.
    """
    path = _numbered(files.expanded(usual)) if given is None else files.expanded(given)
    with locked(path, make=given is not None, ours=given is None):
        if not _is_empty(path):
            other = "is there already, with other files in it; choose a new or an empty folder"
            known = refusal and (path / marker).exists()
            raise ArgumentError(f"{path}: {refusal.format(path=path) if known else other}")
        yield path


def dated(name: str) -> str:
    """The usual folder of a command's results: runs/NAME-TIME."""
    return f"runs/{name}-{datetime.now():%Y%m%d-%H%M%S}"


def _numbered(path: Path) -> Path:
    """A new folder called ``path``, or with -2, -3, ... after it."""
    for number in itertools.count(1):
        numbered = path if number == 1 else path.with_name(f"{path.name}-{number}")
        if _made(numbered):
            break
        if not os.path.lexists(numbered):
            raise FileError(f"{numbered.parent}: is no folder; choose another one")
    return numbered


def _made(path: Path) -> bool:
    """Make a folder, and those that it lies in; False if there is something of its name, or of a parent's."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir()
    except FileExistsError:
        return False
    except OSError as error:
        raise _unwritable(path, error) from error
    return True


@contextlib.contextmanager
def locked(path: Path, make: bool = False, ours: bool = False) -> Iterator[Path]:
    """``path``, locked; ArgumentError if another command works there, FileError if it is not writable.

    make, ours : make the folder, or the caller made it; if it stays empty, it is removed afterwards
    """
    ours = ours or make and _made(path)
    descriptor = _lock(path)
    try:
        yield path
    finally:
        with contextlib.suppress(OSError):
            if _is_at(descriptor, path / LOCK):
                os.unlink(path / LOCK)  # while it is locked: see _lock
        os.close(descriptor)
        if ours:
            with contextlib.suppress(OSError):
                path.rmdir()


def _lock(path: Path) -> int:
    """The descriptor of the folder's lock file, locked."""
    while True:
        try:
            descriptor = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | _AS_IT_IS, 0o666)
        except OSError as error:
            foreign = os.path.lexists(path / LOCK) and not _may_be_ours(os.lstat(path / LOCK))
            raise _foreign(path) if foreign else _unwritable(path, error) from error
        try:
            if not _may_be_ours(os.fstat(descriptor)):
                raise _foreign(path)
            if not _try_to_lock(descriptor):
                raise ArgumentError(
                    f"{path}: another sdpadv command is working in this folder; wait until it is done, "
                    "or choose another one"
                )
            if _is_at(descriptor, path / LOCK):
                os.write(descriptor, b"0")  # a full disk or an exceeded quota shows now
                return descriptor
            # its holder removed it after we had opened it: somebody may hold a new one
        except OSError as error:
            os.close(descriptor)
            raise (error if isinstance(error, Error) else _unwritable(path, error)) from error
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _may_be_ours(status: os.stat_result) -> bool:
    """Whether it may be a lock file of ours: at most one byte, and no other name. Any file can have its name."""
    return stat.S_ISREG(status.st_mode) and status.st_nlink <= 1 and status.st_size <= 1


def _foreign(path: Path) -> FileError:
    return FileError(
        f"{path / LOCK}: is no lock of ours, but a link or somebody's file; remove it, or choose another folder"
    )


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file is the one of that name."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


def _try_to_lock(descriptor: int) -> bool:
    """Whether nobody else holds the lock, which is ours then."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # the second is the error on Windows
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        warnings.warn(
            "this file system knows no locks; start no second command in the same folder", RuntimeWarning, stacklevel=2
        )
    return True


def _is_empty(path: Path) -> bool:
    """Whether it holds hidden files at most: ours are not hidden, but for unfinished ones."""
    try:
        return all(name.startswith(".") for name in os.listdir(path))
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> FileError:
    return FileError(f"{path}: cannot be written: {error.strerror or error}; choose another folder")


def write(folder: files.PathLike, contents: dict[str, bytes]) -> None:
    """A new folder with these files ({relative name: bytes}), all of them or none; FileError if it exists."""
    folder = files.expanded(folder)
    if folder.exists():
        raise FileError(f"{folder}: is there already; choose another one")
    with files.replaced(folder) as temporary:
        temporary.mkdir()
        for name, data in contents.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


@contextlib.contextmanager
def all_or_nothing(folder: Path, last: str) -> Iterator[Path]:
    """A draft folder, whose files are all moved to ``folder`` (locked, empty) at the end, ``last`` last; or none is."""
    remove_unfinished(folder)
    moved: list[Path] = []
    try:
        draft = files.temporary_path(folder)
        draft.mkdir()
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        yield draft
        try:
            for name in sorted(os.listdir(draft), key=lambda name: (name == last, name)):
                os.rename(draft / name, folder / name)
                moved.append(folder / name)
        except OSError as error:
            raise _unwritable(folder, error) from error
    except BaseException:
        for path in moved:
            files.remove(path)
        raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def remove_unfinished(folder: files.PathLike, older: float = 0.0) -> None:
    """Remove unfinished files and folders of killed writers, known by their names, from ``folder``, not from below it.

    ``older`` : seconds; younger ones, which another process may be writing now, stay. 0 where the folder is locked.
    A file that cannot be removed is no error.
    """
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(folder)):
            with contextlib.suppress(OSError):  # it may be gone meanwhile
                may_be_ours = entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False)
                age = time.time() - entry.stat(follow_symlinks=False).st_mtime
                if _UNFINISHED.fullmatch(entry.name) and may_be_ours and age >= older:
                    files.remove(Path(entry))
