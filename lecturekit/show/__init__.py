"""Pictures: functions that return matplotlib figures, legible on light and on dark pages."""

from lecturekit.show.diagrams import diagram, source
from lecturekit.show.figures import COLOURS, INK, curves, grid, manifold, pairs, put, style, walk

__all__ = [
    "COLOURS",
    "INK",
    "curves",
    "diagram",
    "grid",
    "manifold",
    "pairs",
    "put",
    "source",
    "style",
    "walk",
]
