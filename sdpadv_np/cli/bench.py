"""``sdpadv bench QUESTION``: measurements against peers."""
from __future__ import annotations

import argparse
import functools
from datetime import datetime
from pathlib import Path

from ..storage import files, folders
from ..bench import QUESTIONS, affine, report
from ..bench.peers import PEERS
from ..errors import ArgumentError
from ..evaluation import figures
from ..kernels.affine_sample import CONVENTIONS
from .common import Formatter, announce, path


def add_parser(commands):
    command = commands.add_parser(
        "bench", help="measure against peers", formatter_class=Formatter, description="Measure how fast this package is, beside others.",
        epilog="example:\n  sdpadv bench affine --quick",
    )
    questions = command.add_subparsers(dest="question", required=True, metavar="QUESTION")
    for add in (_add_affine, *(functools.partial(_add_question, question) for question in QUESTIONS.values())):
        question = add(questions)
        question.add_argument("--threads", type=int, default=1, metavar="N", help="of every contender")
        question.add_argument("--seed", type=int, default=0, help="draws the problems and the order of each round")
        question.add_argument("--rounds", type=int, metavar="N", help="samples of each contender; see below if not given")
        question.add_argument("--quick", action="store_true", help="small cases and few rounds: to see that it works")
        question.add_argument("--output", type=path, metavar="DIR", help="folder of the files; runs/bench-QUESTION-TIME if not given")
        # a default here would override the --debug of `sdpadv bench --debug affine`
        question.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show the whole traceback of an error")
    return command


def run(arguments) -> None:
    usual = f"runs/bench-{arguments.question}{datetime.now():-%Y%m%d-%H%M%S}"
    try:
        with folders.create(None, usual) if arguments.output is None else folders.locked(files.expanded(arguments.output), make=True) as output:
            _measure(arguments, output)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("no results were written") from None


def _add_affine(questions):
    command = questions.add_parser(
        "affine", help="the samplers: affine_sample and flow_sample", formatter_class=Formatter,
        description="Time every implementation of the samplers beside PyTorch, SciPy and OpenCV: forward, with both gradients,\n"
        "and with theta's gradient alone. Results are compared with the definition's first; wrong ones are refused.\n"
        "Writes tables, a plot of time against the number of images, and every figure as JSON.",
        epilog="example:\n  sdpadv bench affine --cases 28x28x1:128 --peers torch torch.compile",
    )
    for device in ("cpu", "cuda"):
        default = affine.Settings.resolve(device)
        command.epilog += f"\n\n{device}, if not told otherwise: cases {' '.join(default.cases)}; {default.rounds} rounds; plot at N {' '.join(map(str, default.scan))}"
    command.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="cuda needs CuPy")
    command.add_argument("--cases", nargs="+", metavar="HxWxC:N", help="height, width, channels and number of the images; see below if not given")
    command.add_argument("--conventions", nargs="+", choices=CONVENTIONS, default=list(CONVENTIONS), metavar="NAME", help=f"any of {', '.join(CONVENTIONS)}")
    command.add_argument("--peers", nargs="*", choices=PEERS, default=["torch", "scipy", "opencv"], metavar="NAME",
                         help=f"any of {', '.join(PEERS)}; torch.compile needs up to a minute for each case and task")
    command.add_argument("--radius", type=float, default=affine.Settings.radius, metavar="R", help="theta is drawn within R of the identity; larger ones leave more of the image")
    options = ("device", "quick", "cases", "conventions", "peers", "radius", "rounds", "threads", "seed")
    command.set_defaults(options=options, resolve=affine.Settings.resolve, measure=affine.run, title="The samplers against their peers")
    return command


def _add_question(question, questions):
    default = question.resolve()
    command = questions.add_parser(
        question.name, help=question.asks, formatter_class=Formatter,
        description=f"{question.title}: {question.asks}.\nResults are compared first; wrong ones are refused. Writes tables, the goals with verdicts, a plot, and every figure as JSON.",
        epilog=f"example:\n  sdpadv bench {question.name} --quick\n\nif not told otherwise: cases {' '.join(default.cases)}; {default.rounds} rounds",
    )
    command.add_argument("--cases", nargs="+", choices=question.cases, metavar="NAME", help=f"any of {', '.join(question.cases)}")
    options = ("quick", "cases", "rounds", "threads", "seed")
    if question.peers:
        slow = "; torch.compile needs up to a minute for each case and task" * ("torch.compile" in question.peers)
        command.add_argument("--peers", nargs="*", choices=question.peers, default=list(question.default_peers), metavar="NAME",
                             help=f"any of {', '.join(question.peers)}{slow}")
        options += ("peers",)
    if len(question.clocks) > 1:
        command.add_argument("--clock", choices=question.clocks, default=question.clocks[0], help="cpu: the processor's time, of all threads; steadier on a busy machine")
        options += ("clock",)
    if question.scans:
        command.add_argument("--scan", action="store_true", help="the curves as well: how time grows with the size")
        options += ("scan",)
    command.set_defaults(options=options, resolve=question.resolve, measure=question.run, title=question.title)
    return command


def _measure(arguments, output: Path) -> None:
    stem = arguments.question
    settings = arguments.resolve(**{name: getattr(arguments, name) for name in arguments.options})
    if (output / f"{stem}.json").exists():
        raise ArgumentError(f"{output}: holds a benchmark already; choose another --output")
    figures.canvas(1, 1)  # that matplotlib is missing shows now and not after ten minutes
    announce(vars(settings))
    record = arguments.measure(settings, lambda line: print(line, flush=True))
    print(f"\n{report.text(record)}\n")
    written = report.write(output, stem, record, report.markdown(record, arguments.title, f"{stem}.png"), report.picture(record))
    print("written: " + ", ".join(map(str, written)))
