"""Wasserstein GANs: a critic whose slope is bounded measures how far the fakes are, even where they do not overlap.

[1] Arjovsky, Chintala, Bottou (2017). Wasserstein GAN. arXiv:1701.07875
[2] Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville (2017). Improved Training of Wasserstein GANs. arXiv:1704.00028

    symbol              here
    f_w [1], D [2]      discriminate: its values are no logits
    c [1]               clip: weights of the critic stay in [-c, c]      [1], algorithm 1
    lambda [2]          penalty                                          [2], eq. 3
    n_critic            turns
    W(p, p_g)           distance(real, fake): E f(x) - E f(G(z)), the supremum over f being what the critic seeks
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer, RMSprop

from lecturekit import checks
from lecturekit.adversarial import losses
from lecturekit.adversarial.gan import GAN
from lecturekit.model import Batch, Player, Terms


def rmsprop(parameters: list[nn.Parameter]) -> Optimizer:
    """RMSProp with a rate of 5e-5, as in [1].

    >>> rmsprop([nn.Parameter(torch.zeros(1))]).defaults["lr"]
    5e-05
    """
    return RMSprop(parameters, lr=5e-5)


def adam(parameters: list[nn.Parameter]) -> Optimizer:
    """Adam with a rate of 1e-4 and betas of 0 and 0.9, as in [2], algorithm 1.

    >>> adam([nn.Parameter(torch.zeros(1))]).defaults["betas"]
    (0.0, 0.9)
    """
    return Adam(parameters, lr=1e-4, betas=(0.0, 0.9), fused=True)


class WGAN(GAN):
    """A generator and a critic; the critic's slope is held near 1 by a penalty, or its weights by clipping.

    penalty: the weight of the gradient penalty [2]; None clips instead [1]. It is in the unit of the data: the best slope
        under it exceeds 1, and the estimate the distance W, by a factor of 1 + W / (2 penalty).
    one_sided: whether only slopes above 1 are punished.
    clip: without a penalty, the largest absolute value of the critic's parameters after each of its steps.
    turns: steps of the critic for each of the generator.
    optimizer: of each player; by default the published one, Adam with the penalty and RMSProp with clipping.
    event_shape, latent, generator, discriminator, hidden: as in GAN. With the penalty the critic must not mix the items of a batch.

    >>> model = WGAN((2,), latent=2, hidden=8)
    >>> [(player.name, player.turns) for player in model.players()]
    [('critic', 5), ('generator', 1)]
    >>> model.discriminator = nn.Sequential(nn.Linear(2, 1, bias=False), nn.Flatten(0))
    >>> model.discriminator[0].weight.data[:] = torch.tensor([[1.0, 0.0]])  # a best critic of a shift to the right
    >>> model.distance(torch.zeros(4, 2) + torch.tensor([3.0, 0.0]), torch.zeros(4, 2)).item()
    3.0
    """

    def __init__(
        self,
        event_shape: Sequence[int] = (1, 28, 28),
        latent: int = 100,
        generator: nn.Module | None = None,
        discriminator: nn.Module | None = None,
        penalty: float | None = 10.0,
        one_sided: bool = False,
        clip: float = 0.01,
        turns: int = 5,
        hidden: int = 256,
        optimizer: Callable[[list[nn.Parameter]], Optimizer] | None = None,
    ):
        published = rmsprop if penalty is None else adam
        if one_sided and penalty is None:
            raise ValueError("one_sided=True is about the penalty, and with penalty=None there is none")
        super().__init__(
            event_shape, latent, generator, discriminator, turns=turns, hidden=hidden, optimizer=optimizer or published
        )
        mixes = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in self.discriminator.modules())
        if penalty is not None and mixes:
            raise ValueError(
                "a gradient penalty asks for the critic's slope at one item, which batch normalization makes depend on all "
                "of them: give a critic without it, such as dcgan.discriminator(event_shape, normalize=False)"
            )
        self.penalty = penalty if penalty is None else checks.number(above=0, penalty=penalty)
        self.one_sided, self.clip = one_sided, checks.number(above=0, clip=clip)
        del self.game, self.targets  # which a critic does not have

    def discriminator_loss(self, batch: Batch) -> Terms:
        """Also logged: "distance", the critic's estimate, and "penalty", before it is weighed."""
        with torch.no_grad():
            fakes = self.fakes(len(batch))
        loss = losses.critic(self.discriminate(batch.x), self.discriminate(fakes))
        terms = {"distance": -loss.detach()}
        if self.penalty is not None:
            penalty = losses.gradient_penalty(self.discriminate, batch.x, fakes, self.one_sided).mean()
            terms["penalty"], loss = penalty.detach(), loss + self.penalty * penalty
        return {"loss": loss, **terms}

    def generator_loss(self, batch: Batch) -> Terms:
        return {"loss": losses.critic_generator(self.discriminate(self.fakes(len(batch))))}

    def clamp(self) -> None:
        """Bring the critic's parameters back into [-clip, clip]."""
        for p in self.discriminator.parameters():
            p.clamp_(-self.clip, self.clip)

    def players(self) -> list[Player]:
        """The critic, under the name "critic", then the generator."""
        first, second = super().players()
        return [replace(first, name="critic", after=self.clamp if self.penalty is None else None), second]

    def distance(self, real: Tensor, fake: Tensor) -> Tensor:
        """E f(x) - E f(G(z)), 0-dim: at most the Wasserstein distance times the largest slope of f."""
        return -losses.critic(self.discriminate(real), self.discriminate(fake))
