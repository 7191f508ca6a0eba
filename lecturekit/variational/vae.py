"""The variational autoencoder: a decoder trained by a bound that an encoder keeps tight.

[1] Kingma, Welling (2014). Auto-Encoding Variational Bayes. arXiv:1312.6114
[2] Rezende, Mohamed, Wierstra (2014). Stochastic Backpropagation and Approximate Inference. arXiv:1401.4082
[3] Kingma, Salimans, Jozefowicz, Chen, Sutskever, Welling (2016). Improving Variational Inference with Inverse
    Autoregressive Flow. arXiv:1606.04934 (the discretized logistic)

    symbol in [1]            here
    p(z)                     prior()            N(0, I)
    q_phi(z | x)             encode(x)          N(mu(x), diag sigma(x)^2)
    p_theta(x | z)           decode(z)          Bernoulli, Gaussian or discretized logistic, independent pixels
    z = mu + sigma * eps     q.rsample()        eq. 4: sigma is a standard deviation
    L(theta, phi; x)         elbo(x)            eq. 2, one sample: estimator A (eq. 6)
    the same, KL in closed form                 eq. 3, estimator B (eq. 7); what `loss` descends by default
"""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.distributions import Independent, kl_divergence

from lecturekit import checks, nets
from lecturekit.latent import LatentVariableModel
from lecturekit.model import Batch, Terms, evaluating

LIKELIHOODS = ("bernoulli", "gaussian", "discretized-logistic")


class VAE(LatentVariableModel):
    """Variational autoencoder with a standard normal prior and a diagonal Gaussian posterior.

    event_shape: the shape of an item, (C, H, W) or (D,).
    latent: the number of latent dimensions.
    hidden, activation: hidden layers of the default nets; the decoder has them in reverse order.
    likelihood: "bernoulli" (items of 0 and 1: view="binary"), "gaussian" (real numbers on a scale of 1, as no deviation
        goes below e^-7: view="dequantized"), or "discretized-logistic" (integers 0..levels-1: view="levels"; a mass).
    encoder: any net (B, *event_shape) -> (B, 2 * latent), the mean and the log standard deviation of q.
    decoder: any net (B, latent) -> (B, *event_shape) of logits, or with twice the first dimension, the locations and the
        log scales, for the other two likelihoods. Flat outputs of the right size are reshaped.
    closed_form_kl: whether `loss` takes the KL term in closed form (default; a less noisy gradient, see chapter 21) or by
        sampling. `elbo` and `bound` always sample.

    >>> model, x = VAE((1, 4, 4), latent=2, hidden=(8,)), torch.ones(5, 1, 4, 4)
    >>> model.encode(x).mean.shape, model.decode(torch.zeros(3, 5, 2)).mean.shape
    (torch.Size([5, 2]), torch.Size([3, 5, 1, 4, 4]))
    >>> terms = model.loss(Batch(x))
    >>> torch.allclose(terms["loss"], terms["kl"] - terms["reconstruction"])
    True
    >>> model.sample(7).shape
    torch.Size([7, 1, 4, 4])
    """

    def __init__(
        self,
        event_shape: Sequence[int] = (1, 28, 28),
        latent: int = 50,
        hidden: Sequence[int] = (500, 500),
        activation: Callable[[], nn.Module] = nn.ReLU,
        likelihood: str = "bernoulli",
        encoder: nn.Module | None = None,
        decoder: nn.Module | None = None,
        levels: int = 256,
        closed_form_kl: bool = True,
    ):
        super().__init__()
        self.event_shape, self.latent = checks.shape(event_shape), (latent := checks.whole(latent=latent))
        self.likelihood = checks.one_of(LIKELIHOODS, likelihood=likelihood)
        self.levels, self.closed_form_kl = checks.whole(2, levels=levels), checks.flag(closed_form_kl=closed_form_kl)
        hidden = checks.wholes(empty=True, hidden=hidden)
        channels, *rest = self.event_shape
        # a Bernoulli needs one number per pixel, a location-scale family two
        self.parameter_shape = (channels if likelihood == "bernoulli" else 2 * channels, *rest)
        pixels, parameters = math.prod(self.event_shape), math.prod(self.parameter_shape)
        inward, outward = [pixels, *hidden, 2 * latent], [latent, *reversed(hidden), parameters]
        encoder = nn.Sequential(nn.Flatten(), nets.mlp(inward, activation)) if encoder is None else encoder
        decoder = nets.mlp(outward, activation) if decoder is None else decoder
        self.encoder, self.decoder = checks.net(encoder=encoder, decoder=decoder)
        # the prior's mean, which also knows the device and the precision
        self.register_buffer("origin", torch.zeros(latent), persistent=False)

    def prior(self, y: Tensor | None = None) -> Independent:
        """p(z) = N(0, I) over (latent,)."""
        return nets.gaussian(self.origin, self.origin)

    def encode(self, x: Shaped[Tensor, " batch *event"], y: Tensor | None = None) -> Independent:
        """q(z | x), a batch of B diagonal Gaussians over (latent,)."""
        x = checks.items(x, self.event_shape, type(self).__name__).to(self.origin.dtype)
        if self.likelihood == "discretized-logistic":
            x = x / (self.levels - 1)
        out = checks.ends([2 * self.latent], lead=1, **{"encoder(x)": self.encoder(x)})
        mean, log_scale = out.chunk(2, dim=-1)
        return nets.gaussian(mean, log_scale)

    def decode(self, z: Float[Tensor, " *lead latent"], y: Tensor | None = None) -> Independent:
        """p(x | z), a batch (*lead) of distributions over items of event_shape."""
        z = checks.ends(self.origin.shape, z=z).to(self.origin.dtype)
        shapes = self.parameter_shape, [math.prod(self.parameter_shape)]
        out = checks.ends(*shapes, lead=z.ndim - 1, **{"decoder(z)": nets.folded(self.decoder, z, 1)})
        parameters = out.reshape(*z.shape[:-1], *self.parameter_shape)
        event_dims = len(self.event_shape)
        if self.likelihood == "bernoulli":
            return nets.bernoulli(parameters, event_dims)
        location, log_scale = nets.location_and_scale(parameters, event_dims)
        if self.likelihood == "gaussian":
            return nets.gaussian(location, log_scale, event_dims)
        return nets.discretized_logistic(location, log_scale, self.levels, event_dims)

    def check(self, x: Tensor, y: Tensor | None = None, stream: str | None = None) -> None:
        """Also ValueError for an encoder or a decoder that does not fit; each is asked for one item."""
        asks = {"encoder": lambda: self.encode(x[:1], y), "decoder": lambda: self.decode(self.origin, y)}
        for net, ask in asks.items() if stream is None else ():
            try:
                with evaluating(self):
                    ask()
            except RuntimeError as error:
                raise ValueError(f"{net} does not take what this model gives it: {error}") from error
        super().check(x, y, stream)

    def loss(self, batch: Batch) -> Terms:
        """Minus the ELBO with one sample per item, and its two parts in nats: reconstruction and KL (eq. 7)."""
        q, p = self.encode(batch.x, batch.y), self.prior(batch.y)
        self.reparameterized = q.has_rsample
        self.require_reparameterized()
        z = q.rsample()  # eq. 4
        reconstruction = self.decode(z, batch.y).log_prob(batch.x.to(z.dtype))
        kl = kl_divergence(q, p) if self.closed_form_kl else q.log_prob(z) - p.log_prob(z)
        return {"loss": (kl - reconstruction).mean(), "reconstruction": reconstruction.mean(), "kl": kl.mean()}
