"""The record of a benchmark as text, as a Markdown document, as a picture, and as files.

A record is what :meth:`Benchmark.run` returns. Every result in it is {"case", "task", "title", "scan", "ours",
"contenders", "missing", "inapplicable", "goals"}; a contender (one of ours included) has the spread of what was
measured ("seconds" or "bytes", the record's "measure") and the spreads of its ratios to the candidates that the
record's "against" names.
"""
from __future__ import annotations

import json
from pathlib import Path

from ..evaluation import figures, tables
from ..storage import files
from . import timing
from .jobs import RATIOS

CAPTION = "Each candidate beside the first one that all are compared with, and growth with size"
LEGEND = (
    "Medians with quartiles. x: how many times as fast (memory: as small) as that candidate, the median of the ratios "
    "within each round. of copy speed: the time of a plain copy of as many bytes, over this time. Wrong results "
    "are refused before anything is timed. none: it has no such function; missing: see below the tables."
)
_GOALS = ("case and task", "by", "against", "measured", "quartiles", "goal", "floor", "verdict")
_OURS = ("tab:blue", "tab:cyan", "tab:green", "tab:olive", "tab:gray")
_THEIRS = ("tab:red", "tab:orange", "tab:pink", "tab:purple", "tab:brown")


def _ratio(spread) -> str:
    return f"{spread['median']:.2f} ({spread['low']:.2f}-{spread['high']:.2f})"


def _listed(record) -> list[dict]:
    """The results that are not points of a curve."""
    return [result for result in record["results"] if not result["scan"]]


def _against(record) -> list[str]:
    return [name for name in record["against"] if any(name in r["contenders"] for r in _listed(record))]


def all_tables(record) -> list[tuple]:
    """(heading, columns, rows) of each table: all candidates, further ones of the record, the goals."""
    measure, results, against = record["measure"], _listed(record), _against(record)
    copied = any("bytes" in result for result in results)
    columns = ("case and task", "by", "time" if measure == "seconds" else "memory", "quartiles",
               *(("ns/pixel", "MB moved", "of copy speed") if copied else ()), *(f"x {name}" for name in against),
               "first call")
    rows = []
    for result in results:
        for name, c in result["contenders"].items():
            spread, ratios = c[measure], c[RATIOS[measure]]
            low, median, high = (timing.text(spread[key], measure) for key in ("low", "median", "high"))
            memory = () if not copied else (
                f"{c['ns_per_pixel']:.3g}", f"{result['bytes'] / 1e6:.3g}", f"{c['share_of_copy']['median']:.1%}")
            compared = ("1" if peer == name else _ratio(ratios[peer]) if peer in ratios else _absent(result, peer)
                        for peer in against)
            rows.append((result["title"], name, median, f"{low} - {high}", *memory, *compared,
                         timing.text(c["first_call_seconds"])))
    further = [(heading, names, [tuple(row) for row in more]) for heading, names, more in record["tables"]]
    goals = [_goal(result["title"], goal, measure) for result in results for goal in result["goals"]]
    return [table for table in (("", columns, rows), *further, ("Goals", _GOALS, goals)) if table[2]]


def _goal(title, goal, measure) -> tuple[str, ...]:
    def figure(value):
        return timing.text(value, measure) if goal["against"] is None else f"{value:.3g}x"

    spread = goal.get("measured")
    measured = (figure(spread["median"]), f"{figure(spread['low'])} - {figure(spread['high'])}") if spread else ("", "")
    return (title, goal["ours"] or "", goal["against"] or "the clock", *measured, figure(goal["goal"]),
            figure(goal["floor"]), goal["verdict"])


def _absent(result, name) -> str:
    return "none" if name in result["inapplicable"] else "missing" if name in result["missing"] else ""


def notes(record) -> list[str]:
    """Which candidates are missing, why, and from which jobs if not from all."""
    results, lines = record["results"], []
    for word, key in (("missing", "missing"), ("none", "inapplicable")):
        where: dict = {}
        for result in results:
            for name, reason in result[key].items():
                where.setdefault((name, reason), []).append(result["title"])
        for (name, reason), titles in where.items():
            jobs = "" if len(titles) == len(results) else f" ({'; '.join(dict.fromkeys(titles))})"
            lines.append(f"{word}: {name}: {reason}{jobs}")
    return lines


def text(record) -> str:
    """For the terminal."""
    parts = [f"{heading}\n\n" * bool(heading) + tables.text(rows, columns)
             for heading, columns, rows in all_tables(record)]
    return "\n\n".join([*parts, "\n".join([LEGEND, *notes(record)])])


def settings(record) -> list[str]:
    """Every parameter, machine and version, one line each."""
    values = dict(record["settings"])
    values |= values.pop("options", {}) | {"device_name": record["device"]} | record["made"] | record["peers"]
    values = {k: " ".join(map(str, v)) if isinstance(v, (list, tuple)) else v for k, v in values.items()}
    return [f"{name} = {value}" for name, value in values.items()]


def markdown(record, title: str, picture: str) -> str:
    """Tables, picture (a link to the file ``picture``) and settings."""
    parts = [f"# {title}", LEGEND, f"![{CAPTION}]({picture})"]
    for heading, columns, rows in all_tables(record):
        parts += [f"## {heading}" if heading else "", tables.markdown(rows, columns)]
    parts += ["\n".join(f"- {note}" for note in notes(record)), "## Settings, machine, versions",
              "\n".join(f"- {line}" for line in settings(record))]
    return "\n\n".join(part for part in parts if part) + "\n"


def write(folder, stem: str, record, title: str) -> list[Path]:
    """STEM.json, STEM.md and STEM.png in ``folder``, each whole or not at all; all are ready before one is written."""
    contents = {".json": (json.dumps(record, indent=1, allow_nan=False) + "\n").encode(),
                ".md": markdown(record, title, f"{stem}.png").encode(), ".png": picture(record)}
    for ending, data in contents.items():
        files.write_bytes(Path(folder) / (stem + ending), data)
    return [Path(folder) / (stem + ending) for ending in contents]


def _colours(record) -> dict:
    """{candidate: colour}: ours in blues and greens, contenders in reds."""
    ours = list(dict.fromkeys(name for result in record["results"] for name in result["ours"]))
    theirs = list(dict.fromkeys(name for r in record["results"] for name in r["contenders"] if name not in ours))
    return {name: palette[i % len(palette)] for group, palette in ((ours, _OURS), (theirs, _THEIRS))
            for i, name in enumerate(group)}


def picture(record) -> bytes:
    """A PNG: a dot per candidate and job, relative to the first that all are compared with; beside it the curves."""
    results, curves, colours = _listed(record), _curves(record), _colours(record)
    height = 1.4 + 0.42 * max(len(results), 3 * len(curves), 4)
    figure = figures.canvas(8 * bool(results) + 6 * bool(curves), height)
    columns = figure.subfigures(1, bool(results) + bool(curves), squeeze=False)[0]
    if results:
        _draw_dots(columns[0].subplots(), record, results, colours)
    if curves:
        panels = columns[-1].subplots(len(curves), 1, squeeze=False)[:, 0]
        for panel, (title, (quantity, lines)) in zip(panels, curves.items()):
            _draw_curves(panel, title, quantity, lines, colours, record["measure"])
    threads = record["settings"]["threads"]
    machine = record["made"]["processor"] if record["device"] == "CPU" else record["device"]
    clock = ", processor time" * (record["settings"]["clock"] == "cpu")
    figure.suptitle(f"{record['title']}: {machine}, {threads} thread{'s' * (threads > 1)}{clock}", fontsize=10)
    return figures.png(figure)


def _errorbars(spreads) -> tuple[list, list]:
    """(medians, (distances to the lower quartile, to the upper))"""
    medians = [s["median"] for s in spreads]
    below, above = ([abs(s[key] - s["median"]) for s in spreads] for key in ("low", "high"))
    return medians, [below, above]


def _draw_dots(panel, record, results, colours) -> None:
    measure = record["measure"]
    base = next(iter(_against(record)), None)
    for y, result in enumerate(results):
        for name, c in result["contenders"].items():
            spread = c[measure] if base is None else c[RATIOS[measure]].get(base)
            if spread:
                medians, bars = _errorbars([spread])
                panel.errorbar(medians, [y], xerr=bars, color=colours[name], marker="o", markersize=5, capsize=2,
                               linestyle="none", label=name)
        for goal in result["goals"]:
            if goal["against"] == base:
                for key, size, colour in (("goal", 16, "black"), ("floor", 10, "gray")):
                    panel.plot([goal[key]], [y], marker="|", markersize=size, color=colour, linestyle="none", label=key)
    if base is not None:
        panel.axvline(1, color="gray", linewidth=0.8, linestyle="--")
    panel.set_yticks(range(len(results)), [r["title"] for r in results], fontsize=8)
    panel.set(xscale="log", xlabel=RATIOS[measure].replace("_", " ") + f" {base}" if base else measure)
    _number_ticks(panel.xaxis)
    panel.invert_yaxis()
    panel.grid(True, axis="x", which="both", alpha=0.3)
    _legend(panel)


def _curves(record) -> dict:
    """{title: (quantity, {candidate: [(value, spread)]})} of the results that are points of curves."""
    found: dict = {}
    for result in (r for r in record["results"] if r["scan"]):
        quantity, value = result["scan"]
        _, lines = found.setdefault(result["title"], (quantity, {}))
        for name, c in result["contenders"].items():
            lines.setdefault(name, []).append((value, c[record["measure"]]))
        if "copy_seconds" in result:
            lines.setdefault("copy of the bytes moved", []).append((value, result["copy_seconds"]))
    return found


def _draw_curves(panel, title, quantity, lines, colours, measure) -> None:
    for name, points in lines.items():
        x, spreads = zip(*sorted(points, key=lambda point: point[0]))
        style = {"color": colours[name], "marker": "o"} if name in colours else {"color": "black", "linestyle": "--"}
        medians, bars = _errorbars(spreads)
        panel.errorbar(x, medians, bars, **style, markersize=3, linewidth=1.3, capsize=2, label=name)
    # a curve that begins at 0 gets a linear axis
    panel.set(xscale="log" if x[0] else "linear", yscale="log", xlabel=quantity, ylabel=measure)
    panel.set_xticks(x, [f"{value:g}" for value in x], fontsize=8)
    panel.minorticks_off()
    _number_ticks(panel.yaxis, measure)
    panel.set_title(title, fontsize=9)
    panel.grid(True, which="major", alpha=0.3)
    _legend(panel)


def _number_ticks(axis, measure: str | None = None) -> None:
    """Ticks at 1, 2 and 5 of each power of ten, written as plain ratios, or as times or bytes with their units."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter((lambda value, position: timing.text(value, measure)) if measure else "{x:g}")
    axis.set_minor_formatter(NullFormatter())


def _legend(panel) -> None:
    handles = {label: handle for handle, label in zip(*panel.get_legend_handles_labels())}
    panel.legend(handles.values(), handles, fontsize=7, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
