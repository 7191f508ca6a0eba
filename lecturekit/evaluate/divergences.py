"""How far apart are two distributions? Kullback-Leibler, Jensen-Shannon, Wasserstein and the kernel distance.

[1] Lin (1991). Divergence Measures Based on the Shannon Entropy. IEEE Trans. Information Theory 37(1).
[2] Gretton, Borgwardt, Rasch, Schölkopf, Smola (2012). A Kernel Two-Sample Test. JMLR 13.
[3] Vallender (1974). Calculation of the Wasserstein Distance Between Probability Distributions on the Line.

Every function takes two distributions as masses on the same n points: p and q of shape (..., n), not negative, with sum 1; one of them may be compared with many.
A density tabulated on an even grid is a row of masses density * step; a sample is a row of masses 1 / n. Masses of 0 are
allowed everywhere: 0 log 0 = 0, and p > 0 = q is an infinite KL(p || q), as it should be.

>>> p, q = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.25, 0.25, 0.5])
>>> kl(p, q), kl(q, p)  # log 2, and infinity: q has mass where p has none
(tensor(0.6931), tensor(inf))
>>> total_variation(p, q), wasserstein(p, q, points=torch.tensor([0.0, 1.0, 2.0]))
(tensor(0.5000), tensor(0.7500))
"""

import torch
from jaxtyping import Float
from torch import Tensor

from lecturekit import checks
from lecturekit.evaluate.transport import distances

Masses = Float[Tensor, "*#lead n"]


def check(p: Tensor, q: Tensor) -> None:
    """ValueError unless p and q are masses on equally many points, each with sum 1.

    >>> check(torch.tensor([0.5, 0.5]), torch.tensor([0.3, 0.7]))
    """
    for name, masses in zip("pq", checks.tensor(p=p, q=q)):
        if masses.shape[-1:] != p.shape[-1:] or p.shape[-1:] in ((), (0,)):
            raise ValueError(f"p and q are masses on the same points: {tuple(p.shape)} and {tuple(q.shape)}")
        if not masses.is_floating_point():
            raise ValueError(f"{name} must be masses: floating-point numbers, not {masses.dtype}")
        total = masses.sum(-1)
        if (masses < 0).any() or not torch.allclose(total, torch.ones_like(total), atol=1e-3):
            raise ValueError(
                f"{name} must be masses: not negative, with sum 1 (here {masses.min():.3g} at least, and sums from "
                f"{total.min():.4g} to {total.max():.4g}); a density on a grid is multiplied by the grid's step"
            )
    if any(a != b and 1 not in (a, b) for a, b in zip(p.shape[::-1], q.shape[::-1])):
        raise ValueError(f"p and q must be as many, or one beside many: {tuple(p.shape)} and {tuple(q.shape)}")


def _placed(points: Tensor, p: Tensor, q: Tensor) -> None:
    """ValueError unless p and q are masses, and the points as many and finite."""
    check(p, q)
    if checks.tensor(points=points).shape[:1] != p.shape[-1:] or not points.isfinite().all():
        raise ValueError(f"points must be finite, one for each of {p.shape[-1]} masses, not {tuple(points.shape)}")


def kl(p: Masses, q: Masses) -> Float[Tensor, "*#lead"]:
    """KL(p || q) = sum p log(p / q), in nats; infinite where q = 0 < p.

    >>> kl(torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.25, 0.25, 0.5]))  # log 2
    tensor(0.6931)
    """
    check(p, q)
    return _kl(p, q)


def _kl(p: Tensor, q: Tensor) -> Tensor:
    return (torch.special.xlogy(p, p) - torch.special.xlogy(p, q)).sum(-1)


def jensen_shannon(p: Masses, q: Masses) -> Float[Tensor, "*#lead"]:
    """JS(p, q) = KL(p || m) / 2 + KL(q || m) / 2 with m = (p + q) / 2, in nats: from 0 to log 2 [1].

    >>> jensen_shannon(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]))  # nothing in common: log 2
    tensor(0.6931)
    """
    check(p, q)
    middle = (p + q) / 2
    return (_kl(p, middle) + _kl(q, middle)) / 2


def total_variation(p: Masses, q: Masses) -> Float[Tensor, "*#lead"]:
    """The largest difference between the probabilities of an event: sum |p - q| / 2, from 0 to 1.

    >>> total_variation(torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.25, 0.25, 0.5]))
    tensor(0.5000)
    """
    check(p, q)
    return (p - q).abs().sum(-1) / 2


def wasserstein(p: Masses, q: Masses, points: Float[Tensor, " n"]) -> Float[Tensor, "*#lead"]:
    """W1 on the line: how much mass times how far it is moved, at best; the area between the distribution functions [3].

    points: ascending, in whatever unit, which is then the unit of the distance.

    >>> wasserstein(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), points=torch.tensor([0.0, 3.0]))
    tensor(3.)
    """
    _placed(points, p, q)
    steps = points.diff()
    if points.ndim != 1 or (steps < 0).any():
        raise ValueError("the points must be on the line, (n,), and ascend: sort them, and p and q with them")
    return ((p - q).cumsum(-1)[..., :-1].abs() * steps).sum(-1)


def mmd(
    p: Masses, q: Masses, points: Float[Tensor, " n *dim"], bandwidth: float | Tensor = 1.0
) -> Float[Tensor, "*#lead"]:
    """The maximum mean discrepancy with the kernel exp(-|a - b|^2 / (2 bandwidth^2)), not squared: 0 to sqrt 2 [2].

    points: (n,) on the line, or (n, D). For samples its square is the V-statistic, which is biased upwards by O(1 / n).

    >>> p, q = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    >>> mmd(p, q, torch.tensor([0.0, 1.0])), mmd(p, q, torch.tensor([0.0, 100.0]))  # far apart: sqrt 2
    (tensor(0.8871), tensor(1.4142))
    """
    _placed(points, p, q)
    bandwidth = checks.number(above=0, bandwidth=bandwidth)
    difference = p - q
    points = points.reshape(len(points), -1).to(torch.promote_types(points.dtype, difference.dtype))
    kernel = torch.exp(-distances(points, points).square() / (2 * bandwidth**2))
    difference = difference.to(kernel.dtype)
    return torch.einsum("...i,ij,...j->...", difference, kernel, difference).clamp(min=0).sqrt()
