"""Damaged files, tens of thousands of them: is each refused clearly or read rightly, and does nothing hang or crash?

    python benchmarks/damage.py                # about a quarter of an hour on one core
    python benchmarks/damage.py --seed 1       # other damage
    python benchmarks/damage.py --quick        # seconds

Each byte of a small generator, a checkpoint and a classifier (all but the weights, and some of those) is set to 0, to
255, and has one bit flipped, with the checksum as it was and, except for the classifier, also corrected. Then come
--count seeded mutations of a sample of every kind of file that is read, half of them with every checksum corrected, so
that the code behind the checksum is tested too. Child processes with limited time and memory read the files. Counted
for each sample:

    refused   one of our errors, in one line
    right     read, with the content as it was
    as said   read, with other content, where the checksum was made right or the format has none
    wrong     read, with other content, though the checksum was not right     (goal: none)
    foreign   any other exception, or a message of several lines              (goal: none)
    crash     the process died                                                (goal: none)
    hang      no end within the time limit                                    (goal: none)

Writes benchmarks/results/damage.json, and damage.md, its table. Exit status 1 if a goal is missed.
"""
import contextlib
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
import warnings
from pathlib import Path

os.environ |= {"SDPADV_KERNEL": "numpy", "OPENBLAS_NUM_THREADS": "1"}  # nothing here is worth compiling for

import damage_mutations as mutations
import damage_samples
import damage_users
import numpy as np
from common import RESULTS, document, machine, parser

from sdpadv_np.errors import Error
from sdpadv_np.evaluation import tables
from sdpadv_np.storage import child_process, files
from sdpadv_np.storage.provenance import provenance

OUTCOMES = ("refused", "right", "as said", "wrong", "foreign", "crash", "hang")
BAD, UNCHANGED = OUTCOMES[3:], "unchanged"
SECONDS, CHILD_SECONDS, MEMORY = 30, 8, 6 << 30
_SMALL, _LARGE = ("Generator", "Checkpoint", "Classifier"), "Classifier"  # every byte of which is changed
_WEIGHTS = 1_000  # bytes of an array, above which some of them are tried only
_FORK = multiprocessing.get_context("fork")


class Worker:
    """A fork of this process that damages and reads the samples; forked again when it died or had to be killed."""

    def __init__(self, samples: dict):
        self.samples, self.process = samples, None

    def answer(self, job: dict) -> tuple[str, str]:
        """(outcome, message) of one job."""
        if self.process is None:
            self._begin()
        try:
            self.connection.send(job)
            if self.connection.poll(SECONDS):
                return self.connection.recv()
            outcome = "hang", f"no end within {SECONDS} s"
        except (EOFError, OSError):
            self.process.join()
            self.complaints.seek(0)
            lines = self.complaints.read().decode(errors="replace").splitlines()[-3:]
            outcome = "crash", f"exit status {self.process.exitcode}: {' '.join(lines)}"
        self.process.kill()
        self.process = None
        return outcome

    def _begin(self):
        self.complaints = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the worker lives
        self.connection, other_end = _FORK.Pipe()
        arguments = self.samples, other_end, self.complaints.fileno()
        self.process = _FORK.Process(target=work, args=arguments, daemon=True)
        self.process.start()
        other_end.close()


def kinds() -> tuple:
    """Every kind of sample."""
    return damage_samples.SAMPLES + damage_users.SAMPLES


def work(samples: dict, connection, complaints: int) -> None:
    """The worker: jobs from the connection, outcomes to it."""
    os.dup2(complaints, sys.stderr.fileno())
    child_process.SECONDS = CHILD_SECONDS
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(EOFError):
        while True:
            connection.send(attempt(samples, connection.recv()))


def attempt(samples: dict, job: dict) -> tuple[str, str]:
    sample, checked = samples[job["sample"]], job["checked"]
    if "byte" in job:
        at, old = job["byte"], sample.whole[job["byte"]]
        new = {"0": 0, "255": 255, "bit": old ^ 1 << at % 8}[job["to"]]
        data = sample.whole[:at] + bytes([new]) + sample.whole[at + 1 :]
        data = mutations.resealed(data) if checked else data
    else:
        data = sample.damaged(np.random.default_rng(job["seed"]), checked)
    if data == sample.whole:
        return UNCHANGED, ""
    try:
        sample.write(data)
        got = sample.read(sample.path)
    except Error as error:
        said = str(error)
        return ("foreign" if "\n" in said or not said.isprintable() else "refused"), said
    except Exception as error:
        return "foreign", f"{type(error).__name__}: {error}"
    if got == sample.right:
        return "right", ""
    return ("as said" if checked or not sample.checksum else "wrong"), ""


def places(data: bytes) -> list[int]:
    """Where a file of ours is damaged: each byte, but of large arrays some only."""
    length = int.from_bytes(data[12:16], "little")
    tried = np.ones(len(data), bool)
    for dtype, shape, offset in json.loads(data[48 : 48 + length])["arrays"].values():
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if size > _WEIGHTS:
            tried[offset : offset + size] = False
            tried[np.linspace(offset, offset + size - 1, _WEIGHTS // 4).astype(int)] = True
    return np.flatnonzero(tried).tolist()


def jobs(structure: dict, shares: dict, seed: int, count: int, quick: bool):
    """Everything that is tried."""
    rng = np.random.default_rng(seed)
    for name in _SMALL:
        places = np.array(structure[name] if not quick else rng.choice(structure[name], 40, replace=False))
        for checked in (False, True) if name != _LARGE else (False,):
            for at in places.tolist():
                for to in ("0", "255", "bit"):
                    yield {"group": f"{name}, each byte", "sample": name, "checked": checked, "byte": at, "to": to}
    names, weights = list(shares), np.array([*shares.values()], float)
    for number, chosen in enumerate(rng.choice(len(names), count, p=weights / weights.sum()).tolist()):
        yield {"group": f"{names[chosen]}, mutations", "sample": names[chosen], "checked": bool(number % 2),
               "seed": [seed, number]}


def main() -> int:
    number = {"type": int, "metavar": "N", "help": "mutations; 20,000, or with --quick 400, if not given"}
    p = parser(__doc__, seed=0, count=number, quick=False, output=RESULTS).parse_args()
    count = p.count if p.count is not None else 400 if p.quick else 20_000
    warnings.simplefilter("ignore")
    started, table, bad = time.monotonic(), {}, []
    with tempfile.TemporaryDirectory() as folder:
        samples = {kind.__name__: kind(Path(folder)) for kind in kinds()}
        worker, structure = Worker(samples), {name: places(samples[name].whole) for name in _SMALL}
        shares = {name: sample.share for name, sample in samples.items()}
        for job in jobs(structure, shares, p.seed, count, p.quick):
            outcome, said = worker.answer(job)
            if outcome == UNCHANGED:
                continue
            row = table.setdefault(job["group"], {kind: dict.fromkeys(OUTCOMES, 0) for kind in ("plain", "checked")})
            row["checked" if job["checked"] else "plain"][outcome] += 1
            if outcome in BAD:
                bad.append({**job, "outcome": outcome, "said": said[:300]})
                print(bad[-1], flush=True)
    sizes = {name: [len(tried), len(samples[name].whole)] for name, tried in structure.items()}
    record = {"seed": p.seed, "mutations": count, "bytes": sizes, "table": table, "bad": bad,
              "seconds": round(time.monotonic() - started), "made": provenance()}
    files.write_json(p.output / "damage.json", record)
    files.write_text(p.output / "damage.md", report(record))
    total = sum(sum(c.values()) for row in table.values() for c in row.values())
    print(f"{total} files, {len(bad)} bad, {record['seconds']} s; written: {p.output}/damage.md")
    return 1 if bad else 0


def report(record: dict) -> str:
    rows = [(group, {"plain": "as it was", "checked": "made right"}[kind], *(f"{counts[o]:,}" for o in OUTCOMES))
            for group, row in record["table"].items() for kind, counts in row.items() if any(counts.values())]
    tried = ", ".join(f"{n:,} of a {name}'s {size:,}" for name, (n, size) in record["bytes"].items())
    command = f"python benchmarks/damage.py --seed {record['seed']} --count {record['mutations']}"
    return document(
        "Damaged files", f"Made by `{command}` in {record['seconds']} s; the outcomes are explained there. "
        '"checksum": whether it was corrected after the damage.',
        tables.markdown(rows, ("sample", "checksum", *OUTCOMES)),
        f"Bytes tried one by one: {tried}.", machine(record["made"]))


if __name__ == "__main__":
    sys.exit(main())
