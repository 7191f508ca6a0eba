"""Models trained by a variational bound, and two whose evidence is known."""

from lecturekit.variational.cvae import CVAE
from lecturekit.variational.dlgm import DLGM
from lecturekit.variational.draw import DRAW
from lecturekit.variational.gaussian_mixture import GaussianMixture
from lecturekit.variational.hierarchical_vae import HierarchicalVAE
from lecturekit.variational.iwae import IWAE
from lecturekit.variational.linear_gaussian import LinearGaussian
from lecturekit.variational.semi_supervised import SemiSupervisedVAE
from lecturekit.variational.vae import VAE

__all__ = [
    "CVAE",
    "DLGM",
    "DRAW",
    "IWAE",
    "VAE",
    "GaussianMixture",
    "HierarchicalVAE",
    "LinearGaussian",
    "SemiSupervisedVAE",
]
