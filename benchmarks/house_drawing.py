"""The drawing of benchmarks/house.py: rooms in layers, imports between them as arrows.

A room stands above every room that it imports; rooms that import each other in a circle share a layer and are red.
"""
from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

Edges = Counter  # {(importing room, imported room): number of pairs of files}
PANELS = {  # {heading: function(room) -> its name in this panel, "" for none}
    "sdpadv_np": lambda room: "kernels" if room.startswith("kernels/") else room.partition("sdpadv_np/")[2],
    "kernels": lambda room: room.partition("kernels/")[2],
}


def circles(edges: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Import circles: the nodes that reach each other, by Warshall's algorithm."""
    reached: dict[str, set[str]] = {}
    for a, b in edges:
        reached.setdefault(a, set()).add(b)
    for middle in reached:
        for below in reached.values():
            if middle in below:
                below |= reached[middle]
    groups = {tuple(sorted(b for b in below if a in reached.get(b, ()))) for a, below in reached.items()}
    return sorted(map(list, groups - {()}))


def layers(nodes: list[str], between: Edges) -> list[list[str]]:
    """Rooms by their height: a room stands above every room that it imports. Rooms in one circle share a layer."""
    group = {node: node for node in nodes} | {n: c[0] for c in circles(between) for n in c}
    below = {n: {group[b] for a, b in between if group[a] == n and group[b] != n} for n in group.values()}

    @functools.cache
    def rise(node):
        return 1 + max(map(rise, below[node]), default=-1)

    levels = [[n for n in nodes if rise(group[n]) == i] for i in range(1 + max(map(rise, below)))]
    place: dict[str, float] = {}
    for level in levels:  # above the middle of what they import
        weights = {n: Counter({b: k for (a, b), k in between.items() if a == n and b in place}) for n in level}
        middle = {n: sum(place[b] * k for b, k in w.items()) / max(1, w.total()) for n, w in weights.items()}
        level.sort(key=lambda n: (middle[n], n))
        place |= centres(level)
    return levels


def centres(level: list[str]) -> dict[str, float]:
    """{room: x in (0, 1)}, each with room for its name."""
    widths = [len(room) + 6 for room in level]
    return {room: (sum(widths[:i]) + widths[i] / 2) / sum(widths) for i, room in enumerate(level)}


def panel(axes, title: str, between: Edges, statements: dict[str, int]) -> None:
    """Rooms as boxes, imports as arrows downward, wider for more imports; those in a circle are red."""
    levels = layers(sorted(statements), between)
    where = {room: (x, height) for height, level in enumerate(levels) for room, x in centres(level).items()}
    in_circle = {room for circle in circles(between) for room in circle}
    for (a, b), count in sorted(between.items(), key=lambda item: item[1]):
        bad = a in in_circle and b in in_circle
        (x, y), (u, v) = where[a], where[b]
        bend = 0.12 * (1 if x <= u else -1) if abs(y - v) > 1 or bad else 0.0
        arrow = {"arrowstyle": "-|>", "lw": 0.4 + 0.5 * math.log2(1 + count), "alpha": 0.9 if bad else 0.45,
                 "color": "firebrick" if bad else "steelblue", "shrinkA": 9, "shrinkB": 9, "mutation_scale": 7,
                 "connectionstyle": f"arc3,rad={bend}"}
        axes.annotate("", xy=(u, v), xytext=(x, y), arrowprops=arrow)
        if count >= 4:
            axes.text(0.62 * x + 0.38 * u, 0.62 * y + 0.38 * v, count, fontsize=5.5, color="dimgrey", ha="center")
    for room, (x, y) in where.items():
        edge = "firebrick" if room in in_circle else "dimgrey"
        box = {"boxstyle": "round,pad=0.35", "fc": "white", "ec": edge, "lw": 0.8}
        text = f"{room}\n{statements[room]:,}"
        axes.text(x, y, text, ha="center", va="center", fontsize=7.5, bbox=box, zorder=5)
    axes.set_title(title, fontsize=10)
    axes.set(xlim=(0, 1), ylim=(-0.5, len(levels) - 0.5))
    axes.axis("off")


def draw(between: Edges, statements: dict[str, int], title: str, path: Path) -> None:
    """A picture of two panels: the rooms of sdpadv_np, with kernels as one of them; the rooms of kernels."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    figure = Figure(figsize=(17, 10), layout="constrained")
    panels = figure.subplots(1, 2, width_ratios=(10, 7))
    for axes, (heading, name) in zip(panels, PANELS.items()):
        edges: Edges = Counter()
        sizes: Counter[str] = Counter()
        for (a, b), count in between.items():
            edges[name(a), name(b)] += count
        for room, n in statements.items():
            sizes[name(room)] += n
        shown = {(a, b): count for (a, b), count in edges.items() if a and b and a != b}
        panel(axes, heading, Counter(shown), {room: n for room, n in sizes.items() if room})
    note = "a room's number: its statements; an arrow points at the imported room, its number: imports between files"
    figure.suptitle(f"{title} ({note})", fontsize=9)
    with rc_context({"svg.hashsalt": "house", "svg.fonttype": "none"}):  # the same house, the same file
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
