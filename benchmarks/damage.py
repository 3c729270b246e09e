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
import argparse
import contextlib
import itertools
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

OUTCOMES = ("refused", "right", "as said", "wrong", "foreign", "crash", "hang")
BAD, UNCHANGED = OUTCOMES[3:], "unchanged"
SECONDS, CHILD_SECONDS, MEMORY = 30, 8, 6 << 30
RESULTS = Path(__file__).parent / "results"
_SMALL, _LARGE = ("Generator", "Checkpoint", "Classifier"), "Classifier"  # every byte of which is changed
_WEIGHTS = 1_000  # bytes of an array, above which some of them are tried only


class Worker:
    """A process that damages and reads; begun again when it died or had to be killed."""

    def __init__(self):
        self.process = None

    def answers(self, jobs: list):
        """(job, outcome, what was said) of each; many are given at once, so that neither waits for the other."""
        while jobs:
            if self.process is None:
                self._begin()
            with contextlib.suppress(BrokenPipeError):  # it is noticed below
                self.process.stdin.write(b"".join(json.dumps(job).encode() + b"\n" for job in jobs))
                self.process.stdin.flush()
            while jobs and self.process is not None:
                job = jobs.pop(0)
                yield job, *self._answer()

    def _begin(self):
        self.complaints = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the worker lives
        self.process = subprocess.Popen([sys.executable, __file__, "--worker"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.complaints)
        self.lines = queue.Queue()
        threading.Thread(target=self._listen, args=(self.process.stdout, self.lines), daemon=True).start()
        if self.lines.get(timeout=300) is None:  # it has made its samples, or could not
            self.complaints.seek(0)
            status, output = self.close(), self.complaints.read().decode(errors="replace")
            sys.exit(f"the worker ended with status {status} before its first file:\n{output}")

    @staticmethod
    def _listen(stream, lines):
        for line in stream:
            lines.put(json.loads(line))
        lines.put(None)

    def _answer(self) -> tuple[str, str]:
        try:
            said = self.lines.get(timeout=SECONDS)
        except queue.Empty:
            self.process.kill()
            said = ("hang", f"no end within {SECONDS} s")
            self.close()
        if said is None:
            status = self.close()
            self.complaints.seek(0)
            lines = self.complaints.read().decode(errors="replace").splitlines()[-3:]
            said = ("crash", f"exit status {status}: {' '.join(lines)}")
        return tuple(said)

    def close(self) -> int:
        process, self.process = self.process, None
        process.stdin.close()
        return process.wait()


def kinds() -> tuple:
    """Every kind of sample."""
    os.environ["SDPADV_KERNEL"] = "numpy"  # nothing here is worth compiling for
    import damage_samples
    import damage_users

    return damage_samples.SAMPLES + damage_users.SAMPLES


def work() -> None:
    """The worker: jobs from standard input, outcomes to standard output."""
    import resource
    import warnings

    answers, sys.stdout = sys.stdout, sys.stderr
    from sdpadv_np.storage import child_process

    warnings.simplefilter("ignore")
    child_process.SECONDS = CHILD_SECONDS
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as folder:
        samples = {kind.__name__: kind(Path(folder)) for kind in kinds()}
        print(json.dumps({name: len(sample.whole) for name, sample in samples.items()}), file=answers, flush=True)
        for line in sys.stdin:
            print(json.dumps(_tried(samples, json.loads(line))), file=answers, flush=True)


def _tried(samples, job) -> tuple[str, str]:
    import damage_mutations as mutations
    import numpy as np

    from sdpadv_np.errors import Error

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
    import numpy as np

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
    import numpy as np

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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, metavar="N", help="mutations; 20,000, or with --quick 400, if not given")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--output", type=Path, default=RESULTS, metavar="DIR")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    p = parser.parse_args()
    if p.worker:
        work()
        return 0
    count = p.count if p.count is not None else 400 if p.quick else 20_000
    from sdpadv_np.storage.provenance import provenance

    started, worker, table, bad = time.monotonic(), Worker(), {}, []
    with tempfile.TemporaryDirectory() as folder:
        whole = {kind.__name__: kind(Path(folder)).whole for kind in kinds() if kind.__name__ in _SMALL}
    structure = {name: places(data) for name, data in whole.items()}
    shares = {kind.__name__: kind.share for kind in kinds()}
    todo = iter(jobs(structure, shares, p.seed, count, p.quick))
    batches = iter(lambda: list(itertools.islice(todo, 200)), [])
    for job, outcome, said in itertools.chain.from_iterable(map(worker.answers, batches)):
        if outcome == UNCHANGED:
            continue
        row = table.setdefault(job["group"], {kind: dict.fromkeys(OUTCOMES, 0) for kind in ("plain", "checked")})
        row["checked" if job["checked"] else "plain"][outcome] += 1
        if outcome in BAD:
            bad.append({**job, "outcome": outcome, "said": said[:300]})
            print(bad[-1], flush=True)
    if worker.process is not None:
        worker.close()
    sizes = {name: [len(structure[name]), len(data)] for name, data in whole.items()}
    record = {"seed": p.seed, "mutations": count, "bytes": sizes, "table": table, "bad": bad,
              "seconds": round(time.monotonic() - started), "made": provenance()}
    write(record, p.output)
    total = sum(sum(c.values()) for row in table.values() for c in row.values())
    print(f"{total} files, {len(bad)} bad, {record['seconds']} s; written: {p.output}/damage.md")
    return 1 if bad else 0


def write(record, folder: Path) -> None:
    from sdpadv_np.evaluation import tables

    rows = [(group, {"plain": "as it was", "checked": "made right"}[kind], *(f"{counts[o]:,}" for o in OUTCOMES))
            for group, row in record["table"].items() for kind, counts in row.items() if any(counts.values())]
    made = record["made"]
    tried = ", ".join(f"{n:,} of a {name}'s {size:,}" for name, (n, size) in record["bytes"].items())
    words = ", ".join(f"{k} {v}" for k, v in made.items())
    command = f"python benchmarks/damage.py --seed {record['seed']} --count {record['mutations']}"
    table = tables.markdown(rows, ("sample", "checksum", *OUTCOMES))
    text = (f"# Damaged files\n\nMade by `{command}` in {record['seconds']} s; the outcomes are explained there. "
            f"\"checksum\": whether it was corrected after the damage.\n\n{table}\n\n"
            f"Bytes tried one by one: {tried}.\n\n{words}\n")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "damage.json").write_text(json.dumps(record, indent=1) + "\n")
    (folder / "damage.md").write_text(text)


if __name__ == "__main__":
    sys.exit(main())
