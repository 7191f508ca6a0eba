"""Other packages' trainings on our networks, for throughput.py. Each gives the seconds that training alone took."""

import logging
import tempfile
import time

import torch
from loop import BATCH
from torch import nn
from torch.optim import Adam
from torch.utils.data import DataLoader, TensorDataset

from lecturekit import nets
from lecturekit.adversarial import dcgan

LATENT, HIDDEN, PIXELS = 50, 500, 784


def pythae_vae(split, epochs, k=1):
    """pythae's VAE, or its IWAE, by its BaseTrainer; the data set is binarized beforehand and held in memory."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import IWAE, VAE, IWAEConfig, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.net = nets.mlp([PIXELS, HIDDEN, HIDDEN, 2 * LATENT])

        def forward(self, x):
            mean, log_variance = self.net(x.flatten(1)).chunk(2, dim=1)
            return ModelOutput(embedding=mean, log_covariance=log_variance)

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nets.mlp([LATENT, HIDDEN, HIDDEN, PIXELS]), nn.Sigmoid())

        def forward(self, z):
            return ModelOutput(reconstruction=self.net(z).reshape(-1, 1, 28, 28))

    logging.disable(logging.INFO)
    shape = {"input_dim": (1, 28, 28), "latent_dim": LATENT, "reconstruction_loss": "bce"}
    if k == 1:
        model = VAE(VAEConfig(**shape), encoder=Encoder(), decoder=Decoder())
    else:
        model = IWAE(IWAEConfig(**shape, number_samples=k), encoder=Encoder(), decoder=Decoder())
    x, y = split.tensors(seed=0)
    with tempfile.TemporaryDirectory() as folder:
        settings = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=epochs,
            per_device_train_batch_size=BATCH,
            learning_rate=1e-3,
            optimizer_cls="Adam",
            no_cuda=True,
        )
        trainer = BaseTrainer(model, BaseDataset(x, y), training_config=settings)
        trainer.prepare_training()
        trainer.callback_handler.callbacks = []  # no progress bar, no checkpoints: training alone is timed
        started = time.perf_counter()
        for epoch in range(1, epochs + 1):
            trainer.train_step(epoch)
        return time.perf_counter() - started


def torchgan_dcgan(split, epochs):
    """torchgan's training steps of a DCGAN, in the order of its Trainer; it writes no logs and no checkpoints here."""
    from torchgan.losses import MinimaxDiscriminatorLoss, MinimaxGeneratorLoss

    g, d = dcgan.generator((1, 28, 28), 100, 32), dcgan.discriminator((1, 28, 28), 32)
    g.encoding_dims, g.label_type, d.label_type = 100, "none", "none"
    of_g, of_d = (Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999)) for net in (g, d))
    of_generator, of_discriminator = MinimaxGeneratorLoss(nonsaturating=True), MinimaxDiscriminatorLoss()
    loader = DataLoader(TensorDataset(*split.tensors(seed=0)), batch_size=BATCH, shuffle=True)
    started = time.perf_counter()
    for _ in range(epochs):
        for x, _ in loader:
            of_generator.train_ops(g, d, of_g, "cpu", BATCH)
            of_discriminator.train_ops(g, d, of_d, x, "cpu")
    return time.perf_counter() - started


def normflows_model(steps, hidden):
    """normflows' Glow of two levels for images of 1 x 32 x 32, by its own blocks; their split prior is one Gaussian for all."""
    import normflows as nf

    levels = []
    for channels in (8, 4):  # theirs begin at the noise
        blocks = [nf.flows.GlowBlock(channels, hidden) for _ in range(steps)]
        levels.append([*blocks, nf.flows.Squeeze()])
    bases = [nf.distributions.DiagGaussian((8, 8, 8)), nf.distributions.DiagGaussian((2, 16, 16))]
    return nf.MultiscaleFlow(bases, levels, [nf.flows.Merge()], class_cond=False)


def normflows_glow(split, epochs, steps, hidden, batch):
    """The training steps of normflows' examples: forward_kld of a batch, backward, Adam."""
    model = normflows_model(steps, hidden)
    optimizer = Adam(model.parameters(), lr=1e-3, fused=True)
    loader = DataLoader(TensorDataset(split.tensors(seed=0)[0]), batch_size=batch, shuffle=True)
    started = time.perf_counter()
    for _ in range(epochs):
        for (x,) in loader:
            optimizer.zero_grad()
            model.forward_kld(x).backward()
            optimizer.step()
    return time.perf_counter() - started


def normflows_sampling(split, steps, hidden, batch):
    """Seconds for as many images as there are in `split`."""
    model = normflows_model(steps, hidden).eval()
    started = time.perf_counter()
    with torch.no_grad():
        for _ in range(len(split) // batch):
            model.sample(batch)
    return time.perf_counter() - started
