"""Are samples like the data? Distances between features, the Inception Score, modes counted, and the Parzen window.

    net = network("digits-and-clothes-1")
    real = Features.of(net, images, "mnist-5k test")
    made = Features.of(net, model.sample(5000), "VAE")
    print(made.frechet_distance(real), made.kernel_distance(real), made.inception_score(), sep="\\n")

A number about samples means nothing without the network that looked at them, how many there were, and what they were
held against, so a `Score` carries all three and prints them. The functions below the scores take tensors and compute in
float64; none depends on the order of its items. Each misses something: the Fréchet distance sees a mean and a
covariance only, and is too large for few samples; the Inception Score never looks at the data; and no distance notices
that samples are copies of the training images.

[1] Dowson, Landau (1982). The Fréchet Distance between Multivariate Normal Distributions. J. Multivar. Analysis 12.
[2] Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter (2017). GANs Trained by a Two Time-Scale Update Rule Converge to
    a Local Nash Equilibrium. arXiv:1706.08500
[3] Gretton, Borgwardt, Rasch, Schölkopf, Smola (2012). A Kernel Two-Sample Test. JMLR 13.
[4] Bińkowski, Sutherland, Arbel, Gretton (2018). Demystifying MMD GANs. arXiv:1801.01401
[5] Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen (2016). Improved Techniques for Training GANs. arXiv:1606.03498
[6] Breuleux, Bengio, Vincent (2011). Quickly Generating Representative Samples from an RBM-Derived Process. Neural
    Computation 23.
[7] Theis, van den Oord, Bethge (2016). A Note on the Evaluation of Generative Models. arXiv:1511.01844
[8] Srivastava, Valkov, Russell, Gutmann, Sutton (2017). VEEGAN: Reducing Mode Collapse in GANs Using Implicit
    Variational Learning. arXiv:1705.07761
"""

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from lecturekit import checks
from lecturekit.evaluate.features import FeatureNetwork
from lecturekit.evaluate.transport import distances

PAIRS = 2**22  # numbers of a table of pairs that are held at a time: 32 MB


@dataclass(frozen=True)
class Score:
    """A number about samples with all that it depends on; `dataclasses.asdict` makes it a row for a table.

    spread: what stands behind the ±, or None; which spread that is, the function that makes the score says.
    by: the network that looked, or what else decides the number.
    samples, source: how many, and from where; likewise the reference.

    >>> print(Score("Fréchet distance", 12.3456, None, "a network", 500, "a model", 800, "the test images"))
    Fréchet distance 12.35 (a network; 500 of a model against 800 of the test images)
    """

    metric: str
    value: float
    spread: float | None
    by: str
    samples: int
    source: str
    reference_samples: int | None = None
    reference: str | None = None
    unit: str = ""

    def __str__(self) -> str:
        number = f"{self.value:.4g}"
        if self.spread is not None and 0 < self.spread < math.inf:
            places = max(0, 1 - math.floor(math.log10(self.spread)))  # two digits of the spread
            number = f"{self.value:.{places}f} ± {self.spread:.{places}f}"
        if self.unit:
            number += f" {self.unit}"
        of = f"{_count(self.samples)} of {self.source}"
        if self.reference is not None:
            of += f" against {_count(self.reference_samples)} of {self.reference}"
        return f"{self.metric} {number} ({self.by}; {of})"


def _count(n: int) -> str:
    return f"{n:,}".replace(",", "\u202f")  # thousands apart by a thin blank


@dataclass(frozen=True, eq=False)
class Features:
    """What a named network makes of N images, and where they came from: features (N, d), logits (N, K).

    >>> from lecturekit.evaluate.features import network
    >>> images = torch.rand(6, 1, 28, 28)
    >>> made = Features.of(network("digits-and-clothes-1"), images, "noise")
    >>> made
    Features(network='digits-and-clothes-1', source='noise')
    >>> made.frechet_distance(made).value < 1e-4
    True
    """

    network: str
    source: str
    features: Tensor = field(repr=False)
    logits: Tensor = field(repr=False)

    @classmethod
    def of(cls, network: FeatureNetwork, images: Tensor, source: str) -> "Features":
        """images: (N, C, H, W) in [0, 1]. source: their name in every score: a model, or a data set and its split."""
        if not isinstance(network, FeatureNetwork):
            raise TypeError(f"network must be a FeatureNetwork: network('digits-and-clothes-1'), not {network!r:.60}")
        return cls(network.name, source, *network(images))

    def frechet_distance(self, reference: "Features") -> Score:
        """`frechet_distance` to the reference's features: 0 at best. Compare at equal numbers of samples only."""
        return self._score("Fréchet distance", frechet_distance(*self._beside(reference)), None, reference)

    def kernel_distance(self, reference: "Features") -> Score:
        """`kernel_distance` to the reference's features, ± its standard error: 0 at best, and below it by chance."""
        return self._score("kernel distance", *kernel_distance(*self._beside(reference)), reference)

    def inception_score(self, splits: int = 10) -> Score:
        """`inception_score` of the logits, ± the standard deviation over the splits: 1 to the number of classes."""
        metric = "Inception Score" + (f" in {splits} splits" if splits > 1 else "")
        return self._score(metric, *inception_score(self.logits, splits))

    def _beside(self, reference: "Features") -> tuple[Tensor, Tensor]:
        if not isinstance(reference, Features):
            raise TypeError(f"reference must be Features.of(network, images, source), not a {type(reference).__name__}")
        if self.network != reference.network:
            raise ValueError(
                f"{self.source} was looked at by {self.network}, {reference.source} by {reference.network}: features "
                "of two networks cannot be compared"
            )
        return self.features, reference.features

    def _score(self, metric: str, value: float, spread: float | None, reference: "Features | None" = None) -> Score:
        beside = () if reference is None else (len(reference.features), reference.source)
        return Score(metric, value, spread, self.network, len(self.features), self.source, *beside)


def _checked(x: Tensor, name: str, fewest: int = 2) -> Tensor:
    """The rows of x, detached; ValueError where they are no table, too few, or not finite."""
    if checks.tensor(**{name: x}).ndim != 2 or len(x) < fewest or not x.shape[1] or x.is_complex():
        raise ValueError(f"{name} must be a table (N, d) of at least {fewest} rows, not {tuple(x.shape)}, {x.dtype}")
    x = x.detach().cpu() if x.device.type == "mps" else x.detach()  # MPS has no float64
    if not x.sum(dtype=torch.float64).isfinite():
        raise ValueError(f"{name} holds {int((~x.isfinite()).sum())} numbers that are not finite: look at them first")
    return x


def _pair(a: Tensor, b: Tensor, fewest: int = 2) -> tuple[Tensor, Tensor]:
    """Both checked, and beside each other."""
    a, b = _checked(a, "the first table", fewest), _checked(b, "the second table", fewest)
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"tables of {a.shape[1]} and of {b.shape[1]} columns: only items of one kind can be compared")
    return a, b.to(a.device)


def _doubles(a: Tensor, b: Tensor, fewest: int = 2) -> list[Tensor]:
    return [x.double() for x in _pair(a, b, fewest)]


def _flat(x: Tensor, name: str) -> Tensor:
    """Items of any shape as rows; numbers are items too."""
    return x.flatten(1) if checks.tensor(**{name: x}).ndim > 1 else x[..., None]


def _sorted(x: Tensor) -> Tensor:
    """The rows in an order of their own, so that a seeded choice among them does not depend on how they came."""
    rows, times = x.unique(dim=0, return_counts=True)
    return rows.repeat_interleave(times, 0)


def gaussian_frechet_distance(
    mean_a: Float[Tensor, " d"],
    covariance_a: Float[Tensor, "d d"],
    mean_b: Float[Tensor, " d"],
    covariance_b: Float[Tensor, "d d"],
) -> float:
    """|mean_a - mean_b|^2 + tr(A + B - 2 (A B)^(1/2)): the squared 2-Wasserstein distance of two Gaussians [1].

    >>> mean, one = torch.zeros(2), torch.eye(2)
    >>> round(gaussian_frechet_distance(mean, one, torch.tensor([3.0, 4.0]), one), 4)  # 3^2 + 4^2
    25.0
    >>> round(gaussian_frechet_distance(mean, one, mean, 4 * one), 4)  # 2 (2 - 1)^2
    2.0
    """
    given = checks.tensor(mean_a=mean_a, covariance_a=covariance_a, mean_b=mean_b, covariance_b=covariance_b)
    d = len(mean_a) if mean_a.ndim else 0
    if not d or [x.shape for x in given] != 2 * [(d,), (d, d)] or not all(x.isfinite().all() for x in given):
        shapes = ", ".join(str(tuple(x.shape)) for x in given)
        raise ValueError(f"means are (d,) and covariances (d, d), of one d and finite, not of shapes {shapes}")
    mean_a, a, mean_b, b = (x.detach().cpu().double() for x in given)
    factor, _ = _factor(a, "covariance_a"), _factor(b, "covariance_b")
    return _frechet(mean_a - mean_b, a.trace(), factor, b)


def _factor(covariance: Tensor, name: str) -> Tensor:
    """F with F F' = covariance; ValueError where there is none."""
    if (covariance - covariance.T).abs().max() > 1e-5 * covariance.abs().max():
        raise ValueError(f"{name} is not symmetric: it is no covariance")
    factor, failed = torch.linalg.cholesky_ex(covariance)
    if failed:  # a covariance may be singular; then its eigenvectors give a factor
        values, vectors = torch.linalg.eigh(covariance)
        if values[0] < -1e-5 * values.abs().max():
            raise ValueError(f"{name} has a negative eigenvalue, {values[0]:.4g}: it is no covariance")
        factor = vectors * values.clamp(min=0).sqrt()
    return factor


def _frechet(difference: Tensor, trace: Tensor, factor: Tensor, b: Tensor) -> float:
    # With A = F F', A B = F (F' B) has the eigenvalues of F' B F, apart from zeros; and that is symmetric.
    cross = torch.linalg.eigvalsh(factor.T @ b @ factor).clamp(min=0).sqrt().sum()
    return (difference.square().sum() + trace + b.trace() - 2 * cross).clamp(min=0).item()  # nan stays


def frechet_distance(a: Float[Tensor, "n d"], b: Float[Tensor, "m d"]) -> float:
    """The Fréchet distance of two Gaussians with the means and covariances of two tables of features [2].

    With Inception's features, the FID. Although called a distance it is the square of one, in the features' unit
    squared. It is biased upwards, the more so the fewer samples there are beside d: compare numbers at equal n and m
    only. At least two rows each; with fewer than d the covariance is singular, which changes nothing in the formula,
    but then the number is mostly bias, and a warning says so.

    >>> a = torch.randn(100, 2)
    >>> round(frechet_distance(a, a + torch.tensor([3.0, 4.0])), 3)  # 3^2 + 4^2
    25.0
    """
    a, b = sorted((x.cpu() for x in _pair(a, b)), key=len)
    if len(a) <= a.shape[1]:
        few = f"{len(a)} rows of {a.shape[1]} features"
        warnings.warn(f"{few}: the distance is mostly bias; take more samples, or kernel_distance", stacklevel=2)
    (mean_a, covariance_a), (mean_b, covariance_b) = _moments(a), _moments(b)
    if len(a) > 2 * a.shape[1]:
        return gaussian_frechet_distance(mean_a, covariance_a, mean_b, covariance_b)
    # Few rows: their own factor is quicker, and smaller, than that of a covariance which may be singular.
    factor = torch.linalg.qr(a - mean_a, mode="r").R.T / math.sqrt(len(a) - 1)
    return _frechet(mean_a - mean_b, covariance_a.trace(), factor, covariance_b)


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (d,) and covariance (d, d), in float64."""
    mean = x.mean(0, dtype=torch.float64)
    centred = (x - mean).numpy()
    return mean, torch.from_numpy(centred.T @ centred) / (len(x) - 1)  # numpy sees the symmetry: half the work


def kernel_distance(a: Float[Tensor, "n d"], b: Float[Tensor, "m d"]) -> tuple[float, float]:
    """(MMD^2, its standard error) between two tables of features, with the kernel (x.y / d + 1)^3: the KID of [4].

    The U-statistic over all pairs [3, lemma 6], which is not biased, so that it may be negative; with few samples
    prefer it to the Fréchet distance. The standard error is that of its first-order part, over draws of both tables.
    Where the two distributions agree, only the second-order part is left, and the standard error is too large, for
    equal n and m by a factor of about 1.4. At least two rows each.

    >>> a, b = torch.randn(2, 500, 4)
    >>> value, error = kernel_distance(a, b)  # of one distribution
    >>> abs(value) < 3 * error
    True
    >>> value, error = kernel_distance(a, b + 1)
    >>> value > 10 * error
    True
    """
    a, b = _doubles(a, b)
    n, m = len(a), len(b)
    within_a, within_b = ((_kernel_sums(x, x) - _kernel(x.square().sum(1), x.shape[1])) / (len(x) - 1) for x in (a, b))
    between_a, between_b = _kernel_sums(a, b) / m, _kernel_sums(b, a) / n
    value = within_a.mean() + within_b.mean() - 2 * between_a.mean()
    variance = 4 * (within_a - between_a).var() / n + 4 * (within_b - between_b).var() / m
    return value.item(), variance.sqrt().item()


def _kernel(products: Tensor, d: int) -> Tensor:
    return (products / d + 1) ** 3


def _kernel_sums(x: Tensor, y: Tensor) -> Tensor:
    """sum over j of k(x_i, y_j), (n,), in bounded memory."""
    rows = max(1, PAIRS // len(y))
    return torch.cat([_kernel(some @ y.T, x.shape[1]).sum(1) for some in x.split(rows)])


def kernel_distance_of_subsets(
    a: Float[Tensor, "n d"], b: Float[Tensor, "m d"], subsets: int = 100, size: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """(mean, standard deviation) of `kernel_distance` over random subsets of both tables: how KIDs are published [4].

    The mean estimates what `kernel_distance` does, with more noise; the deviation says how much the KID of `size`
    samples varies, not how well this mean is known. Subsets are drawn without replacement by the seed.

    >>> a, b = torch.randn(2, 500, 4)
    >>> mean, deviation = kernel_distance_of_subsets(a, b + 1, subsets=10, size=100)
    >>> abs(mean - kernel_distance(a, b + 1)[0]) < deviation
    True
    """
    a, b = (_sorted(x) for x in _doubles(a, b))
    subsets, size = checks.whole(subsets=subsets), checks.whole(2, size=size)
    if size > min(len(a), len(b)):
        raise ValueError(f"{subsets} subsets of {size} rows cannot be drawn from tables of {len(a)} and {len(b)}")
    random = torch.Generator().manual_seed(checks.whole(0, 2**63 - 1, seed=seed))
    drawn = lambda x: x[torch.randperm(len(x), generator=random)[:size].to(x.device)]
    found = np.array([kernel_distance(drawn(a), drawn(b))[0] for _ in range(subsets)])
    return found.mean().item(), found.std().item()


def inception_score(logits: Float[Tensor, "n k"], splits: int = 10) -> tuple[float, float]:
    """(mean, standard deviation) over `splits` of exp(mean over items of KL(p(y | x) || p(y))) [5].

    1 where every item gets the same answer, up to K where all K classes are equally frequent and no answer is in doubt.
    It grows with the number of items in a split, n / splits, which are drawn by a fixed seed. Real images make the
    score to stand beside.

    >>> sure = 100 * torch.eye(4)
    >>> score, spread = inception_score(sure, splits=1)  # four classes, equally often, without a doubt
    >>> round(score, 3), spread
    (4.0, 0.0)
    >>> round(inception_score(torch.zeros(4, 4), splits=1)[0], 3)  # always the same answer
    1.0
    """
    logits = _sorted(_checked(logits, "logits", 1).double())
    if checks.whole(splits=splits) > len(logits):
        raise ValueError(f"{len(logits)} items cannot be put into {splits} splits")
    if logits.min() >= 0 and torch.allclose(logits.sum(1), torch.ones(()).to(logits), atol=1e-3):
        raise ValueError("logits are asked for, and these rows are probabilities: they sum to 1; give p.log()")
    if (n := len(logits) // splits) < logits.shape[1]:
        warnings.warn(f"{n} items in a split give a score of at most {n}: take more, or fewer splits", stacklevel=2)
    order = torch.randperm(len(logits), generator=torch.Generator().manual_seed(0))
    scores = []
    for some in logits[order.to(logits.device)].tensor_split(splits):
        log_p = some.log_softmax(1)  # log p(y | x)
        log_mean = log_p.logsumexp(0) - math.log(len(some))  # log p(y)
        scores.append((log_p.exp() * (log_p - log_mean)).sum(1).mean().exp().item())
    return np.mean(scores).item(), np.std(scores).item()


@dataclass(frozen=True)
class Modes:
    """How many of the modes were found. near: the share of points near any. counts: points near each, (K,).

    >>> print(Modes(covered=7, near=0.95, counts=torch.tensor([100] * 7 + [0]), points=737))
    7 of 8 modes, 95.0% near one (737 points)
    """

    covered: int
    near: float
    counts: Tensor = field(repr=False)
    points: int

    def __str__(self) -> str:
        found = f"{self.covered} of {len(self.counts)} modes, {self.near:.1%} near one"
        return f"{found} ({_count(self.points)} points)"


def modes_covered(
    points: Float[Tensor, "n d"],
    centres: Float[Tensor, "k d"],
    scale: float,
    *,
    share: float = 0.01,
    within: float = 3.0,
) -> Modes:
    """Which modes of a known mixture were found: those with at least `share` of all points within `within` * scale.

    A point counts for the nearest centre only. `near`, the share of points so close to any, shows samples between the
    modes; of true draws from round Gaussians in the plane, 1 - exp(-9 / 2), or 98.9 %, are within three scales. In [8],
    which counts in this way, a single point covers a mode.

    >>> centres = torch.tensor([[0.0, 0.0], [10.0, 0.0]])
    >>> modes_covered(torch.randn(1000, 2), centres, scale=1.0).covered
    1
    """
    points, centres = _doubles(points, centres, 1)
    scale, within = checks.number(above=0, scale=scale, within=within)
    share = checks.number(above=0, most=1, share=share)
    distance, nearest = distances(points, centres).min(1)
    counts = nearest[distance <= within * scale].bincount(minlength=len(centres)).cpu()
    n = len(points)
    return Modes(int((counts.double() / n >= share).sum()), counts.sum().item() / n, counts, n)


def parzen_log_likelihood(
    samples: Float[Tensor, " n *event"],
    test: Float[Tensor, " m *event"],
    bandwidth: float,
    *,
    source: str = "the model",
    reference: str = "the test items",
) -> Score:
    """Mean log density of test items, in nats, under a Gaussian of this scale around each sample [6], ± standard error.

    It is *not* the model's likelihood, and does not rank models as that would [7]: in many dimensions no practicable
    number of samples comes near it, and it prefers what no likelihood would, such as the centres of k-means to real
    images. It is here because early papers report it. Compare at equal numbers of samples, with `parzen_bandwidth` of
    validation items.

    >>> found = parzen_log_likelihood(torch.zeros(1, 2), torch.zeros(3, 2), bandwidth=1.0)
    >>> round(found.value, 4)  # -log(2 pi)
    -1.8379
    """
    values = _parzen(samples, test, [checks.number(above=0, bandwidth=bandwidth)])[0]
    error = values.std().item() / math.sqrt(len(values)) if len(values) > 1 else math.inf
    return Score(
        "Parzen-window log-likelihood",
        values.mean().item(),
        error,
        f"bandwidth {bandwidth:.3g}",
        len(samples),
        source,
        len(test),
        reference,
        "nats",
    )


def parzen_bandwidth(
    samples: Float[Tensor, " n *event"], valid: Float[Tensor, " m *event"], candidates: Iterable[float] | None = None
) -> float:
    """The candidate under which validation items are likeliest; by default ten from 0.1 to 1, even in their logarithm.

    Raises ValueError where it is the smallest or the largest: then a better one may lie outside.

    >>> parzen_bandwidth(torch.randn(500, 1), torch.randn(500, 1), candidates=(0.001, 0.3, 10))
    0.3
    """
    candidates = np.logspace(-1, 0, 10) if candidates is None else candidates
    if not isinstance(candidates, Iterable) or isinstance(candidates, str) or not len(candidates := list(candidates)):
        raise ValueError(f"candidates must be some bandwidths, such as (0.1, 0.2, 0.5), not {candidates!r}")
    candidates = sorted(float(checks.number(above=0, bandwidth=h)) for h in candidates)
    best = int(_parzen(samples, valid, candidates).mean(1).argmax())
    if best in (0, len(candidates) - 1) and len(candidates) > 1:
        raise ValueError(
            f"the best bandwidth, {candidates[best]:.3g}, is at the edge of {candidates[0]:.3g} to "
            f"{candidates[-1]:.3g}: give candidates= that go further"
        )
    return candidates[best]


def _parzen(samples: Tensor, test: Tensor, bandwidths: list[float]) -> Tensor:
    """Log density of each test item, (len(bandwidths), m), in bounded memory."""
    samples, test = _doubles(_flat(samples, "samples"), _flat(test, "test items"), 1)
    samples, test = samples - samples.mean(0), test - samples.mean(0)  # so that less cancels below
    (n, d), found = samples.shape, []
    for some in test.split(max(1, PAIRS // n)):
        # |x|^2 - 2 x.s + |s|^2, in float64, so that what cancels is harmless
        squares = torch.addmm(samples.square().sum(1), some, samples.T, alpha=-2) + some.square().sum(1, keepdim=True)
        found.append(torch.stack([(squares / (-2 * h**2)).logsumexp(1) for h in bandwidths]))
    scales = torch.tensor(bandwidths, dtype=torch.float64, device=test.device)[:, None]
    return torch.cat(found, 1) - math.log(n) - d * (scales.log() + math.log(2 * math.pi) / 2)
