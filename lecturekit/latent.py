"""Latent-variable models: everything from one primitive, the log-weights log p(x, z) - log q(z | x).

    name here                symbol            formula
    log_weights(x, k)        log w_i           log p(x, z_i) - log q(z_i | x),  z_i ~ q(z | x),  i = 1..k
    elbo(x, k)               L(x)              1/k sum_i log w_i
    bound(x, k)              L_k(x)            log 1/k sum_i w_i

E[L] = log p(x) - KL(q(z | x) || p(z | x)) (Kingma & Welling 2014, eq. 1); E[L_k] rises with k to log p(x) (Burda et al. 2016,
theorem 1). All in nats. A model with one layer of latents gives `prior`, `encode` and `decode`; one with more overrides
`paths` and nothing else here.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from lecturekit import checks
from lecturekit.model import Batch, GenerativeModel, Terms, evaluating


class LatentVariableModel(GenerativeModel):
    """A model p(x, z) of data and latents with an approximate posterior q(z | x).

    >>> from lecturekit.variational import LinearGaussian
    >>> model, x = LinearGaussian(3, latent=1), torch.randn(4, 3)
    >>> log_w = model.log_weights(x, k=5)
    >>> bool((log_w.logsumexp(0) - math.log(5) >= log_w.mean(0)).all())  # L_k of these samples is at least their ELBO
    True
    >>> model.match_posterior()  # now q is the posterior, and every weight is p(x)
    >>> torch.allclose(model.log_weights(x, k=5), model.log_prob(x).expand(5, 4), atol=1e-4)
    True
    """

    # Whether z is a differentiable function of q's parameters. `paths` below notes it; a model that overrides `paths` says
    # so itself, or minus its ELBO is refused as a loss.
    reparameterized: bool | None = None

    def prior(self, y: Tensor | None = None) -> Distribution:
        """p(z), or p(z | y)."""
        raise NotImplementedError

    def encode(self, x: Tensor, y: Tensor | None = None) -> Distribution:
        """q(z | x), a batch of B distributions."""
        raise NotImplementedError

    def decode(self, z: Tensor, y: Tensor | None = None) -> Distribution:
        """p(x | z) for z (..., B, *latent shape), a batch of (..., B) distributions over items."""
        raise NotImplementedError

    def check(self, x: Tensor, y: Tensor | None = None, stream: str | None = None) -> None:
        """Also ValueError for data outside the support of p(x | z), where that is one decoder's."""
        super().check(x, y, stream)
        if stream is not None:
            return
        first = None if y is None else y[:1]
        try:
            with evaluating(self):
                p = self.decode(self.prior(first).mean, first)
        except NotImplementedError:  # a model of several layers, which has only paths
            return
        if not p.support.check(x).all():
            raise ValueError(
                f"the data lie outside the support of this model's likelihood ({p.support}): they run from {x.min():.4g} "
                f'to {x.max():.4g}. Bernoulli needs view="binary", discretized logistic view="levels"'
            )

    def paths(
        self, x: Tensor, k: int = 1, y: Tensor | None = None
    ) -> tuple[Float[Tensor, "k batch"], Float[Tensor, "k batch"]]:
        """Draw z_1..z_k from q(z | x) for each item; return log p(x, z_i) and log q(z_i | x)."""
        x, k = checks.items(x, self.event_shape, type(self).__name__), checks.whole(k=k)
        q = self.encode(x, y)
        self.reparameterized = q.has_rsample
        z = q.rsample((k,)) if q.has_rsample else q.sample((k,))
        log_q = q.log_prob(z)
        # x in the precision of the model, which z does not tell where it is a whole number
        return self.prior(y).log_prob(z) + self.decode(z, y).log_prob(x.to(log_q.dtype)), log_q

    def log_weights(self, x: Tensor, k: int = 1, y: Tensor | None = None) -> Float[Tensor, "k batch"]:
        """log w_i = log p(x, z_i) - log q(z_i | x), in nats."""
        if checks.tensor(x=x).shape[:1] == (0,):
            raise ValueError("x is empty: there are no items")
        k = checks.whole(k=k)
        if not checks.trusting():
            self.check(x, y)
        log_joint, log_q = self.paths(x, k, y)
        return log_joint - log_q

    def elbo(self, x: Tensor, k: int = 1, y: Tensor | None = None) -> Float[Tensor, " batch"]:
        """The evidence lower bound, estimated by the mean of k log-weights: in expectation at most log p(x)."""
        return self.log_weights(x, k, y).mean(0)

    def bound(self, x: Tensor, k: int, y: Tensor | None = None) -> Float[Tensor, " batch"]:
        """The importance-weighted bound L_k (Burda et al. 2016, eq. 8): in expectation between the ELBO and log p(x)."""
        return self.log_weights(x, k, y).logsumexp(0) - math.log(k)

    def codes(self, x: Tensor, y: Tensor | None = None) -> Float[Tensor, "batch latent"]:
        """E_q[z | x]: one vector for each item, to look at and to measure. A model of several layers puts them side by side."""
        return self.encode(x, y).mean

    def loss(self, batch: Batch) -> Terms:
        """Minus the ELBO, one sample per item, averaged over the batch."""
        elbo = self.elbo(batch.x, 1, batch.y)
        self.require_reparameterized()
        return {"loss": -elbo.mean()}

    def require_reparameterized(self) -> None:
        """Refuse what would train, without a word, on a gradient that is zero."""
        if not self.reparameterized:
            raise TypeError(
                f"{type(self).__name__} draws z by a step that autograd cannot see through, so the gradient of the ELBO "
                "with respect to q would be wrong (zero in expectation), not noisy; use a score-function estimator. "
                "(If its own `paths` does reparameterize, let it say reparameterized = True.)"
            )

    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        """z ~ p(z), then x ~ p(x | z): (n, *event_shape)."""
        n, y = self.asked(n, y)
        with torch.no_grad():
            prior = self.prior(y)  # one distribution for all, or, where it depends on y, a batch of n
            return self.decode(prior.sample(() if prior.batch_shape else (n,)), y).sample()
