"""The conditional variational autoencoder: a distribution over x for every y, a label or a part of the image.

[1] Sohn, Lee, Yan (2015). Learning Structured Output Representation using Deep Conditional Generative Models. NeurIPS 28.
    (Its x is the condition and its y the output; here, as in the whole course, x is what is generated, given y.)
[2] Kingma, Rezende, Mohamed, Welling (2014). Semi-Supervised Learning with Deep Generative Models. arXiv:1406.5298

    symbol in [1]            here
    p_theta(z | x)           prior(y)             N(0, I), or a net's Gaussian with conditional_prior=True
    q_phi(z | x, y)          encode(x, y)
    p_theta(y | x, z)        decode(z, y)         independent bits, or Gaussians
    L_CVAE                   elbo(x, 1, y)        a bound on log p(x | y)
    conditional likelihood   bound(x, k, y)       by importance sampling; monte_carlo(x, k, y): by draws from the prior
"""

import math
from collections.abc import Callable, Sequence
from numbers import Integral

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Independent, kl_divergence
from torch.nn import functional as F

from lecturekit import checks, nets
from lecturekit.latent import LatentVariableModel
from lecturekit.model import Batch, Terms


class CVAE(LatentVariableModel):
    """A VAE of items x given y.

    condition: how many classes, for y a label (B,) of whole numbers; or the shape of y, for y (B, *condition) of numbers.
    conditional_prior: whether p(z | y) is a net's, as in [1], or the same for every y, as in [2].
    likelihood: "bernoulli" or "gaussian".
    latent, hidden, activation: as in VAE; y is fed to every net beside its other input.

    >>> model, x, y = CVAE((1, 4, 4), condition=3, latent=2, hidden=(8,)), torch.ones(5, 1, 4, 4), torch.arange(5) % 3
    >>> model.bound(x, k=10, y=y).shape, model.sample(5, y).shape
    (torch.Size([5]), torch.Size([5, 1, 4, 4]))
    >>> completion = CVAE((1, 2, 4), condition=(1, 2, 4), latent=2, hidden=(8,))  # the lower half, given the upper one
    >>> completion.sample(5, x[:, :, :2]).shape
    torch.Size([5, 1, 2, 4])
    """

    def __init__(
        self,
        event_shape: Sequence[int] = (1, 28, 28),
        condition: int | Sequence[int] = 10,
        latent: int = 50,
        hidden: Sequence[int] = (500, 500),
        activation: Callable[[], nn.Module] = nn.ReLU,
        conditional_prior: bool = False,
        likelihood: str = "bernoulli",
    ):
        super().__init__()
        self.likelihood = checks.one_of(("bernoulli", "gaussian"), likelihood=likelihood)
        self.event_shape, self.latent = checks.shape(event_shape), (latent := checks.whole(latent=latent))
        self.conditional_prior = checks.flag(conditional_prior=conditional_prior)
        hidden = checks.wholes(empty=True, hidden=hidden)
        self.condition = checks.wholes(condition=[condition] if isinstance(condition, Integral) else condition)
        self.classes = self.condition[0] if isinstance(condition, Integral) else None
        channels, *rest = self.event_shape
        self.parameter_shape = (channels if likelihood == "bernoulli" else 2 * channels, *rest)
        pixels, given = math.prod(self.event_shape), math.prod(self.condition)
        self.encoder = nets.mlp([pixels + given, *hidden, 2 * latent], activation)
        self.decoder = nets.mlp([latent + given, *reversed(hidden), math.prod(self.parameter_shape)], activation)
        self.prior_net = nets.mlp([given, *hidden, 2 * latent], activation) if conditional_prior else None
        self.register_buffer("origin", torch.zeros(latent), persistent=False)

    def conditions(self, y: Tensor | None, n: int | None = None) -> Tensor:
        """y, one for each of n items: labels, or numbers (n, *condition); ValueError otherwise."""
        if self.classes is not None:
            return super().conditions(y, n)
        if y is None:
            raise ValueError(f"{type(self).__name__} is a distribution given y: pass y=, or data with it")
        checks.ends(self.condition, lead=1, y=y)
        if n not in (None, len(y)):
            raise ValueError(f"{n} items need {n} conditions, not {len(y)}")
        return y

    def check(self, x: Tensor, y: Tensor | None = None, stream: str | None = None) -> None:
        """Also ValueError for conditions that are not finite."""
        super().check(x, y, stream)
        if stream is None and not y.isfinite().all():
            raise ValueError("y, the conditions, are not finite: there is a nan or an inf among them")

    def flat(self, y: Tensor | None, n: int | None = None) -> Float[Tensor, "batch given"]:
        """y of n items as the nets see it: a label as a one in a row of zeros."""
        y = self.conditions(y, n)
        y = y.flatten(1) if self.classes is None else F.one_hot(y, self.classes)
        return y.to(self.origin.dtype)

    def prior(self, y: Tensor | None = None) -> Independent:
        """p(z | y), a batch of B; or one p(z) for all y."""
        if self.prior_net is None:
            return nets.gaussian(self.origin, self.origin)
        return nets.gaussian(*self.prior_net(self.flat(y)).chunk(2, dim=-1))

    def encode(self, x: Float[Tensor, " batch *event"], y: Tensor | None = None) -> Independent:
        """q(z | x, y), a batch of B Gaussians over (latent,)."""
        x = checks.items(x, self.event_shape, type(self).__name__).to(self.origin.dtype)
        both = torch.cat([x.flatten(1), self.flat(y, len(x))], -1)
        return nets.gaussian(*self.encoder(both).chunk(2, dim=-1))

    def decode(self, z: Float[Tensor, " *lead latent"], y: Tensor | None = None) -> Independent:
        """p(x | z, y) for z (..., B, latent) and y of B items, a batch (..., B)."""
        z = checks.ends(self.origin.shape, z=z).to(self.origin.dtype)
        n = z.shape[-2] if z.ndim > 1 else 1
        given = self.flat(y, None if n == 1 else n)  # one z may go with many y
        lead = torch.broadcast_tensors(z[..., 0], given[..., 0])[0].shape
        both = torch.cat([z.expand(*lead, -1), given.expand(*lead, -1)], -1)
        parameters = nets.folded(self.decoder, both, 1).reshape(*lead, *self.parameter_shape)
        event_dims = len(self.event_shape)
        if self.likelihood == "bernoulli":
            return nets.bernoulli(parameters, event_dims)
        return nets.gaussian(*nets.location_and_scale(parameters, event_dims), event_dims)

    def halves(self, x: Tensor, y: Tensor) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
        """log p(x | z, y) at one draw of z, and KL(q(z | x, y) || p(z | y)) in closed form: the ELBO is their difference."""
        q = self.encode(x, y)
        z = q.rsample()
        return self.decode(z, y).log_prob(x.to(z.dtype)), kl_divergence(q, self.prior(y))

    def loss(self, batch: Batch) -> Terms:
        """Minus the ELBO of log p(x | y), one sample, the KL in closed form; its two parts in nats."""
        reconstruction, kl = (half.mean() for half in self.halves(batch.x, batch.y))
        return {"loss": kl - reconstruction, "reconstruction": reconstruction, "kl": kl}

    @torch.no_grad()
    def monte_carlo(self, x: Tensor, k: int, y: Tensor) -> Float[Tensor, " batch"]:
        """log of the mean of p(x | z, y) over k draws from the prior: the estimate without q, far noisier."""
        x, k = checks.items(x, self.event_shape, type(self).__name__), checks.whole(k=k)
        prior = self.prior(self.conditions(y, len(x)))
        z = prior.sample((k,)) if prior.batch_shape else prior.sample((k, len(x)))
        return self.decode(z, y).log_prob(x.to(z.dtype)).logsumexp(0) - math.log(k)
