"""``sd.warm_up()`` compiles everything: no attack, model or training compiles a kernel afterwards."""
import os
import subprocess
import sys

import pytest

pytest.importorskip("numba")
EVERYTHING = """
import gc
import numpy as np
import sdpadv_np as sd
from numba.core.dispatcher import Dispatcher
from sdpadv_np.attacks import registry

def compiled():
    ours = [d for d in gc.get_objects() if isinstance(d, Dispatcher) and d.py_func.__module__.startswith("sdpadv_np")]
    return {(d.py_func.__module__, d.py_func.__name__, signature) for d in ours for signature in d.overloads}

sd.warm_up(progress=False)
before = compiled()
rng = np.random.default_rng(0)
x, y = rng.random((64, 1, 28, 28), np.float32), np.arange(64) % 10
read_only = x[:9].copy()
read_only.flags.writeable = False
few = {"steps": 2, "search_steps": 1, "evaluations": 4, "substitute_epochs": 1, "samples": 2}
for model in (sd.models.ModelA, sd.models.ModelB):
    f = model().fit(x, y, x, y, epochs=1, batch_size=32, progress=False)
    for name in registry.names():
        kind = registry.find(name)
        attack = kind.make(f, **{k: v for k, v in few.items() if k in kind.defaults})
        if kind.trained:
            attack.fit(x, y, x, y, epochs=1, batch_size=32, progress=False)
        for images in (x[:1], x, read_only):
            attack(images)
            sd.evaluate(f, attack, images, y[: len(images)])
print(*(compiled() - before), sep="\\n")
"""


def run(program, **environment):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=os.environ | environment)
    assert done.returncode == 0, done.stderr
    return done


def test_after_warm_up_no_attack_model_or_training_compiles_anything():
    assert run(EVERYTHING).stdout.split("\n") == ["", ""]
