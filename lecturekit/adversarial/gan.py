"""Generative adversarial networks: a generator learns from a discriminator, which learns to distinguish its
samples from data.

[1] Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio (2014). Generative Adversarial Nets.
    arXiv:1406.2661

    symbol in [1]            here
    G(z; theta_g)            generator(z), z from noise(n)
    D(x; theta_d)            sigmoid(discriminate(x)): discriminate gives logits
    k                        turns: steps of D for each of G        algorithm 1
    V(D, G)                  losses.value                           eq. 1
"""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from lecturekit import nets
from lecturekit.adversarial import losses
from lecturekit.model import Batch, GenerativeModel, Player, Terms

# what G descends, and what D does
GAMES = {
    "minimax": (losses.minimax, losses.cross_entropy),
    "non-saturating": (losses.non_saturating, losses.cross_entropy),
    "least-squares": (losses.least_squares_generator, losses.least_squares),
}


def adam(parameters: list[nn.Parameter]) -> Optimizer:
    """Adam with a rate of 2e-4 and beta_1 = 0.5, as in Radford et al. (2016), arXiv:1511.06434.

    >>> adam([nn.Parameter(torch.zeros(1))]).defaults["betas"]
    (0.5, 0.999)
    """
    return Adam(parameters, lr=2e-4, betas=(0.5, 0.999), fused=True)


def check_signed(model: GenerativeModel, x: Tensor) -> None:
    """ValueError for images that do not run from -1 to 1.

    >>> check_signed(GAN((1, 4, 4), hidden=8), torch.rand(5, 1, 4, 4) * 2 - 1)
    >>> check_signed(GAN((1, 4, 4), hidden=8), torch.ones(5, 1, 4, 4))
    Traceback (most recent call last):
        ...
    ValueError: GAN wants images from -1 to 1 (view="signed"), and these run from 1 to 1
    """
    if len(model.event_shape) == 3 and (x.min() >= 0 or x.abs().max() > 1):
        raise ValueError(
            f'{type(model).__name__} wants images from -1 to 1 (view="signed"), and these run from {x.min():.4g} to '
            f"{x.max():.4g}"
        )


class GAN(GenerativeModel):
    """A generator and a discriminator, each any network.

    event_shape: the shape of an item. Images go from -1 to 1 (view="signed").
    latent: the dimension of the noise z, a standard Gaussian.
    generator: (n, latent) -> (n, *event_shape). discriminator: (n, *event_shape) -> logits, (n,), (n, 1) or a map of
        them. By default nets with two hidden layers of `hidden` units, the generator's ending in tanh if items are images.
    game: "non-saturating", "minimax" or "least-squares".
    turns: steps of the discriminator for each of the generator, each on a batch of its own.
    targets: what the discriminator should say of real items and of fakes; (0.9, 0.0) smooths one side.
    optimizer: of each player.

    >>> model, x = GAN((1, 4, 4), latent=2, hidden=8, turns=3), torch.rand(5, 1, 4, 4) * 2 - 1
    >>> [(player.name, player.turns) for player in model.players()]
    [('discriminator', 3), ('generator', 1)]
    >>> list(model.discriminator_loss(Batch(x)))
    ['loss', 'real', 'fake']
    >>> model.sample(7).shape
    torch.Size([7, 1, 4, 4])
    """

    def __init__(
        self,
        event_shape: Sequence[int] = (1, 28, 28),
        latent: int = 100,
        generator: nn.Module | None = None,
        discriminator: nn.Module | None = None,
        game: str = "non-saturating",
        turns: int = 1,
        targets: tuple[float, float] = (1.0, 0.0),
        hidden: int = 256,
        optimizer: Callable[[list[nn.Parameter]], Optimizer] = adam,
    ):
        super().__init__()
        if game not in GAMES:
            raise ValueError(f"unknown game {game!r}; there are {', '.join(GAMES)}")
        self.event_shape, self.latent = tuple(event_shape), latent
        size = math.prod(event_shape)
        self.generator = generator or nn.Sequential(
            nets.mlp([latent, hidden, hidden, size]),
            nn.Tanh() if len(self.event_shape) == 3 else nn.Identity(),
            nn.Unflatten(1, self.event_shape),
        )
        leaky = lambda: nn.LeakyReLU(0.2)
        self.discriminator = discriminator or nn.Sequential(
            nn.Flatten(), nets.mlp([size, hidden, hidden, 1], leaky), nn.Flatten(0)
        )
        self.game, self.turns, self.targets, self.optimizer = game, turns, tuple(targets), optimizer
        self.register_buffer("origin", torch.zeros(latent), persistent=False)

    def check(self, x: Tensor, y: Tensor | None = None) -> None:
        """Also ValueError for images that do not run from -1 to 1."""
        super().check(x, y)
        check_signed(self, x)

    def condition(self, batch: Batch) -> tuple:
        """What both networks are given beside the noise or the item: nothing, except in a conditional GAN."""
        return ()

    def noise(self, n: int) -> Float[Tensor, "n latent"]:
        """z: n draws from the standard Gaussian."""
        return torch.randn(n, self.latent, device=self.origin.device, dtype=self.origin.dtype)

    def fakes(self, n: int, *given) -> Tensor:
        """(n, *event_shape) of generated items, through which gradients flow to it."""
        return self.generator(self.noise(n), *given)

    def discriminate(self, x: Tensor, *given) -> Tensor:
        """The discriminator's logits: log D / (1 - D)."""
        return nets.full_precision(self.discriminator(x, *given))

    def discriminator_loss(self, batch: Batch) -> Terms:
        """Also logged: "real" and "fake", the mean probability D that each is real."""
        given = self.condition(batch)
        with torch.no_grad():
            fakes = self.fakes(len(batch), *given)
        real, fake = self.discriminate(batch.x, *given), self.discriminate(fakes, *given)
        loss = GAMES[self.game][1](real, fake, self.targets)
        return {"loss": loss, **self.logged(real, fake)}

    def logged(self, real: Tensor, fake: Tensor) -> Terms:
        """What is worth a curve: D of real items and of fakes, on average; a least-squares game has no probabilities, but values."""
        said = torch.detach if self.game == "least-squares" else torch.sigmoid
        return {"real": said(real.detach()).mean(), "fake": said(fake.detach()).mean()}

    def generator_loss(self, batch: Batch) -> Terms:
        given = self.condition(batch)
        return {"loss": GAMES[self.game][0](self.discriminate(self.fakes(len(batch), *given), *given))}

    def players(self) -> list[Player]:
        """The discriminator, then the generator."""
        return [
            Player(
                name="discriminator",
                moves=self.discriminator,
                loss=self.discriminator_loss,
                turns=self.turns,
                optimizer=self.optimizer,
            ),
            Player(name="generator", moves=self.generator, loss=self.generator_loss, optimizer=self.optimizer),
        ]

    @torch.no_grad()
    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        """(n, *event_shape): noise through the generator."""
        return nets.full_precision(self.fakes(n))
