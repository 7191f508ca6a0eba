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
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from lecturekit import checks, nets
from lecturekit.adversarial import losses
from lecturekit.model import Batch, GenerativeModel, Player, Terms, evaluating

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


class Signed(GenerativeModel):
    """A model whose images run from -1 to 1 (view="signed"); its points may be anywhere.

    >>> bright = torch.rand(5, 1, 4, 4)
    >>> GAN((1, 4, 4), hidden=8).check(bright)  # each may be one of a set that runs from -1 to 1
    >>> GAN((1, 4, 4), hidden=8).check_scale(bright.round())  # but there is no such set if all are
    Traceback (most recent call last):
        ...
    ValueError: GAN wants images from -1 to 1 (view="signed"), and these run from 0 to 1
    """

    def check(self, x: Tensor, y: Tensor | None = None, stream: str | None = None) -> None:
        """Also ValueError for images beyond -1 or 1."""
        super().check(x, y, stream)
        if stream is None and len(self.event_shape) == 3 and len(x) and (x.min() < -1 or x.max() > 1):
            raise self._scale(x)

    def check_scale(self, x: Tensor) -> None:
        """ValueError for images none of which goes below 0."""
        if len(self.event_shape) == 3 and len(x) and x.min() >= 0:
            raise self._scale(x)

    def _scale(self, x):
        runs = f"{x.min():.4g} to {x.max():.4g}"
        return ValueError(f'{type(self).__name__} wants images from -1 to 1 (view="signed"), and these run from {runs}')


def tried(name: str, net: Callable[..., Tensor], *given, shape: tuple[int, ...] | None = None) -> Tensor:
    """What a network makes of what it is given; ValueError unless that is items of a shape or, without one, logits of items.

    >>> tried("generator", nn.Linear(2, 5), torch.zeros(4, 2), shape=(3,))
    Traceback (most recent call last):
        ...
    ValueError: generator must give items of shape (3,), and gives (5,)
    """
    try:
        gives = (found := net(*given)).shape
    except Exception as error:
        raise ValueError(f"{name} fails on what the game gives it: {error}") from error
    if shape is not None and gives[1:] != shape:
        raise ValueError(f"{name} must give items of shape {shape}, and gives {tuple(gives[1:])}")
    if shape is None and gives[:1] != given[0].shape[:1]:
        raise ValueError(f"{name} must give each of {len(given[0])} items a logit or a map of them, not {tuple(gives)}")
    return found


class GAN(Signed):
    """A generator and a discriminator, each any network.

    event_shape: of points, (D,), or of images, (C, H, W), which run from -1 to 1 (view="signed"); others with a `generator`.
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
        self.event_shape = checks.shape(event_shape)
        self.latent, self.turns, hidden = checks.whole(latent=latent, turns=turns, hidden=hidden)
        self.game, self.optimizer = checks.one_of(GAMES, game=game), checks.made_by(optimizer=optimizer)
        GAMES[game][1](torch.zeros(1), torch.zeros(1), targets)  # which looks at the targets
        self.targets = tuple(map(float, targets))
        if self.targets[0] <= self.targets[1]:
            raise ValueError(f"targets are for real items and for fakes, the first above the second, not {targets}")
        size, last = math.prod(self.event_shape), nn.Tanh() if len(self.event_shape) == 3 else nn.Identity()
        if generator is None and len(self.event_shape) not in (1, 3):
            raise ValueError(f"event_shape must be (D,) or (C, H, W), not {self.event_shape}, or give a generator=")
        if generator is None:
            net = nets.mlp([self.latent, hidden, hidden, size])
            generator = nn.Sequential(net, last, nn.Unflatten(1, self.event_shape))
        if discriminator is None:
            net = nets.mlp([size, hidden, hidden, 1], lambda: nn.LeakyReLU(0.2))
            discriminator = nn.Sequential(nn.Flatten(), net, nn.Flatten(0))
        for name, net in (("generator", generator), ("discriminator", discriminator)):
            if not isinstance(net, nn.Module):
                raise TypeError(f"{name} must be a network, an nn.Module, not {net!r}")
            setattr(self, name, net)
        self.register_buffer("origin", torch.zeros(self.latent), persistent=False)

    def start(self, draw: Callable[[int], Batch]) -> None:
        """Try both networks on three items: ValueError for those that cannot play."""
        batch = draw(3)
        with evaluating(self):
            given = self.condition(batch)
            fakes = tried("generator", self.fakes, len(batch), *given, shape=self.event_shape)
            tried("discriminator", self.discriminate, fakes, *given)

    def condition(self, batch: Batch) -> tuple:
        """What both networks are given beside the noise or the item: nothing, except in a conditional GAN."""
        return ()

    def noise(self, n: int) -> Float[Tensor, "n latent"]:
        """z: n draws from the standard Gaussian."""
        return torch.randn(checks.whole(0, n=n), self.latent, device=self.origin.device, dtype=self.origin.dtype)

    def fakes(self, n: int, *given) -> Tensor:
        """(n, *event_shape) of generated items, through which gradients flow to it."""
        return self.generator(self.noise(n), *given)

    def discriminate(self, x: Tensor, *given) -> Tensor:
        """The discriminator's logits: log D / (1 - D)."""
        x = checks.items(x, self.event_shape, type(self).__name__).to(self.origin.dtype)
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
        player = partial(Player, optimizer=self.optimizer)
        return [
            player(name="discriminator", moves=self.discriminator, loss=self.discriminator_loss, turns=self.turns),
            player(name="generator", moves=self.generator, loss=self.generator_loss),
        ]

    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        """(n, *event_shape): noise through the generator, in eval mode."""
        n, y = self.asked(n, y)
        with evaluating(self, seed=None):
            return nets.full_precision(self.fakes(n, *(() if y is None else (y,))))
