"""Models trained by a variational bound."""

from lecturekit.variational.linear_gaussian import LinearGaussian
from lecturekit.variational.vae import VAE

__all__ = ["VAE", "LinearGaussian"]
