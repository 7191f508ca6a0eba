"""Pictures: functions that return matplotlib figures, legible on light and on dark pages."""

from lecturekit.show.figures import COLOURS, curves, grid, manifold, pairs, put, style, walk

__all__ = ["COLOURS", "curves", "grid", "manifold", "pairs", "put", "style", "walk"]
