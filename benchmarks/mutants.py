"""Mutation testing: the code is changed in small ways, one at a time, and the tests that should fail are run.

    python benchmarks/mutants.py --minutes 45              # every file below in turn, evenly, drawn by --seed
    python benchmarks/mutants.py --files sdpadv_np/losses.py
    python benchmarks/mutants.py --files sdpadv_np/losses.py --list
    python benchmarks/mutants.py --again                   # those that survived, with the tests as they are now
    python benchmarks/mutants.py --table                   # of what is written, in Markdown

Writes benchmarks/results/mutants/mutants.json: every mutant that was tried, and the outcome.
README.md beside it explains why each survivor survived.

NOTE: how a mutant costs seconds instead of many.
This process imports everything and has every kernel ready in memory. Each mutant is a fork of it: the
child forgets our modules but for the kernels (which are not mutated here), finds the changed text in
place of one file, and runs pytest. Nothing is written to the source tree; leave it alone meanwhile.
One thread everywhere: threads do not survive a fork.
"""
import contextlib
import datetime
import importlib.abc
import importlib.util
import itertools
import json
import math
import os
import random
import resource
import signal
import sys
import time
from pathlib import Path

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import pytest  # noqa: E402
from common import RESULTS, parser  # noqa: E402
from mutant_tests import TESTS  # noqa: E402
from mutations import Mutation, mutations  # noqa: E402

import sdpadv_np  # noqa: E402
from sdpadv_np.evaluation import tables  # noqa: E402
from sdpadv_np.storage import files  # noqa: E402
from sdpadv_np.storage.provenance import provenance  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
_LIMIT, _WALL = 60, 900  # seconds of processor time, and of the clock, after which a mutant counts as noticed


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """An import finder that supplies the changed text of one module in place of its file."""

    def __init__(self, path, text):
        self.path, self.text = path, text
        self.name = ".".join(path.relative_to(ROOT).with_suffix("").parts)

    def find_spec(self, name, path, target=None):
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def exec_module(self, module):
        exec(compile(self.text, str(self.path), "exec"), module.__dict__)


def _forget():
    """Drop our modules and the tests', except the compiled kernels."""
    for name, module in list(sys.modules.items()):
        ours = name.split(".")[0] == "sdpadv_np" and not name.startswith("sdpadv_np.kernels")
        if ours or str(getattr(module, "__file__", None) or "").startswith(str(ROOT / "tests")):
            del sys.modules[name]


def _rounds(path, operation):
    for arguments in TESTS[str(path.relative_to(ROOT / "sdpadv_np"))]:
        if "{operation}" in arguments and operation is None:
            continue
        yield [str(ROOT / "tests" / a) if a.endswith(".py") else operation if a == "{operation}" else a
               for a in arguments]


def _pytest(arguments) -> int:
    return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--durations=0", "--durations-min=999",
                            f"--rootdir={ROOT}", f"--confcutdir={ROOT}", *arguments]))


def _in_child(function, seconds: float) -> tuple[str, float]:
    """(outcome of ``function`` in a fork: "passed", "failed", or "time" for one past a limit; its processor time)"""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 99
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(seconds), math.ceil(seconds)))
            resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30))
            signal.alarm(_WALL)
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(nowhere, stream)
            code = function()
        finally:
            os._exit(code)
    _, status, used = os.wait4(child, 0)
    with contextlib.suppress(ProcessLookupError):  # what it has started
        os.killpg(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(status)
    outcome = "passed" if code == 0 else "failed" if code > 0 else f"signal {-code}"
    late = -code in (signal.SIGXCPU, signal.SIGKILL, signal.SIGALRM)
    return "time" if late else outcome, used.ru_utime + used.ru_stime


def _try(path, mutant, seconds):
    def attempt():
        _forget()
        sys.meta_path.insert(0, _Changed(path, mutant.text))
        import sdpadv_np

        sdpadv_np.kernels = sys.modules["sdpadv_np.kernels"]
        for arguments in _rounds(path, mutant.operation):
            if (code := _pytest(arguments)) not in (0, 5):  # 5: no test has such a name
                return code
        return 0

    return _in_child(attempt, seconds)


def _passes_unchanged(path) -> None:
    """The unchanged file must pass in the same procedure; otherwise "failed" means nothing."""
    if (outcome := _try(path, Mutation(1, "", "", path.read_text(), None), _LIMIT)[0]) != "passed":
        sys.exit(f"{path}: {outcome} without any change")


def _drawn(paths, seed):
    """How many mutants each file has, and (path, mutant), each file in its turn, drawn by the seed."""
    rng, piles = random.Random(seed), {path: list(mutations(path.read_text())) for path in paths}
    for pile in piles.values():
        rng.shuffle(pile)
    sizes = {str(path.relative_to(ROOT)): len(pile) for path, pile in piles.items()}
    turns = itertools.zip_longest(*map(reversed, piles.values()))
    return sizes, [(path, mutant) for turn in turns for path, mutant in zip(piles, turn) if mutant]


def _again(record):
    """(path, mutant) of those that survived a run, as the files are now."""
    survivors = [_key(row) for row in record["tried"] if row["outcome"] == "passed"]
    for path in sorted({ROOT / file for file, *_ in survivors}):
        yield from ((path, m) for m in mutations(path.read_text()) if _key(_row(path, m)) in survivors)


def _row(path, mutant) -> dict:
    return {"file": str(path.relative_to(ROOT)), "line": mutant.line, "before": mutant.before, "after": mutant.after,
            "text": mutant.text.splitlines()[mutant.line - 1].strip()[:200]}


def _key(row):
    return row["file"], row["before"], row["after"], row["text"]


def _run(drawn, record, minutes, output) -> None:
    """Try them until the time is up; each outcome is written to ``record`` and ``output`` at once."""
    started, tried, usual = time.monotonic(), set(), {}  # usual: the longest that a file's tests took when all passed
    for path, mutant in drawn:
        if time.monotonic() - started > 60 * minutes:
            break
        tried.add(path)
        outcome, seconds = _try(path, mutant, min(_LIMIT, 10 + 3 * usual.get(path, _LIMIT)))
        row = {**_row(path, mutant), "outcome": outcome, "seconds": round(seconds, 2)}
        record["tried"] = [r for r in record["tried"] if _key(r) != _key(row)] + [row]
        if outcome == "passed":
            usual[path] = max(seconds, usual.get(path, 0))
            print(f"{row['file']}:{row['line']}: {row['before']}  ->  {row['after']}   |   {row['text']}", flush=True)
        files.write_text(output, json.dumps(record, indent=1, ensure_ascii=False))
    for path in sorted(tried - usual.keys()):  # of the others a survivor has shown it
        _passes_unchanged(path)


def _table(record) -> str:
    rows = []
    for file, count in record["mutants"].items():
        outcomes = [row["outcome"] for row in record["tried"] if row["file"] == file]
        survived = outcomes.count("passed")
        rows.append((file, count, len(outcomes), len(outcomes) - survived, survived))
    rows.append(("all", *(sum(figures) for figures in list(zip(*rows))[1:])))
    return tables.markdown([tuple(map(str, row)) for row in rows], ("file", "mutants", "tried", "noticed", "survived"))


def main():
    p = parser(
        __doc__, files={"nargs": "+", "type": Path, "metavar": "FILE"}, minutes=45.0,
        list={"action": "store_true", "help": "show the mutants, try none"},
        again={"action": "store_true", "help": "try only the survivors of --output, with today's tests"},
        table={"action": "store_true", "help": "show what is in --output"}, seed=0,
        output={"type": Path, "default": RESULTS / "mutants/mutants.json", "metavar": "FILE"}).parse_args()
    if p.table:
        return print(_table(json.loads(p.output.read_text())))
    paths = [f.resolve() for f in p.files] if p.files else [ROOT / "sdpadv_np" / name for name in TESTS]
    sizes, drawn = _drawn(paths, p.seed)
    if p.list:
        for path, mutant in drawn:
            print(f"{path.relative_to(ROOT)}:{mutant.line}: {mutant.before}  ->  {mutant.after}")
        return
    if Path(sdpadv_np.__file__).parent != ROOT / "sdpadv_np":
        sys.exit(f"sdpadv_np is imported from {sdpadv_np.__file__}; install {ROOT} itself: pip install -e {ROOT}")
    os.chdir(ROOT)
    sdpadv_np.warm_up()
    _pytest(["tests/test_losses.py"])  # pytest and its plugins are imported here, and not in each child
    if p.again:
        record = json.loads(p.output.read_text())
        drawn = _again(record)
    else:
        record = {"seed": p.seed, "made": provenance(), "date": datetime.date.today().isoformat(),
                  "mutants": sizes, "tried": []}
    _run(drawn, record, p.minutes, p.output)
    print(_table(record))


if __name__ == "__main__":
    main()
