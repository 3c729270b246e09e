"""benchmarks/damage.py, its short version: some hundred damaged files of everything that is read."""
import json
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2] / "benchmarks" / "damage.py"


def test_some_hundred_damaged_files(tmp_path):
    done = subprocess.run(
        [sys.executable, str(PROGRAM), "--quick", "--count", "300", "--output", str(tmp_path)], capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((tmp_path / "damage.json").read_text())
    seen = {
        outcome: sum(counts[outcome] for row in record["table"].values() for counts in row.values())
        for outcome in ("refused", "right", "as said")
    }
    assert record["bad"] == [] and all(count > 5 for count in seen.values()) and len(record["table"]) > 14


def test_what_is_bad_is_counted_and_makes_it_fail(tmp_path):
    """The program itself: readers that crash, hang, raise anything, and believe anything are noticed."""
    program = f"""
import os, sys, time
sys.path.insert(0, {str(PROGRAM.parent)!r})
import damage, damage_samples, damage_users
from pathlib import Path
from sdpadv_np.errors import FileError

class Description(damage_users.Description):
    checksum = True
    def read(self, path):
        data = Path(path).read_bytes()
        if data == self.whole: return ""
        kind = len(data) % 5
        if kind == 0: os.abort()
        if kind == 1: time.sleep(60)
        if kind == 2: raise KeyError("x")
        if kind == 3: raise FileError("ok")
        return "another"

damage.kinds = lambda: (Description,)
damage.SECONDS, damage._SMALL = 0.3, ()
damage.__file__ = __file__
sys.exit(damage.main())
"""
    (tmp_path / "program.py").write_text(program)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "program.py"), "--count", "12", "--output", str(tmp_path)], capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    (row,) = json.loads((tmp_path / "damage.json").read_text())["table"].values()
    total = {outcome: row["plain"][outcome] + row["checked"][outcome] for outcome in row["plain"]}
    assert all(total[outcome] > 0 for outcome in ("refused", "wrong", "foreign", "crash", "hang")), total
