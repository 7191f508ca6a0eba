"""A mixture of Gaussians: the first latent-variable model, whose posterior is known and whose learning needs no gradient.

[1] Dempster, Laird, Rubin (1977). Maximum Likelihood from Incomplete Data via the EM Algorithm. J. R. Statist. Soc. B 39(1).
[2] Neal, Hinton (1998). A View of the EM Algorithm that Justifies Incremental, Sparse, and Other Variants.
[3] Bishop (2006). Pattern Recognition and Machine Learning, chapter 9.

    symbol in [3]            here
    pi_k                     prior()            which component: Categorical
    N(x; mu_k, Sigma_k)      decode(z)          eq. 9.11
    gamma(z_k)               encode(x)          the exact posterior p(z | x), eq. 9.13: the E-step
    sum_k pi_k N(x; ...)     log_prob(x)        the evidence, eq. 9.7
    eqs. 9.24 to 9.27        em_step(x), em(x)  E-step and M-step: log p of the data never falls
"""

import math
from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.distributions import Categorical, MultivariateNormal

from lecturekit import checks, nets
from lecturekit.latent import LatentVariableModel
from lecturekit.model import Batch, Terms


class GaussianMixture(LatentVariableModel):
    """z ~ Categorical(pi), x | z ~ N(mean_z, covariance_z): `components` Gaussians over (dimensions,).

    floor: the smallest variance that a component may have in any direction, in squared units of x; by default a thousandth of
        the data's, each dimension in units of its own standard deviation. Without it a component that closes in on one
        item makes the likelihood infinite [3, section 9.2.1]. `em_step` keeps to it exactly; `fit` does not know it.
    covariance: "full", or "diagonal" for components whose dimensions are independent.

    `start`, which `fit` calls by itself, puts the means on items of the data that lie far from each other (k-means++) and
    gives every component the covariance of the whole. Then either steps of EM, `em_step(x)` or `em(x)`, or `fit`, which descends
    minus log p(x) by gradient.

    >>> from itertools import islice
    >>> x = torch.cat([torch.randn(100, 1) - 5, torch.randn(100, 1) + 5])
    >>> model = GaussianMixture(dimensions=1, components=2)
    >>> trace = torch.stack(list(islice(model.em(x), 20)))
    >>> bool((trace.diff() > -1e-5).all()), model.means.round().flatten().sort().values.tolist()
    (True, [-5.0, 5.0])
    """

    def __init__(self, dimensions: int, components: int, floor: float | None = None, covariance: str = "full"):
        super().__init__()
        dimensions, components = checks.whole(dimensions=dimensions, components=components)
        self.event_shape, self.components = (dimensions,), components
        self.floor = None if floor is None else float(checks.number(0, floor=floor))
        self.covariance = checks.one_of(["full", "diagonal"], covariance=covariance)
        self.logits = nn.Parameter(torch.zeros(components))
        self.means = nn.Parameter(torch.randn(components, dimensions))
        # The Cholesky factor of each covariance, its diagonal as logarithms: any real numbers are allowed.
        self.factors = nn.Parameter(torch.zeros(components, dimensions, dimensions))

    def prior(self, y: Tensor | None = None) -> Categorical:
        """p(z): which component."""
        return nets.categorical(self.logits)

    def decode(self, z: Int[Tensor, " *lead"], y: Tensor | None = None) -> MultivariateNormal:
        """p(x | z), a batch (*lead) of Gaussians over (dimensions,)."""
        whole = checks.tensor(z=z).dtype.is_signed and not z.is_floating_point()
        if not (whole and (checks.trusting() or ((z >= 0) & (z < self.components)).all())):
            raise ValueError(f"z must be whole numbers from 0 to {self.components - 1}: which component")
        raw = self.factors.tril(-1) * (self.covariance == "full")
        factors = raw + self.factors.diagonal(dim1=-2, dim2=-1).exp().diag_embed()
        return nets.correlated_gaussian(self.means[z], factors[z])

    def encode(self, x: Float[Tensor, "batch dim"], y: Tensor | None = None) -> Categorical:
        """p(z | x), exactly: the responsibilities `.probs`, (B, components)."""
        return nets.categorical(self.log_joint(x))

    def log_joint(self, x: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch components"]:
        """log p(x, z) for every z, in nats."""
        x = checks.items(x, self.event_shape, type(self).__name__).to(self.means.dtype)
        every = torch.arange(self.components, device=x.device)
        return self.prior().logits + self.decode(every).log_prob(x[:, None])

    def log_prob(self, x: Float[Tensor, "batch dim"], y: Tensor | None = None) -> Float[Tensor, " batch"]:
        """The exact evidence log p(x) = log sum_z p(x, z), in nats (a density)."""
        return self.log_joint(x).logsumexp(-1)

    def loss(self, batch: Batch) -> Terms:
        """Minus log p(x): here no bound is needed."""
        return {"loss": -self.log_prob(batch.x).mean()}

    def check(self, x: Tensor, y: Tensor | None = None, stream: str | None = None) -> None:
        """ValueError for items of another shape; points have no other bounds."""
        super(LatentVariableModel, self).check(
            x, y, stream
        )  # its own asks for the prior's mean, and components have none

    def start(self, draw) -> None:
        """Means by k-means++ on up to 10 000 items; every covariance is that of them all."""
        x = self._data(draw(10_000).x)
        chosen = torch.randint(len(x), (1,)).to(x.device)
        squares = torch.full_like(x[:, 0], math.inf)  # of each item's distance from the nearest chosen one
        for count in range(1, self.components):
            squares = squares.minimum((x - x[chosen[-1]]).square().sum(1))  # torch.cdist would round a zero
            if not squares.any():
                raise ValueError(
                    f"the data have {count} different items, too few for {self.components} means: fewer components=, or more data"
                )
            chosen = torch.cat([chosen, torch.multinomial(squares, 1)])
        self._set_covariances(x.T.cov(correction=0).reshape(1, *self.factors.shape[1:]).expand_as(self.factors), x)
        self.means.copy_(x[chosen])

    @torch.no_grad()
    def em_step(self, x: Float[Tensor, "items dim"]) -> Float[Tensor, ""]:
        """One E-step, one M-step, on all items; returns the mean log p(x) before it, in nats."""
        log_joint = self.log_joint(x)
        self.m_step(x, log_joint)
        return log_joint.logsumexp(-1).mean()

    def em(self, x: Float[Tensor, "items dim"]) -> Iterator[Float[Tensor, ""]]:
        """EM without end: the mean log p(x) of all items as the model stands, in nats, first before any step, then after each."""
        x = self._data(x)
        while True:
            with torch.no_grad():
                log_joint = self.log_joint(x)
            yield log_joint.logsumexp(-1).mean()
            self.m_step(x, log_joint)

    @torch.no_grad()
    def m_step(self, x: Float[Tensor, "items dim"], log_joint: Float[Tensor, "items components"]) -> None:
        """The M-step, given log p(x, z) of all items, from which the E-step makes p(z | x)."""
        x = self._data(x)
        r = checks.ends((len(x), self.components), lead=0, log_joint=log_joint).softmax(-1)  # (N, K), eq. 9.23
        counts = r.sum(0).clamp(min=torch.finfo(r.dtype).tiny)  # N_k, eq. 9.27
        means = r.T @ x / counts[:, None]  # eq. 9.24
        centred = x[:, None] - means  # (N, K, D)
        self._set_covariances(torch.einsum("nk,nki,nkj->kij", r / counts, centred, centred), x)  # eq. 9.25
        self.means.copy_(means)
        self.logits.copy_(counts.log() - math.log(len(x)))  # eq. 9.26

    def _data(self, x: Tensor) -> Tensor:
        """Items to learn from, in the model's precision."""
        self.check(x)
        if not len(x):
            raise ValueError("there are no items to learn from")
        return x.to(self.means.dtype)

    def _set_covariances(self, covariances: Tensor, x: Tensor) -> None:
        if self.covariance == "diagonal":
            covariances = covariances.diagonal(dim1=-2, dim2=-1).diag_embed()
        floor, unit = self.floor, torch.ones_like(x[0])
        if floor is None:
            floor, unit, still = 1e-3, x.std(0, correction=0), (x == x[0]).all(0)
            if still.any():
                raise ValueError(
                    f"dimension {int(still.nonzero()[0])} of the data is constant ({int(still.sum())} of {len(still)} are, "
                    f"over {len(x)} items): leave out what is, take more items, or give floor=, the smallest variance"
                )
        unit = unit[:, None] * unit
        # Raising the small variances to the floor, and leaving the others, is the best that the floor allows: it
        # maximizes -log det S - trace(S^-1 covariance) over all S above it, so that log p still never falls. Adding the
        # floor to all of them, which is often done, does not.
        variances, directions = torch.linalg.eigh(covariances / unit)
        covariances = directions @ variances.clamp(min=floor).diag_embed() @ directions.mT * unit
        factors, failed = torch.linalg.cholesky_ex(covariances)
        if failed.any():
            raise ValueError(
                f"the covariance of component {int(failed.nonzero()[0])} has no volume left: it has closed in on too few "
                "items. A larger floor= prevents that; fewer components too"
            )
        self.factors.copy_(factors.tril(-1) + factors.diagonal(dim1=-2, dim2=-1).log().diag_embed())
