"""Figures made with matplotlib, and a few that answer, legible on light and on dark pages."""

from lecturekit.show.diagrams import diagram, source
from lecturekit.show.figures import COLOURS, INK, animate, curves, grid, interpolation, manifold, pairs, put, style
from lecturekit.show.widgets import Live, divergences, paint, plane, real_or_fake

__all__ = [
    "COLOURS",
    "INK",
    "Live",
    "animate",
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
