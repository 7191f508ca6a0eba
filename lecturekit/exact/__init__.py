"""Models whose likelihood can be computed: one paper, one file."""

from lecturekit.exact.pixelrnn import PixelRNN

__all__ = ["PixelRNN"]
