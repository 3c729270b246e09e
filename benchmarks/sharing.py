"""A classifier, a generator and a plan shared by threads and by processes: do all give the bits of one thread?

    python benchmarks/sharing.py                                   # 8 threads for 5 minutes, then a pool
    python benchmarks/sharing.py --threads 16 --minutes 1 --seed 1

Each thread does one job after the other, drawn at random: predict, attack, distort, train other
models, evaluate, save and load, differentiate by hand, copy. What each gives is compared with what it
gave alone, before any thread was started. Then a pool of processes, started anew (spawn), does them on
pickled copies. Writes benchmarks/results/sharing/README.md; exit status 1 if anything differed or failed.
"""
import copy
import functools
import hashlib
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from common import RESULTS, document, machine, parser

import sdpadv_np as sd
from sdpadv_np.evaluation import tables
from sdpadv_np.storage import files
from sdpadv_np.storage.provenance import provenance


def digest(*results) -> str:
    found = hashlib.sha256()
    for result in results:
        found.update(result.tobytes() if hasattr(result, "tobytes") else repr(result).encode())
    return found.hexdigest()


class Shared:
    """The objects that are shared, and the jobs on them: each returns a digest of its result."""

    def __init__(self):
        d = sd.data.load("glyphs")
        self.data = d.x_train[:512], d.y_train[:512], d.x_val[:100], d.y_val[:100]
        self.x, self.y = d.x_test[:64], d.y_test[:64]
        self.b = sd.models.ModelB().fit(*self.data, epochs=2, progress=False)
        self.a = sd.models.ModelA().fit(*(part[:64] for part in self.data), epochs=1, batch_size=32, progress=False)
        self.generator = sd.attacks.SdpAdv(self.b).fit(*self.data, epochs=1, progress=False)

    @functools.cached_property
    def plan(self):
        return sd.Plan(self.input_gradient, [self.b.store])

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name != "plan"}

    def input_gradient(self, x):
        t = sd.Tensor(x, requires_grad=True)
        return sd.grad(sd.ops.sum(self.b.logits(t)), [t])[0]

    def jobs(self) -> dict:
        few = tuple(part[:128] for part in self.data)

        def trained(what, parts=few, **how):
            fitted = what.fit(*parts, epochs=1, progress=False, **how)
            return digest(getattr(fitted, "generator", fitted).store.data)

        found = {
            "predict, Model B": lambda: digest(self.b.logits(self.data[0])),
            "predict, Model A": lambda: digest(self.a.logits(self.x)),
            "distort": lambda: digest(self.generator(self.x), self.generator.generator.theta(self.x)),
            "train Model B": lambda: trained(sd.models.ModelB(seed=1)),
            "train Model A": lambda: trained(sd.models.ModelA(seed=1), [part[:32] for part in few], batch_size=16),
            "train SdpAdv": lambda: trained(sd.attacks.SdpAdv(self.b, seed=1)),
            "train ATN": lambda: trained(sd.attacks.ATN(self.b, seed=1)),
            "evaluate": lambda: digest(*(sd.evaluate(model, attack, self.x, self.y).accuracy
                                         for model, attack in ((self.b, self.generator), (self.a, None)))),
            "save and load": self.saved,
            "differentiate": lambda: digest(*(g.data for g in sd.grad(
                sd.ops.sum(self.b.logits(sd.Tensor(self.x))), list(self.b.store.tensors.values())))),
            "one plan": lambda: digest(self.plan(self.x)),
            "copy": lambda: digest(trained(copy.deepcopy(self.b)), copy.copy(self.generator)(self.x)),
        }
        attacks = {"FGSM": {}, "PGD": {}, "MIM": {}, "STM": {}, "DeepFool": {"steps": 3}, "SPSA": {"steps": 2},
                   "CarliniWagner": {"steps": 5, "search_steps": 2}, "StAdv": {"tau_steps": 1, "evaluations": 3}}
        for name, settings in attacks.items():
            for model in ("a", "b"):
                found[f"{name}, Model {model.upper()}"] = functools.partial(self.attacked, name, settings, model)
        return found

    def attacked(self, name, settings, model):
        return digest(getattr(sd.attacks, name)(getattr(self, model), **settings)(self.x[:16], progress=False))

    def saved(self):
        with tempfile.TemporaryDirectory() as folder:
            sd.save(self.b, f"{folder}/b.h5")
            sd.save(self.generator, f"{folder}/g.h5")
            return digest(sd.load(f"{folder}/b.h5").logits(self.x), sd.load(f"{folder}/g.h5")(self.x))


def compared(jobs, name, alone) -> str:
    """"" if the job gives what it gave alone, otherwise what went wrong."""
    try:
        return "" if jobs[name]() == alone[name] else "other bits"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"


def in_threads(jobs, alone, threads, seconds, seed) -> tuple[Counter, Counter]:
    done, failed, end = Counter(), Counter(), time.monotonic() + seconds

    def work(number):
        rng, names = np.random.default_rng([seed, number]), list(jobs)
        while time.monotonic() < end:
            name = names[rng.integers(len(names))]
            done[name] += 1
            if wrong := compared(jobs, name, alone):
                failed[name, wrong] += 1

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))
    return done, failed


def in_process(shared, alone):
    """In a pool's worker: every job on its own copy of everything."""
    jobs = shared.jobs()
    return {name: compared(jobs, name, alone) for name in jobs}


def wrong_runs(counts: Counter, name: str) -> int:
    return sum(n for (job, _), n in counts.items() if job == name)


def main():
    p = parser(__doc__, threads=8, minutes=5.0, processes=2, seed=0, output=RESULTS / "sharing").parse_args()
    shared = Shared()
    jobs = shared.jobs()
    alone = {name: job() for name, job in jobs.items()}
    print(f"{len(jobs)} jobs done alone; now in {p.threads} threads for {p.minutes:g} minutes", flush=True)
    done, failed = in_threads(jobs, alone, p.threads, 60 * p.minutes, p.seed)
    print(f"{done.total()} jobs done, {failed.total()} wrong; now in {p.processes} processes", flush=True)
    with multiprocessing.get_context("spawn").Pool(p.processes) as pool:
        reports = pool.starmap(in_process, [(shared, alone)] * p.processes)
    wrong = Counter((name, why) for report in reports for name, why in report.items() if why)
    rows = [(name, str(done[name]), str(wrong_runs(failed, name)),
             f"{p.processes - wrong_runs(wrong, name)} of {p.processes}") for name in jobs]
    columns = ("job", f"done in {p.threads} threads", "wrong", "right in processes")
    command = " ".join(["python benchmarks/sharing.py", *sys.argv[1:]])
    total = (f"{done.total()} jobs in {p.threads} threads within {p.minutes:g} minutes: {failed.total()} wrong; "
             f"{len(reports) * len(jobs)} in {p.processes} spawned processes: {wrong.total()} wrong.")
    errors = "\n".join(f"- {name}: {why} ({n} times)" for (name, why), n in (failed + wrong).items())
    made = f"Made by `{command}`, seed {p.seed}; {machine(provenance())}."
    text = document(__doc__.splitlines()[0], made, total, errors, tables.markdown(rows, columns))
    files.write_text(p.output / "README.md", text)
    print(f"\n{tables.text(rows, columns)}\n\n{total}\n{errors}\nwritten: {p.output / 'README.md'}")
    sys.exit(bool(failed or wrong))


if __name__ == "__main__":
    main()
