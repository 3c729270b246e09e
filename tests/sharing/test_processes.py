"""Models, attacks and trainings in process pools, however these start their processes."""
import subprocess
import sys

import pytest

_PROGRAM = '''
import multiprocessing, sys
import numpy as np
import sdpadv_np as sd
from sdpadv_np.kernels.runtime import threads

x = np.random.default_rng(0).random((300, 1, 28, 28), np.float32)

def work(job):
    """What a worker does with what it was sent."""
    model, attack, generator = job
    few, y = x[:40], np.arange(40) % 10
    fitted = model.fit(few, y, few, y, epochs=1, batch_size=20, progress=False)
    again = sd.attacks.SdAdv(model).fit(few, y, few, y, epochs=1, batch_size=20, progress=False)
    answers = attack(few), generator(x), fitted.logits(x), again.generator.store.data
    theta = np.tile(np.float32([1, 0.1, 0, 0, 1, 0]), (300, 1))
    return [a.tobytes() for a in (*answers, sd.kernels.affine_sample.forward(x, theta))]

if __name__ == "__main__":
    threads.set_threads(3)
    job = lambda: (sd.models.ModelB(), sd.attacks.PGD(sd.models.ModelB(seed=1), steps=3), sd.models.Generator(seed=2))
    alone = work(job())  # in threads: the child of a fork has none of them
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        results = pool.map_async(work, [job() for _ in range(3)]).get(90)
    assert all(result == alone for result in results)
    print("same bits")
'''


@pytest.mark.parametrize("start", ("spawn", "forkserver", "fork"))
def test_a_process_pool_gives_the_same_bits(start, tmp_path):
    (tmp_path / "program.py").write_text(_PROGRAM)
    command = [sys.executable, "-W", "error", str(tmp_path / "program.py"), start]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout == "same bits\n", done.stderr
