"""The cache of compiled kernels for later processes: one file for each, which identifies itself.

Numba's own cache is an index beside numbered files. Two processes that start without one write it both, and a number
in it may come to stand for the other's types; a truncated file, a full disk or a read-only folder ends the program.
Here the name of a file says what was compiled for which types, the file is moved into place complete, and it begins
with a checksum of itself and its sources; if anything disagrees, the kernel is compiled again.

NUMBA_CACHE_DIR names the folder. Where it is not set, kernels are looked for beside their sources, then in the
user's cache folder, and written to the first of the two that is writable.
"""
from __future__ import annotations

import functools
import hashlib
import os
import stat
import sys
import tempfile
import warnings
from pathlib import Path

import numba
from numba.core import caching, config, serialize

_KERNELS = Path(__file__).resolve().parent.parent
_SHARED = "runtime", "simd", "gemm", "sampling", "activation"  # folders whose code may be part of any kernel
_LENGTH = hashlib.sha256().digest_size
_warned: list[str] = []


class KernelCache(caching.NullCache):
    """Numba's protocol of a cache, for one function."""

    def __init__(self, function):
        source = Path(function.__code__.co_filename)
        self.folders, self.stamp = folders(source.parent), _stamp(source.parent)
        cells = tuple(cell.cell_contents for cell in function.__closure__ or ())
        self.code = hashlib.sha256(function.__code__.co_code + (serialize.dumps(cells) if cells else b"")).hexdigest()
        self.stem = f"{source.stem}.{function.__name__}-{function.__code__.co_firstlineno}"

    @property
    def cache_path(self):
        return str(self.folders[0]) if self.folders else None

    def load_overload(self, sig, target_context):
        target_context.refresh()
        name = self._name(sig, target_context.codegen())
        for folder in self.folders:
            try:
                data = _read(folder / name)
                if data[:_LENGTH] == self._checksum(name, data[_LENGTH:]):
                    result = serialize.loads(data[_LENGTH:])
                    return numba.core.compiler.CompileResult._rebuild(target_context, *result)
            except Exception:  # missing, unreadable, or of another version in spite of its name: compiled again
                continue
        return None

    def save_overload(self, sig, data):
        if data.library.has_dynamic_globals or any(not lifted.can_cache for lifted in data.lifted):
            return
        name, payload = self._name(sig, data.codegen), serialize.dumps(data._reduce())
        reasons = []
        for folder in self.folders:
            if not (reason := _write(folder / name, self._checksum(name, payload) + payload)):
                return
            reasons.append(reason)
        if not _warned:
            _warned.append("")
            warnings.warn(
                f"compiled kernels cannot be cached ({'; '.join(reasons) or 'no home folder'}), so every process "
                "compiles them again, for up to a minute; set NUMBA_CACHE_DIR to a writable folder", RuntimeWarning,
                stacklevel=2)

    def _name(self, sig, codegen) -> str:
        """The file name: source, types, processor, versions and options."""
        key = (sig, codegen.magic_tuple(), self.code, numba.__version__, sys.implementation.cache_tag, str(config.OPT),
               config.BOUNDSCHECK)
        return f"{self.stem}.{hashlib.sha256(repr(key).encode()).hexdigest()[:32]}.kernel"

    def _checksum(self, name: str, payload: bytes) -> bytes:
        """Includes the name, which identifies the contents: a file may have been copied to another's name."""
        return hashlib.sha256(self.stamp + hashlib.sha256(name.encode()).digest() + payload).digest()


def _read(path: Path) -> bytes:
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)  # a pipe must not block
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is no file")
    with open(descriptor, "rb") as file:
        return file.read()


def _write(path: Path, data: bytes) -> str:
    """"" after ``data`` was moved to ``path`` complete, otherwise the reason why it was not."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem[:60]}.")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError as error:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        return f"{path.parent}: {error.strerror or error}"
    return ""


def folders(sources: Path) -> list[Path]:
    """The folders for kernels whose source is in ``sources``, best first; any of them may be read-only."""
    own = f"{sources.name}_{hashlib.sha256(str(sources.resolve()).encode()).hexdigest()[:16]}"
    if config.CACHE_DIR:
        return [Path(os.path.abspath(os.path.expanduser(config.CACHE_DIR)), own)]
    users = caching.AppDirs(appname="numba", appauthor=False).user_cache_dir  # not absolute if no home is known
    return [sources / "__pycache__", *([Path(users, own)] if os.path.isabs(users) else [])]


@functools.cache
def _stamp(sources: Path) -> bytes:
    """A digest of all sources of kernels in the folder ``sources``; Numba's would be of the function's file alone."""
    digest = hashlib.sha256()
    if not sources.is_dir():  # in an archive, or in a program that contains everything
        origin = next((path for path in sources.parents if path.is_file()), Path(sys.executable))
        digest.update(repr((origin.stat().st_size, origin.stat().st_mtime_ns)).encode())
    sources = sources.resolve()
    for path in sorted({*sources.glob("*.py"), *(p for room in _SHARED for p in (_KERNELS / room).glob("*.py"))}):
        digest.update(path.read_bytes())
    return digest.digest()
