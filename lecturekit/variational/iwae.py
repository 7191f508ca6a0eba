"""The importance-weighted autoencoder: any latent-variable model, trained by a bound that k samples make tighter.

[1] Burda, Grosse, Salakhutdinov (2016). Importance Weighted Autoencoders. arXiv:1509.00519
[2] Tucker, Lawson, Gu, Maddison (2019). Doubly Reparameterized Gradient Estimators for Monte Carlo Objectives.
    arXiv:1810.04152
[3] Rainforth, Kosiorek, Le, Maddison, Igl, Wood, Teh (2018). Tighter Variational Bounds are Not Necessarily Better.
    arXiv:1802.04537 (the encoder's gradient drowns in its noise as k grows; [2] is the remedy)

    symbol in [1]            here
    w_i                      log_weights(x, k).exp()
    L_k(x)                   bound(x, k)                 eq. 8
    w~_i                     the softmax of the log-weights over i
    sum_i w~_i grad log w_i  estimator="iwae"            eq. 14: autograd finds it in the bound by itself
    (no symbol)              estimator="dreg"            [2]: the encoder's part with w~_i squared
    (no symbol)              estimator="vae"             eq. 7: the mean of k log-weights, an ELBO with less noise
"""

import math

from torch import Tensor
from torch.distributions import Distribution

from lecturekit import checks, nets
from lecturekit.latent import LatentVariableModel
from lecturekit.model import Batch, Terms

ESTIMATORS = ("iwae", "dreg", "vae")


class IWAE(LatentVariableModel):
    """`model`, trained on the bound L_k instead of the ELBO; what is asked of it afterwards, `model` answers.

    model: any latent-variable model whose latents are reparameterized. k: samples per item.
    estimator: "iwae" descends minus L_k. "dreg" follows the same gradient for the decoder, and for the encoder another estimate
        of the same expectation, whose noise falls as k grows; for models with one layer of latents. "vae" descends minus
        the mean of k log-weights: the ELBO, for comparison at equal cost.
    model.loss is not used: a KL in closed form, warm-up and free bits have no effect here.

    >>> from lecturekit.variational import LinearGaussian
    >>> inner, x = LinearGaussian(3, latent=1), torch.randn(4, 3)
    >>> inner.match_posterior()  # so that every L_k is log p(x)
    >>> loss = IWAE(inner, k=5).loss(Batch(x))["loss"]
    >>> torch.allclose(-loss, inner.log_prob(x).mean(), atol=1e-4)
    True
    """

    def __init__(self, model: LatentVariableModel, k: int = 50, estimator: str = "iwae"):
        super().__init__()
        self.k, self.estimator = checks.whole(k=k), checks.one_of(ESTIMATORS, estimator=estimator)
        if not isinstance(model, LatentVariableModel):
            raise TypeError(f"IWAE needs a model with latents (paths), an instance; this is a {type(model).__name__}")
        if estimator == "dreg" and type(model).paths is not LatentVariableModel.paths:
            raise TypeError(
                f"dreg needs a model with one layer of latents, which {type(model).__name__} has not said it is"
            )
        self.event_shape, self.model = model.event_shape, model

    def prior(self, y: Tensor | None = None) -> Distribution:
        return self.model.prior(y)

    def encode(self, x: Tensor, y: Tensor | None = None) -> Distribution:
        return self.model.encode(x, y)

    def decode(self, z: Tensor, y: Tensor | None = None) -> Distribution:
        return self.model.decode(z, y)

    def paths(self, x: Tensor, k: int = 1, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        out = self.model.paths(x, k, y)
        self.reparameterized = self.model.reparameterized
        return out

    def codes(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.model.codes(x, y)

    def start(self, draw) -> None:
        """Start the inner model, if it has not been started."""
        if not self.model.started:
            self.model.start(draw)
            self.model.started.fill_(True)

    def check(self, x: Tensor, y: Tensor | None = None, stream: str | None = None) -> None:
        self.model.check(x, y, stream)

    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        return self.model.sample(n, y)

    def loss(self, batch: Batch) -> Terms:
        """Minus the objective in nats, averaged over the batch."""
        x, y = batch.x, batch.y
        if self.estimator == "dreg":
            objective = self.doubly_reparameterized(x, y).logsumexp(0) - math.log(self.k)
        elif self.estimator == "iwae":
            objective = self.bound(x, self.k, y)
        else:
            objective = self.elbo(x, self.k, y)
        self.require_reparameterized()
        return {"loss": -objective.mean()}

    def doubly_reparameterized(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """log w_i (k, batch), from which the gradient of L_k comes out as in [2]."""
        q = self.encode(x, y)
        self.reparameterized = q.has_rsample
        self.require_reparameterized()
        z = q.rsample((self.k,))
        log_joint = self.prior(y).log_prob(z) + self.decode(z, y).log_prob(x.to(z.dtype))
        # q enters through z alone: its own slope, of mean zero and great noise, is left out.
        log_w = log_joint - nets.detached(q).log_prob(z)
        # logsumexp brings one factor w~_i; z's gradient, which goes on to the encoder, takes another.
        if z.requires_grad:
            weights = log_w.detach().softmax(0)
            z.register_hook(lambda slope: slope * weights.reshape(*weights.shape, *(1,) * (z.ndim - 2)))
        return log_w
