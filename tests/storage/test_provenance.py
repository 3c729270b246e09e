"""The provenance that is stored with every result."""
import subprocess
from pathlib import Path

import pytest

from sdpadv_np.storage.provenance import commit

ROOT = Path(__file__).resolve().parents[2]


def test_the_commit_is_that_of_the_source_tree():
    if not (ROOT / ".git").exists():
        pytest.skip("the source tree is no git clone")
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert commit().rstrip("+") == head.strip()
