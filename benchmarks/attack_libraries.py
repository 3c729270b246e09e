# ruff: noqa: E501 - the table of cases
"""Our gradient and search attacks compared with CleverHans, Foolbox, ART and torchattacks, on real data.

    python benchmarks/attack_libraries.py mnist --classifier mnist-B.h5 [mnist-A.h5] [--data DIR] [--images 1000]

All attack the same images and the same weights (ours, and a PyTorch copy), on one thread.
Writes benchmarks/results/attack_libraries/: one JSON file per data set and classifier, and README.md,
the tables of all of them. A library that is not installed is left out; all four, in an environment of their own:

    pip install cleverhans==4.0.0 easydict absl-py foolbox==3.3.4 adversarial-robustness-toolbox==1.20.1
    pip install --no-deps torchattacks==3.5.1

The table CASES says how each attack is called for equal results, and why results differ where they do; tests/oracle
asserts what it expects.
"""
from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import attack_peers as peers
import common
import numpy as np
import torch
from attack_peers import Copy
from peers import pytorch

import sdpadv_np as sd
from sdpadv_np.attacks import BIM, FGSM, MIM, PGD, RFGSM, SPSA, CarliniWagner, DeepFool
from sdpadv_np.bench.timing import equal_threads
from sdpadv_np.evaluation import tables
from sdpadv_np.storage import files
from sdpadv_np.storage.provenance import provenance

RESULTS = common.RESULTS / "attack_libraries"


class Case(NamedTuple):
    attack: str
    library: str
    ours: Callable  # classifier -> attack
    theirs: Callable  # see attack_peers
    expect: str  # "pixels": equal except for ties; "figures": share of fooled images and median norm agree; "differs"
    note: str = ""
    inner: bool = False  # on images far from black and white: [0, 1] shrunk to [0.3, 0.7]
    images: int = 1000  # at most, for the slow ones

    @property
    def targeted(self):
        return "targeted" in self.attack


EPS, STEP, STEPS, L2, L1 = 0.1, 0.02, 10, 1.5, 0.25
ITERATED = {"eps": EPS, "step": STEP, "steps": STEPS}
ART_ITERATED = {"eps": EPS, "eps_step": STEP, "max_iter": STEPS, "verbose": False}
TA_ITERATED = {"eps": EPS, "alpha": STEP, "steps": STEPS}
FB_ITERATED = {"abs_stepsize": STEP, "steps": STEPS}
CW = {"lr": 0.05, "steps": 200, "abort_early": False}
TA_SHORT = {"lr": 0.01, "steps": 30}
CW_SHORT = {**TA_SHORT, "abort_early": False}
QUERY = {"eps": 0.3, "steps": 20, "stop_on_success": False}

TIES = "images whose classifier is sure: there p_y - 1 is rounding in the library, and not here (benchmarks/LOG.md); none with the logits / 10"
FLOOR = "CleverHans does not scale gradients below 1e-6, which sure images have"
SPREAD = "Foolbox shares the step in proportion to the gradients; the steepest step in L1 is all on the largest"
MOMENTUM = "Foolbox' momentum adds up signs, Dong et al.'s gradients scaled to mean 1"
NEAR = "overshoot .005, for Foolbox steps on from where the overshoot led, we from where it did not"
BLACK = "torchattacks ignores clipping, and steps onto the boundary, not across: it approaches it without end; equal where nothing is clipped"
BLACK_CW = "torchattacks never moves pixels that are 0 or 1 (atanh is infinite), and its margin wants positive logits: images shrunk to [.3, .7], logits raised by 50; it gives up when the loss of the batch rises: 30 steps, in which it does not"
ROUNDS = "CleverHans 4 starts a round of c where the last one ended (3.0.1 and we at x), and adds c of one image to another: an image at a time"
ZEROS = "Foolbox gives a black image where it fails"
LINE = "ART descends with a line search, not Adam, and doubles c"
QUERIES = "we ask about images in [0, 1] only and fool a few more for it; equal where nothing is clipped; 64 pairs each"
REPAIRED = "CleverHans 4 estimates at 2x instead of x + d; repaired from outside; 64 pairs each"
STARTS = "random starts"

CASES = [
    Case("FGSM", "CleverHans", partial(FGSM, eps=EPS), peers.cleverhans_fgsm(EPS), "pixels", TIES),
    Case("FGSM", "Foolbox", partial(FGSM, eps=EPS), peers.foolbox(lambda a: a.LinfFastGradientAttack(), EPS), "pixels", TIES),
    Case("FGSM", "ART", partial(FGSM, eps=EPS), peers.art(lambda e: e.FastGradientMethod, eps=EPS), "pixels", TIES),
    Case("FGSM", "torchattacks", partial(FGSM, eps=EPS), peers.torchattacks(lambda t: t.FGSM, eps=EPS), "pixels", TIES),
    Case("FGSM, targeted", "CleverHans", partial(FGSM, eps=EPS), peers.cleverhans_fgsm(EPS, targeted=True), "pixels"),
    Case("FGSM, targeted", "ART", partial(FGSM, eps=EPS), peers.art(lambda e: e.FastGradientMethod, eps=EPS, targeted=True), "pixels"),
    Case("FGSM, targeted", "torchattacks", partial(FGSM, eps=EPS), peers.torchattacks(lambda t: t.FGSM, True, eps=EPS), "pixels"),
    Case("FGSM, L2", "CleverHans", partial(FGSM, eps=L2, norm="l2"), peers.one_by_one(peers.cleverhans_fgsm(L2, 2)), "pixels", FLOOR),
    Case("FGSM, L2", "Foolbox", partial(FGSM, eps=L2, norm="l2"), peers.foolbox(lambda a: a.L2FastGradientAttack(), L2), "pixels", TIES),
    Case("FGSM, L2", "ART", partial(FGSM, eps=L2, norm="l2"), peers.art(lambda e: e.FastGradientMethod, eps=L2, norm=2), "pixels", TIES),
    Case("FGSM, L1, inner", "CleverHans", partial(FGSM, eps=L1, norm="l1"), peers.cleverhans_fgsm(L1, 1), "pixels", inner=True),
    Case("FGSM, L1, inner", "Foolbox", partial(FGSM, eps=L1, norm="l1"), peers.foolbox(lambda a: a.L1FastGradientAttack(), L1), "differs", SPREAD, True),
    Case("FGSM, L1, inner", "ART", partial(FGSM, eps=L1, norm="l1"), peers.art(lambda e: e.FastGradientMethod, eps=L1, norm=1), "pixels", inner=True),
    Case("R+FGSM", "torchattacks", partial(RFGSM, eps=EPS, start=EPS / 2), peers.torchattacks(lambda t: t.RFGSM, eps=EPS, alpha=EPS / 2, steps=1), "figures", STARTS),
    Case("BIM", "CleverHans", partial(BIM, **ITERATED), peers.cleverhans_pgd(EPS, STEP, STEPS, False), "pixels", TIES),
    Case("BIM", "Foolbox", partial(BIM, **ITERATED), peers.foolbox(lambda a: a.LinfBasicIterativeAttack(**FB_ITERATED), EPS), "pixels", TIES),
    Case("BIM", "ART", partial(BIM, **ITERATED), peers.art(lambda e: e.BasicIterativeMethod, **ART_ITERATED), "pixels", TIES),
    Case("BIM", "torchattacks", partial(BIM, **ITERATED), peers.torchattacks(lambda t: t.BIM, **TA_ITERATED), "pixels", TIES),
    Case("BIM, targeted", "CleverHans", partial(BIM, **ITERATED), peers.cleverhans_pgd(EPS, STEP, STEPS, False, True), "pixels", TIES),
    Case("BIM, targeted", "Foolbox", partial(BIM, **ITERATED), peers.foolbox(lambda a: a.LinfBasicIterativeAttack(**FB_ITERATED), EPS, True), "pixels", TIES),
    Case("BIM, targeted", "ART", partial(BIM, **ITERATED), peers.art(lambda e: e.BasicIterativeMethod, targeted=True, **ART_ITERATED), "pixels", TIES),
    Case("BIM, targeted", "torchattacks", partial(BIM, **ITERATED), peers.torchattacks(lambda t: t.BIM, True, **TA_ITERATED), "pixels", TIES),
    Case("PGD", "CleverHans", partial(PGD, **ITERATED), peers.cleverhans_pgd(EPS, STEP, STEPS, True), "figures", STARTS),
    Case("PGD", "Foolbox", partial(PGD, **ITERATED), peers.foolbox(lambda a: a.LinfPGD(random_start=True, **FB_ITERATED), EPS), "figures", STARTS),
    Case("PGD", "ART", partial(PGD, **ITERATED), peers.art(lambda e: e.ProjectedGradientDescent, num_random_init=1, **ART_ITERATED), "figures", STARTS),
    Case("PGD", "torchattacks", partial(PGD, **ITERATED), peers.torchattacks(lambda t: t.PGD, **TA_ITERATED), "figures", STARTS),
    Case("MIM", "Foolbox", partial(MIM, **ITERATED), peers.foolbox(lambda a: a.LinfMomentumIterativeFastGradientMethod(**FB_ITERATED), EPS), "figures", MOMENTUM),
    Case("MIM, no memory", "Foolbox", partial(MIM, decay=0.0, **ITERATED), peers.foolbox(lambda a: a.LinfMomentumIterativeFastGradientMethod(momentum=0.0, **FB_ITERATED), EPS), "pixels", TIES),
    Case("MIM", "ART", partial(MIM, **ITERATED), peers.art(lambda e: e.MomentumIterativeMethod, decay=1.0, **ART_ITERATED), "pixels", TIES),
    Case("MIM", "torchattacks", partial(MIM, **ITERATED), peers.torchattacks(lambda t: t.MIFGSM, **TA_ITERATED), "pixels", TIES),
    Case("DeepFool", "Foolbox", partial(DeepFool, overshoot=0.005), peers.foolbox(lambda a: a.L2DeepFoolAttack(overshoot=0.005)), "figures", NEAR),
    Case("DeepFool", "ART", partial(DeepFool), peers.art(lambda e: e.DeepFool, epsilon=0.02, max_iter=50, verbose=False), "figures", images=300),
    Case("DeepFool", "torchattacks", partial(DeepFool), peers.torchattacks(lambda t: t.DeepFool), "differs", BLACK, images=50),
    Case("DeepFool, inner", "torchattacks", partial(DeepFool, overshoot=0.005), peers.torchattacks(lambda t: t.DeepFool, overshoot=0.005), "figures", BLACK, True, 50),
    Case("CW, c = 10", "CleverHans", partial(CarliniWagner, initial_c=10.0, search_steps=1, **CW), peers.cleverhans_cw(lr=0.05, max_iterations=200, initial_const=10.0, binary_search_steps=1), "figures", ROUNDS, images=20),
    Case("CW", "CleverHans", partial(CarliniWagner, **CW), peers.cleverhans_cw(lr=0.05, max_iterations=200), "figures", ROUNDS, images=20),
    Case("CW", "Foolbox", partial(CarliniWagner, **CW), peers.foolbox(lambda a: a.L2CarliniWagnerAttack(5, 200, 0.05, 0, 1e-2, False)), "figures", ZEROS, images=100),
    Case("CW, targeted", "Foolbox", partial(CarliniWagner, **CW), peers.foolbox(lambda a: a.L2CarliniWagnerAttack(5, 200, 0.05, 0, 1e-2, False), targeted=True), "figures", ZEROS, images=100),
    Case("CW", "ART", partial(CarliniWagner, initial_c=1.0, **CW), peers.art(lambda e: e.CarliniL2Method, learning_rate=0.05, binary_search_steps=5, max_iter=200, initial_const=1.0, verbose=False), "differs", LINE, images=10),
    Case("CW, c = 10, inner", "torchattacks", partial(CarliniWagner, initial_c=10.0, search_steps=1, **CW_SHORT), peers.torchattacks(lambda t: t.CW, raised=50.0, c=10.0, **TA_SHORT), "figures", BLACK_CW, True, 200),
    Case("SPSA, inner", "CleverHans", partial(SPSA, **QUERY), peers.cleverhans_spsa(0.3, 20, 64), "figures", REPAIRED, True, 100),
    Case("SPSA, inner", "torchattacks", partial(SPSA, random_start=False, **QUERY), peers.torchattacks(lambda t: t.SPSA, eps=0.3, nb_iter=20, nb_sample=64), "figures", QUERIES, True, 100),
]


def tempered(classifier):
    """A classifier with a tenth of the logits, so that no gradient of the cross-entropy is lost to rounding."""
    cooler = type(classifier)(dtype=classifier.dtype)
    cooler.store.data[:] = classifier.store.data
    for array in list(cooler.store.arrays().values())[-2:]:
        array *= 0.1
    return cooler


def compare(case: Case, classifier, copy: Copy, x) -> dict:
    """What ours and theirs make of (at most ``case.images`` of) the images x (N, 1, 28, 28)."""
    x = np.ascontiguousarray(x[: case.images])
    if case.inner:
        x = np.float32(0.3) + np.float32(0.4) * x
    label = classifier.predict(x)
    aim = (label + 1) % copy.classes if case.targeted else label
    attack, tensors = case.ours(classifier), (torch.from_numpy(x.copy()), torch.from_numpy(aim))
    calls = {
        "ours": lambda n: attack(x[:n], targets=aim[:n] if case.targeted else None, progress=False),
        "theirs": lambda n: np.asarray(case.theirs(copy, *(t[:n] for t in tensors)), np.float32),
    }
    row = {"attack": case.attack, "library": case.library, "images": len(x), "expect": case.expect, "note": case.note}
    found = {}
    for who, call in calls.items():
        call(2)  # imports and compiles
        torch.manual_seed(0)
        np.random.seed(0)  # ART draws from it
        started = time.process_time()
        x_adv = found[who] = call(len(x))
        row[f"seconds {who}"] = time.process_time() - started
        row[f"fooled {who}"] = float(((classifier.predict(x_adv) == aim) == case.targeted).mean())
        row[f"L2 {who}"] = float(np.median(np.linalg.norm((x_adv - x).reshape(len(x), -1), axis=1)))
    row["equal pixels"] = float((np.abs(found["ours"] - found["theirs"]) <= 1e-5).mean())
    return row


def agree(row: dict) -> bool:
    """Whether the share of fooled images agrees within 1 point, the median norm within 2 %."""
    fooled, norm = (abs(row[f"{what} ours"] - row[f"{what} theirs"]) for what in ("fooled", "L2"))
    return fooled <= 0.01 + 1e-9 and norm <= 0.02 * row["L2 theirs"]


def measure(name: str, classifier, x, y) -> dict:
    """The record of one classifier: a row per case."""
    made, copy, cooler = provenance(), Copy(classifier), tempered(classifier)
    cooler_copy, rows = Copy(cooler), []
    for case in CASES:
        if peers.missing(case.library):
            continue
        if classifier.architecture == "A" and case.images < 1000:  # what is slow already is slower by convolutions
            case = case._replace(images=max(10, case.images // 5))
        row = compare(case, classifier, copy, x)
        if case.expect == "pixels":
            row["equal pixels, logits / 10"] = compare(case, cooler, cooler_copy, x)["equal pixels"]
        row["agree"] = agree(row)
        rows.append(row)
        print(f"{name} {json.dumps({k: v for k, v in row.items() if k not in ('note', 'expect')})}", flush=True)
    return {"name": name, "clean accuracy": classifier.accuracy(x, y), "rows": rows, "made": made,
            "libraries": {library: peers.version(library) for library in peers.PACKAGES if not peers.missing(library)}}


def row_of(r: dict) -> tuple[str, ...]:
    """A row of the record as texts."""
    cooler = r.get("equal pixels, logits / 10")
    pixels = (f"{r['equal pixels']:.5f}", f"{cooler:.5f}") if cooler is not None else ("", "")
    forms = {"fooled": ".3f", "L2": ".4f", "seconds": ".2f"}
    figures = [f"{r[f'{what} {who}']:{form}}" for what, form in forms.items() for who in ("ours", "theirs")]
    return (r["attack"], r["library"], str(r["images"]), *pixels, *figures, "yes" if r["agree"] else "**no**", r["note"])


def report() -> str:
    columns = ("attack", "library", "images", "equal pixels", "logits / 10", "fooled", "theirs", "median L2", "theirs", "s",
               "theirs", "agree", "what differs")
    parts = [
        "Made by `python benchmarks/attack_libraries.py`, which says how every attack is called; seconds of one thread, "
        "one run each.\n"
        "Same weights, same images, the classifier's own predictions as labels (targeted: the next class).\n"
        "Equal pixels: the share within 1e-5; again with the logits divided by 10, where the cross-entropy of a sure "
        "classifier is not lost to rounding.\n"
        "Fooled: the share of images whose prediction has left the label, or has reached the target. Agree: fooled "
        "within 1 point and median L2 within 2 %.",
    ]
    for path in sorted(RESULTS.glob("*.json")):
        record = json.loads(path.read_text())
        made, libraries = record["made"], ", ".join(f"{k} {v}" for k, v in record["libraries"].items())
        machine = f"{made['processor']}, Python {made['python']}, NumPy {made['numpy']}, commit {made['commit'][:10]}"
        parts += [f"## {record['name']}", f"Clean accuracy {record['clean accuracy']:.4f}. {machine}; {libraries}.",
                  tables.markdown([row_of(r) for r in record["rows"]], columns)]
    return common.document("Our attacks beside the original libraries", *parts)


def main():
    parser = common.parser(
        __doc__, classifier={"nargs": "+", "required": True, "help": "files that sd.save wrote"},
        data={"help": "folder of the data set"}, images=1000)
    parser.add_argument("dataset", choices=("mnist", "fashion-mnist"))
    p = parser.parse_args()
    warnings.simplefilter("ignore")
    data = sd.data.load(p.dataset, p.data)
    for path in p.classifier:
        classifier = sd.load(path)
        name = f"{p.dataset}-{classifier.architecture}"
        with equal_threads(1, [pytorch]):
            record = measure(name, classifier, data.x_test[: p.images], data.y_test[: p.images])
        files.write_json(RESULTS / f"{name}.json", record)
    files.write_text(RESULTS / "README.md", report())


if __name__ == "__main__":
    main()
