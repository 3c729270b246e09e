"""``sdpadv bench BENCHMARK``: measure speed and memory."""
from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path

from ..bench import BENCHMARKS, report
from ..errors import ArgumentError
from ..evaluation import figures
from ..storage import files, folders
from .common import Formatter, announce, path

_CONTENDER = """
a contender of your own, in my_module.py in the current folder:

  def my_function(job):
      if job.operation != ... or job.task != ...:
          raise NotImplementedError("it does this and that only")
      ...                                  # prepare; this is not timed
      return lambda: my_kernel(...)        # this is timed

  sdpadv bench {name} --contender my_module:my_function

The results are an array, a tuple of arrays in the order below, or a dict by name; they are compared with the
reference's. Inputs are NumPy arrays (CuPy's on a GPU) and must not be changed. More: python -m pydoc sdpadv_np.bench

"""


def add_parser(commands):
    command = commands.add_parser(
        "bench", help="measure speed and memory", formatter_class=Formatter,
        description="Measure this package: its implementations against each other, and against contenders of your own.",
        epilog="example:\n  sdpadv bench affine --quick",
    )
    benchmarks = command.add_subparsers(dest="benchmark", required=True, metavar="BENCHMARK")
    for benchmark in BENCHMARKS.values():
        _add_benchmark(benchmark, benchmarks)
    return command


def _add_benchmark(benchmark, benchmarks) -> None:
    defaults = [f"{device}, if not given: cases {' '.join(cases)}; {benchmark.rounds} rounds"
                for device, (cases, _) in benchmark.default_cases.items()]
    contract = _CONTENDER.format(name=benchmark.name) + benchmark.contract
    command = benchmarks.add_parser(
        benchmark.name, help=benchmark.description, formatter_class=Formatter,
        description=f"Measure {benchmark.description}.\nResults are compared before anything is timed; wrong ones are "
                    "refused. Writes tables, a plot, and every figure as JSON.",
        epilog="\n".join([f"example:\n  sdpadv bench {benchmark.name} --quick\n", *defaults]) + f"\n{contract}",
    )
    names = f"any of {', '.join(benchmark.cases)}" + f", or {benchmark.other_form}" * bool(benchmark.other_form)
    choices = None if benchmark.other_case else tuple(benchmark.cases)
    command.add_argument("--cases", nargs="+", choices=choices, metavar="CASE", help=f"{names}; see below if not given")
    command.add_argument("--contender", dest="contenders", nargs="+", default=[], metavar="[NAME=]MODULE:FUNCTION",
                         help="functions of your own that take part, see below; modules of this folder are found")
    command.add_argument("--threads", type=int, default=1, metavar="N", help="of every candidate")
    command.add_argument("--seed", type=int, default=0, help="draws the inputs and the order of each round")
    command.add_argument("--rounds", type=int, metavar="N", help="samples of each candidate; see below if not given")
    command.add_argument("--quick", action="store_true", help="small cases and few rounds: to see that it works")
    settings = ["cases", "contenders", "threads", "seed", "rounds", "quick"]
    if len(benchmark.default_cases) > 1:
        command.add_argument("--device", choices=tuple(benchmark.default_cases), default="cpu", help="cuda needs CuPy")
        settings.append("device")
    if len(benchmark.clocks) > 1:
        command.add_argument("--clock", choices=benchmark.clocks, default=benchmark.clocks[0],
                             help="cpu: processor time of all threads; steadier on a busy machine")
        settings.append("clock")
    if benchmark.scans:
        command.add_argument("--scan", action="store_true", help="the curves as well: how time grows with the size")
        settings.append("scan")
    for name, option in benchmark.options.items():
        default = list(option.default) if isinstance(option.default, tuple) else option.default
        command.add_argument(f"--{name}", default=default, help=option.help, **option.arguments)
        settings.append(name)
    command.add_argument("--output", type=path, metavar="DIR",
                         help="folder of the files; runs/bench-BENCHMARK-TIME if not given")
    # a default here would override the --debug of `sdpadv bench --debug affine`
    command.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show an error's traceback")
    command.set_defaults(settings=settings)


def run(arguments) -> None:
    given = arguments.output
    folder = (folders.create(None, f"runs/bench-{arguments.benchmark}{datetime.now():-%Y%m%d-%H%M%S}") if given is None
              else folders.locked(files.expanded(given), make=True))
    try:
        with folder as output:
            _measure(arguments, output)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("no results were written") from None


def _measure(arguments, output: Path) -> None:
    benchmark = BENCHMARKS[arguments.benchmark]
    settings = benchmark.resolve(**{name: getattr(arguments, name) for name in arguments.settings})
    if (output / f"{benchmark.name}.json").exists():
        raise ArgumentError(f"{output}: holds a benchmark already; choose another --output")
    figures.canvas(1, 1)  # a missing matplotlib is reported now and not after ten minutes
    announce({name: value for name, value in vars(settings).items() if name != "options"} | settings.options)
    record = benchmark.run(settings, lambda line: print(line, flush=True))
    print(f"\n{report.text(record)}\n")
    print("written: " + ", ".join(map(str, report.write(output, benchmark.name, record, benchmark.title))))
