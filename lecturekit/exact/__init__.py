"""Models whose likelihood can be computed: one paper, one file."""

from lecturekit.exact.flow import Flow
from lecturekit.exact.glow import Glow
from lecturekit.exact.nice import NICE
from lecturekit.exact.pixelrnn import PixelRNN
from lecturekit.exact.realnvp import RealNVP

__all__ = ["NICE", "Flow", "Glow", "PixelRNN", "RealNVP"]
