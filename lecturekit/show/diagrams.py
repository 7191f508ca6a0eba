"""Graphical models and computation graphs, drawn from a dictionary of nodes and a list of arrows."""

import inspect
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import BoxStyle

from lecturekit import checks
from lecturekit.show.figures import COLOURS, ink, settings

# What a node's kind looks like: the shape of its frame, and what fills it.
KINDS = {
    "latent": {"boxstyle": "circle,pad=0.45", "facecolor": "none"},
    "observed": {"boxstyle": "circle,pad=0.45", "facecolor": COLOURS["sky"] + "66"},
    "noise": {"boxstyle": "circle,pad=0.45", "facecolor": "none", "linestyle": "--"},
    "net": {"boxstyle": "round,pad=0.5", "facecolor": COLOURS["orange"] + "44"},
    "value": {"boxstyle": "square,pad=0.35", "facecolor": "none"},
    "text": {"boxstyle": "square,pad=0.2", "facecolor": "none", "edgecolor": "none"},
}
ARROWS = {
    "": {"linestyle": "-"},
    "inference": {"color": COLOURS["blue"], "linestyle": "--"},
    "gradient": {"color": COLOURS["red"], "linestyle": ":"},
}


def diagram(
    nodes: Mapping[str, tuple[float, float, str, str]],
    arrows: Sequence[tuple],
    *,
    width: float = 7.0,
    height: float = 2.2,
    title: str | None = None,
) -> Figure:
    """Nodes {name: (x, y, label, kind)} and arrows (from, to[, kind[, bend]]) as a figure.

    Kinds of node: latent, observed, noise (circles), net, value (boxes), text. Kinds of arrow: "" (generation, the forward
    pass), "inference", "gradient". bend: curvature of the arrow, 0 by default.

    >>> figure = diagram({"z": (0, 0, "$z$", "latent"), "x": (2, 0, "$x$", "observed")}, [("z", "x")])
    >>> len(figure.axes[0].texts)  # two nodes and an arrow
    3
    """
    width, height = checks.number(above=0, width=width, height=height)
    if not nodes or not all(isinstance(node, tuple | list) and len(node) == 4 for node in nodes.values()):
        raise ValueError(f"nodes must be {{name: (x, y, label, kind)}}, and some, not {nodes!r:.100}")
    for name, (x, y, _, kind) in nodes.items():
        checks.number(**{f"x of node {name!r}": x, f"y of node {name!r}": y})
        checks.one_of(KINDS, **{f"kind of node {name!r}": kind})
    links = []
    for arrow in arrows:
        if not isinstance(arrow, tuple | list) or not 2 <= len(arrow) <= 4:
            raise ValueError(f"an arrow is (from, to[, kind[, bend]]), not {arrow!r}")
        start, end, kind, bend = *arrow, *("", 0)[len(arrow) - 2 :]
        links.append((start, end, kind, checks.number(bend=bend)))
        checks.one_of(nodes, **{f"start of arrow {arrow}": start, f"end of arrow {arrow}": end})
        checks.one_of(ARROWS, **{f"kind of arrow {arrow}": kind})
        if nodes[start][:2] == nodes[end][:2]:
            raise ValueError(f"arrow {arrow}: an arrow from a node to itself, or to one in its place, cannot be drawn")
    with rc_context(settings()):
        figure = plt.figure(figsize=(width, height), layout="none")
        axis = figure.add_axes((0, 0, 1, 0.9 if title else 1))
        axis.set_axis_off()
        xs, ys = [n[0] for n in nodes.values()], [n[1] for n in nodes.values()]
        axis.set(xlim=(min(xs) - 0.6, max(xs) + 0.6), ylim=(min(ys) - 0.6, max(ys) + 0.6), title=title or "")
        frames = {}
        for name, (x, y, label, kind) in nodes.items():
            look = {"edgecolor": ink(), "linewidth": 1.2} | KINDS[kind]
            text = axis.text(x, y, label, ha="center", va="center", bbox=look, zorder=2)
            frames[name] = text.get_bbox_patch()
        figure.canvas.draw()  # frames fit their labels only now
        for start, end, kind, bend in links:
            look = {"arrowstyle": "-|>", "color": ink(), "linewidth": 1.4, "shrinkA": 2, "shrinkB": 2} | ARROWS[kind]
            look["connectionstyle"] = f"arc3,rad={bend}"
            tail, head = _edge(axis, frames[start], frames[end]), _edge(axis, frames[end], frames[start])
            axis.annotate("", head, tail, arrowprops=look, zorder=1)
        plt.close(figure)
    return figure


def _edge(axis: plt.Axes, frame, other) -> np.ndarray:
    """Where the straight line from the middle of one frame to that of another leaves the first, in data coordinates."""
    box, there = frame.get_window_extent(), other.get_window_extent()
    centre = np.array([(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2])
    step = np.array([(there.x0 + there.x1) / 2, (there.y0 + there.y1) / 2]) - centre
    half = np.array([box.width, box.height]) / 2
    if isinstance(frame.get_boxstyle(), BoxStyle.Circle):
        reach = half.max() / np.hypot(*step)
    else:
        reach = min(h / abs(s) for h, s in zip(half, step, strict=True) if s)
    return axis.transData.inverted().transform(centre + reach * step)


def source(thing: Any):
    """The package's own code of a class, function or method, coloured, as a cell's output.

    >>> print(source(source).data.splitlines()[1])
    def source(thing: Any):
    """
    from IPython.display import Markdown

    return Markdown(f"```python\n{textwrap.dedent(inspect.getsource(thing)).rstrip()}\n```")
