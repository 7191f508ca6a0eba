"""Models that learn from a judge: no likelihood, only samples."""

from lecturekit.adversarial.cyclegan import CycleGAN
from lecturekit.adversarial.dcgan import DCGAN
from lecturekit.adversarial.gan import GAN
from lecturekit.adversarial.lapgan import LAPGAN
from lecturekit.adversarial.wgan import WGAN

__all__ = ["DCGAN", "GAN", "LAPGAN", "WGAN", "CycleGAN"]
