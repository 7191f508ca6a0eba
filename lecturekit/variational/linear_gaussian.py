"""Probabilistic PCA: the latent-variable model in which everything can be computed, and so everything checked.

[1] Tipping, Bishop (1999). Probabilistic Principal Component Analysis. J. R. Statist. Soc. B 61(3).
[2] Lucas, Tucker, Grosse, Norouzi (2019). Don't Blame the ELBO! A Linear VAE Perspective on Posterior Collapse.
    arXiv:1911.02469 (the same model with an amortized linear posterior)

    symbol in [1]            here
    t = W x + mu + eps       x = weight z + bias + noise * eps         eq. 2 (what [1] calls x is the latent z here)
    t ~ N(mu, W W' + s^2 I)  log_prob(x)                               the evidence, section 3.2
    x | t                    posterior(x)                              eqs. 6 to 8
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Independent, MultivariateNormal
from torch.nn import functional as F

from lecturekit import checks, nets
from lecturekit.latent import LatentVariableModel


class LinearGaussian(LatentVariableModel):
    """z ~ N(0, I), x = weight z + bias + noise * eps, with q(z | x) = N(recognize x + offset, diag scale^2).

    dimensions, latent: the sizes of x and z. noise: the standard deviation of the observation.
    All but the noise can be trained. The true posterior has a full covariance, so the diagonal q reaches it only where the
    columns of `weight` are orthogonal: the gap of the bound is there to be seen.

    >>> model, x, z = LinearGaussian(3, latent=2), torch.randn(4, 3), torch.randn(4, 2)
    >>> log_joint = model.prior().log_prob(z) + model.decode(z).log_prob(x)
    >>> torch.allclose(log_joint - model.posterior(x).log_prob(z), model.log_prob(x), atol=1e-3)  # Bayes, for any z
    True
    """

    def __init__(self, dimensions: int, latent: int, noise: float = 0.5):
        super().__init__()
        dimensions, latent = checks.whole(dimensions=dimensions, latent=latent)
        self.event_shape, self.latent = (dimensions,), latent
        self.noise = float(checks.number(above=0, noise=noise))
        self.weight = nn.Parameter(torch.randn(dimensions, latent))
        self.bias = nn.Parameter(torch.zeros(dimensions))
        self.recognize = nn.Parameter(0.1 * torch.randn(latent, dimensions))
        self.offset = nn.Parameter(torch.zeros(latent))
        self.log_scale = nn.Parameter(torch.zeros(latent))

    def prior(self, y: Tensor | None = None) -> Independent:
        """p(z) = N(0, I) over (latent,)."""
        zero = torch.zeros_like(self.offset)
        return nets.gaussian(zero, zero)

    def encode(self, x: Float[Tensor, "batch dim"], y: Tensor | None = None) -> Independent:
        """q(z | x), a batch of B diagonal Gaussians over (latent,)."""
        mean = self._items(x) @ self.recognize.T + self.offset
        return nets.gaussian(mean, self.log_scale.expand_as(mean))

    def decode(self, z: Float[Tensor, " *lead latent"], y: Tensor | None = None) -> Independent:
        """p(x | z), a batch (*lead) of Gaussians over (dimensions,) with standard deviation `noise`."""
        mean = checks.ends((self.latent,), z=z) @ self.weight.T + self.bias
        return nets.gaussian(mean, torch.full_like(mean, self.noise).log())

    def log_prob(self, x: Float[Tensor, "batch dim"], y: Tensor | None = None) -> Float[Tensor, " batch"]:
        """The exact evidence log p(x) = log N(x; bias, weight weight' + noise^2 I), in nats.

        With Q R = (weight over noise I), the determinant of the covariance is noise^(2 (dimensions - latent)) |R|^2, and x -
        bias over 0 has a part outside of Q's columns whose square, over noise^2, is the quadratic form: nothing cancels.
        """
        centred = F.pad(self._items(x) - self.bias, (0, self.latent))
        q, r = torch.linalg.qr(torch.cat([self.weight, self.noise * torch.eye(self.latent).to(self.weight)]))
        outside = (centred - (centred @ q) @ q.T) / self.noise
        log_det = 2 * r.diagonal().abs().log().sum() + 2 * (len(self.weight) - self.latent) * math.log(self.noise)
        return -(outside.square().sum(-1) + log_det + len(self.weight) * math.log(2 * math.pi)) / 2

    def _items(self, x: Tensor) -> Tensor:
        return checks.items(x, self.event_shape, type(self).__name__).to(self.bias.dtype)

    def posterior(self, x: Float[Tensor, "batch dim"]) -> MultivariateNormal:
        """The exact p(z | x), a batch of B Gaussians over (latent,) that share one precision I + W'W / noise^2."""
        centred, eye = self._items(x) - self.bias, torch.eye(self.latent).to(self.weight)
        precision = eye + self.weight.T @ self.weight / self.noise**2
        mean = torch.linalg.solve(precision, self.weight.T @ centred.T / self.noise**2).T
        return MultivariateNormal(mean, precision_matrix=precision.expand(len(x), -1, -1), validate_args=False)

    @torch.no_grad()
    def match_posterior(self) -> None:
        """Set q to the diagonal Gaussian nearest to the posterior in KL(q || p): its mean, and 1 / its precisions."""
        precision = torch.eye(self.latent).to(self.weight) + self.weight.T @ self.weight / self.noise**2
        self.recognize.copy_(torch.linalg.solve(precision, self.weight.T) / self.noise**2)
        self.offset.copy_(-self.recognize @ self.bias)
        self.log_scale.copy_(-0.5 * precision.diagonal().log())
