"""Damaged files, tens of thousands of them: is each refused clearly or read rightly, and does nothing hang or crash?

    python benchmarks/damage.py                # about a quarter of an hour on one core
    python benchmarks/damage.py --seed 1       # other damage
    python benchmarks/damage.py --quick        # seconds

Each byte of a small generator, a checkpoint and a classifier (all that is not weights, and some of
those) is set to 0, to 255, and has one bit flipped, with the checksum left as it was and made right;
then --count seeded mutations of a sample of everything that is read, half of them with every
checksum made right, so that the readers behind it are met too. It is all done in child processes
limited in time and memory. Counted are, for each sample:

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
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

OUTCOMES = ("refused", "right", "as said", "wrong", "foreign", "crash", "hang")
BAD, UNCHANGED = OUTCOMES[3:], "unchanged"
SECONDS, CHILD_SECONDS, MEMORY = 30, 8, 6 << 30
RESULTS = Path(__file__).parent / "results"
_SMALL = ("generator", "checkpoint", "classifier")  # every byte of which is changed
_WEIGHTS = 1_000  # bytes of an array, above which some of them are tried only


class Worker:
    """A process that damages and reads; begun again when it died or had to be killed."""

    def __init__(self):
        self.process = None

    def ask(self, job) -> tuple[str, str]:
        """(outcome, what was said) of one job."""
        if self.process is None:
            self.process = subprocess.Popen([sys.executable, __file__, "--worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)
            self._line(300)  # it has made its samples
        self.process.stdin.write(json.dumps(job).encode() + b"\n")
        line = self._line(SECONDS)
        if line is None:
            self.process.kill()
        if not line:
            status, self.process = self.process.wait(), None
            return ("hang", f"no end within {SECONDS} s") if line is None else ("crash", f"exit status {status}")
        return tuple(json.loads(line))

    def _line(self, seconds):
        return self.process.stdout.readline() if select.select([self.process.stdout], [], [], seconds)[0] else None

    def close(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()


def work() -> None:
    """The worker: jobs from standard input, outcomes to standard output."""
    import resource
    import warnings

    answers, sys.stdout = sys.stdout, sys.stderr
    os.environ["SDPADV_KERNEL"] = "numpy"
    from damage_samples import SAMPLES

    from sdpadv_np import child

    warnings.simplefilter("ignore")
    child.SECONDS = CHILD_SECONDS
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as folder:
        samples = {kind.__name__: kind(Path(folder)) for kind in SAMPLES}
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
        data = sample.whole[:at] + bytes([{"0": 0, "255": 255, "bit": old ^ 1 << at % 8}[job["to"]]]) + sample.whole[at + 1 :]
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
    """(group, job) of everything that is tried."""
    import numpy as np

    rng = np.random.default_rng(seed)
    for name in _SMALL:
        places = np.array(structure[name] if not quick else rng.choice(structure[name], 40, replace=False))
        for checked in (False, True):
            for at in places.tolist():
                for to in ("0", "255", "bit"):
                    yield f"{name}, each byte", {"sample": name, "checked": checked, "byte": at, "to": to}
    names, weights = list(shares), np.array([*shares.values()], float)
    for number, chosen in enumerate(rng.choice(len(names), count, p=weights / weights.sum()).tolist()):
        yield f"{names[chosen]}, mutations", {"sample": names[chosen], "checked": bool(number % 2), "seed": [seed, number]}


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
    os.environ["SDPADV_KERNEL"] = "numpy"
    from damage_samples import SAMPLES

    from sdpadv_np.provenance import provenance

    started, worker, table, bad = time.monotonic(), Worker(), {}, []
    with tempfile.TemporaryDirectory() as folder:
        whole = {kind.__name__: kind(Path(folder)).whole for kind in SAMPLES if kind.__name__ in _SMALL}
    structure = {name: places(data) for name, data in whole.items()}
    shares = {kind.__name__: kind.share for kind in SAMPLES}
    for group, job in jobs(structure, shares, p.seed, count, p.quick):
        outcome, said = worker.ask(job)
        if outcome == UNCHANGED:
            continue
        row = table.setdefault(group, {"checked" if c else "plain": dict.fromkeys(OUTCOMES, 0) for c in (False, True)})
        row["checked" if job["checked"] else "plain"][outcome] += 1
        if outcome in BAD:
            bad.append({**job, "outcome": outcome, "said": said[:300]})
            print(bad[-1], flush=True)
    worker.close()
    record = {"seed": p.seed, "mutations": count, "bytes": {name: [len(structure[name]), len(data)] for name, data in whole.items()}, "table": table, "bad": bad, "seconds": round(time.monotonic() - started), "made": provenance()}
    write(record, p.output)
    print(f"{sum(sum(c.values()) for row in table.values() for c in row.values())} files, {len(bad)} bad, {record['seconds']} s; written: {p.output}/damage.md")
    return 1 if bad else 0


def write(record, folder: Path) -> None:
    from sdpadv_np.evaluation import tables

    rows = [(group, {"plain": "as it was", "checked": "made right"}[kind], *(f"{counts[o]:,}" for o in OUTCOMES))
            for group, row in record["table"].items() for kind, counts in row.items() if any(counts.values())]
    made = record["made"]
    tried = ", ".join(f"{n:,} of a {name}'s {size:,}" for name, (n, size) in record["bytes"].items())
    words = ", ".join(f"{k} {v}" for k, v in made.items())
    text = (f"# Damaged files\n\nMade by `python benchmarks/damage.py --seed {record['seed']} --count {record['mutations']}` in {record['seconds']} s; what is counted stands there. "
            f"\"checksum\" says whether it was made right after the damage.\n\n{tables.markdown(rows, ('sample', 'checksum', *OUTCOMES))}\n\nBytes tried one by one: {tried}.\n\n{words}\n")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "damage.json").write_text(json.dumps(record, indent=1) + "\n")
    (folder / "damage.md").write_text(text)


if __name__ == "__main__":
    sys.exit(main())
