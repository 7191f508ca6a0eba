"""Building blocks that several models share, and the heads: the only place where distributions are built.

A head casts to float32 (float64 stays) whatever becomes a distribution's parameter: log-weights in bfloat16 cost 0.3 nat.
`validate_args=False` everywhere, because validation costs time, breaks compilation and waits for the device; a model's
`check` looks at the data instead, once.
"""

import copy
import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal, constraints, register_kl
from torch.nn import functional as F

from lecturekit import checks


def mlp(sizes: Sequence[int], activation: Callable[[], nn.Module] = nn.ReLU) -> nn.Sequential:
    """Linear layers of the given sizes with an activation between them: mlp([784, 500, 500, 100]).

    >>> mlp([784, 500, 2])
    Sequential(
      (0): Linear(in_features=784, out_features=500, bias=True)
      (1): ReLU()
      (2): Linear(in_features=500, out_features=2, bias=True)
    )
    """
    checks.made_by(nn.Module, activation=activation)
    layers = []
    for a, b in pairwise(checks.wholes(sizes=sizes)):
        layers += [nn.Linear(a, b), activation()]
    return nn.Sequential(*layers[:-1])


def folded(net: nn.Module, x: Tensor, event_dims: int) -> Tensor:
    """Apply a net to items of `event_dims` dimensions under any number of leading ones: (k, B, ...) goes as (k B, ...).

    >>> folded(nn.Linear(3, 2), torch.zeros(5, 4, 3), event_dims=1).shape
    torch.Size([5, 4, 2])
    """
    lead, event = x.shape[: x.ndim - event_dims], x.shape[x.ndim - event_dims :]
    out = net(x.reshape(math.prod(lead), *event))
    return out.reshape(*lead, *out.shape[1:])


def full_precision(x: Tensor) -> Tensor:
    """As float32, in which distributions are computed, whatever autocast made it; float64 stays.

    >>> [full_precision(torch.zeros(1, dtype=dtype)).dtype for dtype in (torch.bfloat16, torch.float64)]
    [torch.float32, torch.float64]
    """
    return x if x.dtype == torch.float64 else x.float()


def gaussian(mean: Tensor, log_scale: Tensor, event_dims: int = 1) -> Independent:
    """Diagonal Gaussian over the last `event_dims` dimensions; the scale is a standard deviation, not a variance.

    >>> p = gaussian(torch.zeros(2), torch.tensor([0.0, math.log(3)]))
    >>> p.stddev, p.log_prob(torch.zeros(2))  # -log(2 pi) - log 3
    (tensor([1., 3.]), tensor(-2.9365))
    """
    normal = Normal(full_precision(mean), full_precision(log_scale).exp(), validate_args=False)
    return Independent(normal, event_dims, validate_args=False)


def detached(p: Distribution) -> Distribution:
    """The same distribution, through whose parameters no gradient flows.

    >>> p = gaussian(torch.zeros(2, requires_grad=True), torch.zeros(2))
    >>> p.mean.requires_grad, detached(p).mean.requires_grad
    (True, False)
    """

    def still(value):
        if isinstance(value, Tensor):
            return value.detach()
        if isinstance(value, Distribution):
            return detached(value)
        return [still(part) for part in value] if isinstance(value, list) else value

    twin = copy.copy(p)
    vars(twin).update({name: still(value) for name, value in vars(p).items()})
    return twin


def correlated_gaussian(mean: Tensor, factor: Tensor) -> MultivariateNormal:
    """Gaussian over the last dimension with covariance factor factor', factor (..., D, D) lower triangular.

    >>> correlated_gaussian(torch.zeros(2), torch.tensor([[1.0, 0.0], [0.5, 1.0]])).covariance_matrix
    tensor([[1.0000, 0.5000],
            [0.5000, 1.2500]])
    """
    return MultivariateNormal(full_precision(mean), scale_tril=full_precision(factor), validate_args=False)


class Categorical(torch.distributions.Categorical):
    """torch's, with a KL divergence from logits: finite where a probability is 0 in float32.

    >>> p, q = categorical(torch.tensor([200.0, 0.0])), categorical(torch.tensor([0.0, 200.0]))
    >>> torch.distributions.kl_divergence(p, q)
    tensor(200.)
    """


@register_kl(Categorical, Categorical)
def _kl_categorical(p: Categorical, q: Categorical) -> Tensor:
    return (p.probs * (p.logits - q.logits)).masked_fill(p.probs == 0, 0).sum(-1)


class Bernoulli(torch.distributions.Bernoulli):
    """torch's, with a KL divergence from logits: right, with its gradient, where a probability is 1 in float32 (logit 17).

    >>> torch.distributions.kl_divergence(bernoulli(torch.tensor([200.0]), 1), bernoulli(torch.tensor([-200.0]), 1))
    tensor(200.)
    """


@register_kl(Bernoulli, Bernoulli)
def _kl_bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    sign = torch.where(p.logits < 0, -1.0, 1.0)  # of the likelier value, whose probability loses no digit
    a, b = sign * p.logits, sign * q.logits
    return F.logsigmoid(a) - F.logsigmoid(b) + torch.sigmoid(-a) * (b - a)


def categorical(logits: Tensor) -> Categorical:
    """Whole numbers 0..K-1 from unnormalized log probabilities (..., K).

    >>> categorical(torch.tensor([0.0, math.log(3)])).probs
    tensor([0.2500, 0.7500])
    """
    return Categorical(logits=full_precision(logits), validate_args=False)


def bernoulli(logits: Tensor, event_dims: int) -> Independent:
    """Independent bits over the last `event_dims` dimensions.

    >>> bernoulli(torch.zeros(3), event_dims=1).log_prob(torch.ones(3))  # 3 log 1/2
    tensor(-2.0794)
    """
    return Independent(Bernoulli(logits=full_precision(logits), validate_args=False), event_dims, validate_args=False)


def discretized_logistic(location: Tensor, log_scale: Tensor, levels: int, event_dims: int) -> Independent:
    """Integers 0..levels-1, independent over the last `event_dims` dimensions; see DiscretizedLogistic.

    >>> p = discretized_logistic(torch.tensor([0.3]), torch.tensor([-1.0]), levels=4, event_dims=1)
    >>> round(p.log_prob(torch.arange(4.0)[:, None]).exp().sum().item(), 4)
    1.0
    """
    base = DiscretizedLogistic(full_precision(location), full_precision(log_scale), levels)
    return Independent(base, event_dims, validate_args=False)


class DiscretizedLogistic(Distribution):
    """A logistic density summed over the cell of each of `levels` integers 0, ..., levels - 1 (Kingma et al. 2016, 4).

    loc and scale are in units of the range: level i stands at i / (levels - 1). The outermost cells reach to infinity, so
    that the masses sum to 1.

    >>> p = DiscretizedLogistic(torch.tensor(0.5), torch.tensor(-2.0), levels=3)
    >>> p.log_prob(torch.arange(3)).exp()  # a middle cell, and two that reach to infinity
    tensor([0.1362, 0.7276, 0.1362])
    >>> round(p.mean.item(), 4)
    1.0
    """

    @property
    def arg_constraints(self) -> dict:
        return {}

    def __init__(self, loc: Tensor, log_scale: Tensor, levels: int = 256):
        self.loc, self.scale, self.levels = loc, log_scale.exp(), checks.whole(2, levels=levels)
        super().__init__(loc.shape, validate_args=False)

    @property
    def support(self):
        return constraints.integer_interval(0, self.levels - 1)

    @property
    def mean(self) -> Tensor:
        """The expected level, by E[X] = sum over i of P(X >= i)."""
        edges = (torch.arange(1, self.levels).to(self.loc) - 0.5) / (self.levels - 1)
        return sum(torch.sigmoid((self.loc - edge) / self.scale) for edge in edges)  # one level at a time, for memory

    def log_prob(self, value: Tensor) -> Tensor:
        """Log mass of integer levels, in nats, elementwise."""
        half = 0.5 / (self.levels - 1)
        centred = value / (self.levels - 1) - self.loc
        upper, lower = (centred + half) / self.scale, (centred - half) / self.scale
        # log(sigmoid(u) - sigmoid(l)) = log sigmoid(u) + log sigmoid(-l) + log(1 - exp(l - u)): no cancellation in a tail
        inside = F.logsigmoid(upper) + F.logsigmoid(-lower) + torch.log(-torch.expm1(lower - upper))
        mass = torch.where(value >= self.levels - 1, F.logsigmoid(-lower), inside)
        return torch.where(value <= 0, F.logsigmoid(upper), mass)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Integers 0..levels-1 as floating-point numbers, (*sample_shape, *batch shape); no gradient flows."""
        with torch.no_grad():
            u = torch.rand(tuple(sample_shape) + self.loc.shape, device=self.loc.device, dtype=self.loc.dtype)
            u = u.clamp(torch.finfo(u.dtype).tiny, 1 - torch.finfo(u.dtype).eps)
            level = (self.loc + self.scale * torch.logit(u)) * (self.levels - 1)
            return level.round().clamp(0, self.levels - 1)


# A pixel that never changes would drive a free scale to 0 and the density to infinity. In the units of the data: for
# those that run from 0 to 1, e^-7 is under a quarter of an 8-bit level; data of a far smaller scale must be scaled up.
SMALLEST_LOG_SCALE = -7.0


def location_and_scale(parameters: Tensor, event_dims: int) -> tuple[Tensor, Tensor]:
    """Two numbers per item: the first half of the first event dimension is the location, the second the log scale.

    >>> location, log_scale = location_and_scale(torch.zeros(5, 6, 8, 8), event_dims=3)
    >>> location.shape
    torch.Size([5, 3, 8, 8])
    >>> location_and_scale(torch.tensor([1.0, -9.0]), event_dims=1)
    (tensor([1.]), tensor([-7.]))
    """
    if (n := parameters.shape[-event_dims]) % 2:
        raise ValueError(f"need as many locations as log scales, not {n} numbers in all")
    location, log_scale = full_precision(parameters).chunk(2, dim=-event_dims)
    return location, log_scale.clamp(min=SMALLEST_LOG_SCALE)


class RankOneGaussian(Distribution):
    """Gaussian over the last dimension with precision diag(d) + u u', which a factor of the covariance follows in O(D).

    From Rezende, Mohamed, Wierstra (2014), arXiv:1401.4082: one direction, u, along which a posterior is narrower.
    mean, log_d, u: (..., D), d positive: with u = 0 the standard deviations are d^(-1/2).

    >>> RankOneGaussian(torch.zeros(2), torch.zeros(2), torch.tensor([1.0, 0.0])).variance
    tensor([0.5000, 1.0000])
    """

    has_rsample = True

    def __init__(self, mean: Tensor, log_d: Tensor, u: Tensor):
        self.loc, self.log_d, self.u = mean, log_d, u
        super().__init__(mean.shape[:-1], mean.shape[-1:], validate_args=False)

    @property
    def arg_constraints(self) -> dict:
        return {}

    @property
    def support(self):
        return constraints.real_vector

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def _along(self) -> Tensor:
        """u' D^-1 u (..., 1): how much u adds to the precision, beside what the diagonal gives in its direction."""
        return (self.u.square() * torch.exp(-self.log_d)).sum(-1, keepdim=True)

    @property
    def _log_det_precision(self) -> Tensor:
        return self.log_d.sum(-1) + torch.log1p(self._along)[..., 0]

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        noise = torch.randn(*sample_shape, *self.loc.shape, device=self.loc.device, dtype=self.loc.dtype)
        noise = noise * torch.exp(-self.log_d / 2)  # D^(-1/2) eps
        # (1 - sqrt(eta)) / s with s = u' D^-1 u and eta = 1 / (1 + s), so that nothing cancels where s is small
        root = torch.sqrt(1 + self._along)
        shrink = 1 / (root * (root + 1))
        projected = (self.u * noise).sum(-1, keepdim=True)
        return self.loc + noise - shrink * projected * self.u * torch.exp(-self.log_d)

    def log_prob(self, value: Tensor) -> Tensor:
        """(..., D) -> (...) log densities in nats."""
        centred = value - self.loc
        square = (centred.square() * self.log_d.exp()).sum(-1) + (centred * self.u).sum(-1).square()
        return (self._log_det_precision - square - centred.shape[-1] * math.log(2 * math.pi)) / 2

    def entropy(self) -> Tensor:
        """In nats, (...)."""
        return (self.loc.shape[-1] * (1 + math.log(2 * math.pi)) - self._log_det_precision) / 2

    @property
    def variance(self) -> Tensor:
        """The diagonal of the covariance (diag(d) + u u')^-1, (..., D)."""
        variance = torch.exp(-self.log_d)
        return variance - (variance * self.u).square() / (1 + self._along)


def rank_one_gaussian(mean: Tensor, log_d: Tensor, u: Tensor) -> RankOneGaussian:
    """Gaussian over the last dimension with precision diag(exp(log_d)) + u u'; see RankOneGaussian.

    >>> zero, u = torch.zeros(2), torch.tensor([1.0, 1.0])
    >>> rank_one_gaussian(zero, zero, u).log_prob(zero)  # log |D + u u'| / 2 - log(2 pi), and the determinant is 3
    tensor(-1.2886)
    """
    return RankOneGaussian(full_precision(mean), full_precision(log_d), full_precision(u))
