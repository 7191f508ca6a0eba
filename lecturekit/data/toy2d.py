"""Densities in the plane with an exact log_prob: what a flow or a GAN learns can be compared with the truth.

Each has more than 0.999 of its mass in [-4, 4]^2. Moons and spirals are fine mixtures of Gaussians along a
curve; banana and pinwheel are Gaussians bent by a map that preserves area, so that no Jacobian appears.
"""

import math
from types import MappingProxyType

import torch
from torch import Generator, Tensor
from torch.distributions import Distribution, constraints

from lecturekit import checks

EXTENT = 4.0  # half the side of the square to draw


class Density(Distribution):
    """A distribution over (2,) that samples from a generator of its own choice.

    >>> grid = torch.cartesian_prod(*[torch.linspace(-4, 4, 161)] * 2)
    >>> round((two_moons().log_prob(grid).exp().sum() * 0.05**2).item(), 2)  # all of its mass is in the square
    1.0
    """

    arg_constraints = MappingProxyType({})  # no parameters to check
    support = constraints.real_vector

    def __init__(self):
        super().__init__(event_shape=torch.Size([2]), validate_args=False)

    def sample(self, sample_shape=(), generator: Generator | None = None) -> Tensor:
        """(*sample_shape, 2) points on the CPU, from ``generator`` or else from the default one."""
        shape = torch.Size(checks.wholes(0, empty=True, sample_shape=sample_shape))
        return self._draw(shape.numel(), generator).to(torch.get_default_dtype()).reshape(*shape, 2)

    def log_prob(self, value: Tensor) -> Tensor:
        """(..., 2) points -> (...) log densities in nats."""
        if checks.tensor(value=value).shape[-1:] != (2,):
            raise ValueError(f"points in the plane have shape (..., 2), not {tuple(value.shape)}")
        if value.isnan().any():
            raise ValueError("the points are not finite: there is a nan among them")
        return self._log_prob(value if value.is_floating_point() else value.to(torch.get_default_dtype()))


class BentGaussians(Density):
    """Equal parts of Gaussians, x = bend(c_k + A_k z); ``bend`` preserves area and ``straighten`` undoes it.

    centres c: (K, 2). factors A: (2, 2) or (K, 2, 2).

    >>> standard = BentGaussians(torch.zeros(1, 2), torch.eye(2))
    >>> standard.log_prob(torch.zeros(2))  # -log(2 pi)
    tensor(-1.8379)
    """

    def __init__(self, centres: Tensor, factors: Tensor, bend=lambda x: x, straighten=lambda x: x):
        super().__init__()
        checks.ends((2,), lead=1, centres=centres)
        checks.ends((2, 2), (len(centres), 2, 2), lead=0, factors=factors)
        if not len(centres) or not (centres.isfinite().all() and factors.double().det().abs().min() > 0):
            raise ValueError("centres must be at least one finite point, and factors must be finite and invertible")
        if not callable(bend) or not callable(straighten):
            raise TypeError("bend and straighten must be functions of points (..., 2), each the other's inverse")
        self.centres, self.factors = centres.double(), factors.double().expand(len(centres), 2, 2)
        self.bend, self.straighten = bend, straighten

    def _draw(self, n, generator):
        k = torch.randint(len(self.centres), (n,), generator=generator)
        z = torch.randn(n, 2, 1, generator=generator, dtype=torch.float64)
        return self.bend(self.centres[k] + (self.factors[k] @ z).squeeze(-1))

    def _log_prob(self, x):
        inverses = torch.linalg.inv(self.factors)
        offsets = (inverses @ self.centres.unsqueeze(-1)).flatten()
        # z_k = A_k^-1 (x - c_k) for all k as one matrix product
        z = torch.nn.functional.linear(self.straighten(x), inverses.flatten(0, 1).to(x), -offsets.to(x))
        log_parts = inverses.slogdet()[1].to(x) - z.unflatten(-1, (-1, 2)).square().sum(-1) / 2  # (..., K)
        return log_parts.logsumexp(-1) - math.log(2 * math.pi * len(self.centres))


class Checkerboard(Density):
    """Uniform on the eight even fields of a 4 x 4 board over [-4, 4]^2; log_prob is -inf on the others.

    >>> Checkerboard().log_prob(torch.tensor([[-3.0, -3.0], [-1.0, -3.0]])).exp()  # 1/32, and 0
    tensor([0.0312, 0.0000])
    """

    def _draw(self, n, generator):
        row = torch.randint(4, (n,), generator=generator)
        column = 2 * torch.randint(2, (n,), generator=generator) + row % 2
        within = torch.rand(n, 2, generator=generator, dtype=torch.float64)
        within = within * (1 - 2e-6) + 1e-6  # clear of the edges, which float32 could cross
        return (torch.stack([column, row], -1) + within) * 2 - 4

    def _log_prob(self, x):
        field = ((x + 4) / 2).floor()
        on = ((field >= 0) & (field < 4)).all(-1) & (field.sum(-1) % 2 == 0)
        return torch.where(on, -math.log(8 * 4), -math.inf).to(x)


def _circle(angle, radius=1.0):
    return radius * torch.stack([angle.cos(), angle.sin()], -1)


def _turned(x, angle):
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([cos * x[..., 0] - sin * x[..., 1], sin * x[..., 0] + cos * x[..., 1]], -1)


def _twist(sign):
    # The angle depends on the radius, which turning preserves: hence the inverse, and a determinant of 1.
    return lambda x: _turned(x, sign * 0.8 * x.norm(dim=-1))


def _shear(sign):
    return lambda x: torch.stack([x[..., 0], x[..., 1] + sign * (x[..., 0].square() / 2 - 1.5)], -1)


def ring_of_gaussians(scale: float = 0.25, radius: float = 2.5) -> Density:
    """Eight Gaussians on a circle: does a GAN find every mode? Metz et al. (2017) have scale 0.02 and radius 2.

    >>> ring_of_gaussians(scale=0.02, radius=2.0).centres.norm(dim=1).round(decimals=2).tolist()
    [2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]
    """
    scale, radius = checks.number(above=0, scale=scale, radius=radius)
    return BentGaussians(_circle(torch.arange(8) * math.pi / 4, radius), scale * torch.eye(2))


def two_moons() -> Density:
    """Two interleaved half circles of radius 2 and thickness 0.2.

    >>> x = two_moons().sample((1000,))
    >>> x.shape, torch.allclose(two_moons().log_prob(x), two_moons().log_prob(-x), atol=1e-3)  # one turned is the other
    (torch.Size([1000, 2]), True)
    """
    arc = _circle((torch.arange(64) + 0.5) * math.pi / 64)
    moons = torch.cat([arc, torch.tensor([1.0, 0.5]) - arc])
    return BentGaussians(2 * (moons - torch.tensor([0.5, 0.25])), 0.2 * torch.eye(2))


def two_spirals() -> Density:
    """Two spirals of one and a half turns and thickness 0.1.

    >>> x = two_spirals().sample((1000,))
    >>> torch.allclose(two_spirals().log_prob(x), two_spirals().log_prob(-x), atol=1e-3)
    True
    """
    angle = 3 * math.pi * ((torch.arange(160) + 0.5) / 160).sqrt()  # nearly even steps along the curve
    arm = angle[:, None] * _circle(angle) / 3
    return BentGaussians(torch.cat([arm, -arm]), 0.1 * torch.eye(2))


def pinwheel() -> Density:
    """Five long Gaussians around the centre, twisted by an angle that grows with the radius.

    >>> x, fifth = pinwheel().sample((1000,)), torch.tensor(2 * math.pi / 5)
    >>> torch.allclose(pinwheel().log_prob(x), pinwheel().log_prob(_turned(x, fifth)), atol=1e-3)
    True
    """
    angle = torch.arange(5) * 2 * math.pi / 5
    along, across = _circle(angle), _circle(angle + math.pi / 2)
    factors = torch.stack([0.45 * along, 0.15 * across], -1)
    return BentGaussians(1.7 * along, factors, _twist(1), _twist(-1))


def banana() -> Density:
    """A Gaussian sheared along a parabola (the test case of adaptive MCMC).

    >>> banana().log_prob(torch.tensor([0.0, -1.5])).exp()  # at its peak, 1 / (2 pi 0.4)
    tensor(0.3979)
    """
    return BentGaussians(torch.zeros(1, 2), torch.tensor([[1.0, 0.0], [0.0, 0.4]]), _shear(1), _shear(-1))


DENSITIES = {
    "two-moons": two_moons,
    "ring-of-gaussians": ring_of_gaussians,
    "checkerboard": Checkerboard,
    "two-spirals": two_spirals,
    "pinwheel": pinwheel,
    "banana": banana,
}


def named(density: str) -> Density:
    """A density by name; ValueError for an unknown one.

    >>> named("banana").sample((3,)).shape
    torch.Size([3, 2])
    """
    return DENSITIES[checks.one_of(DENSITIES, density=density)]()
