"""Figures made with matplotlib, and a few that answer, legible on light and on dark pages."""

from lecturekit.show import figures
from lecturekit.show.diagrams import diagram, source
from lecturekit.show.figures import CLASSES, COLOURS, animate, curves, grid, interpolation, manifold, pairs, put, style
from lecturekit.show.widgets import Live, Panel, clamp, divergences, paint, plane, real_or_fake

__all__ = [
    "CLASSES",
    "COLOURS",
    "INK",
    "Live",
    "Panel",
    "animate",
    "clamp",
    "curves",
    "diagram",
    "divergences",
    "grid",
    "interpolation",
    "manifold",
    "paint",
    "pairs",
    "plane",
    "put",
    "real_or_fake",
    "source",
    "style",
]


def __getattr__(name: str) -> str:
    if name == "INK":  # what it is may change: see `style`
        return figures.ink()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
