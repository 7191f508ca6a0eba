"""Generative adversarial networks: a generator learns from a discriminator or a critic; no likelihood, only samples."""

from lecturekit.adversarial.cyclegan import CycleGAN
from lecturekit.adversarial.dcgan import DCGAN
from lecturekit.adversarial.gan import GAN
from lecturekit.adversarial.lapgan import LAPGAN
from lecturekit.adversarial.wgan import WGAN

__all__ = ["DCGAN", "GAN", "LAPGAN", "WGAN", "CycleGAN"]
