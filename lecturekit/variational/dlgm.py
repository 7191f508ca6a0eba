"""Deep latent Gaussian models: Gaussian noise in every layer, deterministic nets between.

[1] Rezende, Mohamed, Wierstra (2014). Stochastic Backpropagation and Approximate Inference in Deep Generative Models.
    arXiv:1401.4082
[2] Kingma, Salimans, Jozefowicz, Chen, Sutskever, Welling (2016). Improving Variational Inference with Inverse
    Autoregressive Flow. arXiv:1606.04934 (free bits)
[3] Sønderby, Raiko, Maaløe, Sønderby, Winther (2016). Ladder Variational Autoencoders. arXiv:1602.02282 (warm-up)

    symbol in [1]            here
    xi_l ~ N(0, I)           z, the noises of all layers side by side, the top one last        eq. 1
    h_L = G_L xi_L           the top layer                                                     eq. 2
    h_l = T_l(h_l+1) + G_l xi_l                                                                eq. 3
    v ~ pi(v | T_0(h_1))     decode(z)                                                         eq. 4
    q(xi | v)                encode(x): a Gaussian for each layer, independent given v
    C = (D + u u')^-1        covariance="rank-one"
"""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, constraints

from lecturekit import checks, nets
from lecturekit.latent import LatentVariableModel
from lecturekit.model import Batch, Terms


class DLGM(LatentVariableModel):
    """A deep latent Gaussian model of binary items.

    Since the noises have a fixed prior and q makes them independent, it is one latent vector z = (xi_1, ..., xi_L) with a
    deep decoder, and ELBO and bounds follow from `latent.py` as for a VAE.

    latents: how many noises in each layer, from the one next to the data upwards. hidden: units of the net between two
    layers, of the same one for the data, and, for each layer, of the recognition net. covariance: of q, "diagonal" or
    "rank-one". skips: every layer also reaches the data's logits directly. warm_up: the share of the training during which
    the weight of the KL rises from 0 to 1 [3]. free_bits: nats of KL, per layer and averaged over the batch, that cost
    nothing [2]. Both are remedies for layers that fall silent; `elbo` is never touched by them.

    >>> model, x = DLGM((1, 4, 4), latents=(3, 2), hidden=8, free_bits=0.5), torch.ones(5, 1, 4, 4)
    >>> model.kl(x).shape, model.codes(x).shape
    (torch.Size([5, 2]), torch.Size([5, 5]))
    >>> list(model.loss(Batch(x)))
    ['loss', 'reconstruction', 'kl_1', 'kl_2']
    """

    def __init__(
        self,
        event_shape: Sequence[int] = (1, 28, 28),
        latents: Sequence[int] = (50, 50),
        hidden: int = 200,
        covariance: str = "diagonal",
        activation: Callable[[], nn.Module] = nn.Tanh,
        skips: bool = False,
        warm_up: float = 0.0,
        free_bits: float = 0.0,
    ):
        super().__init__()
        self.event_shape, self.latents = checks.shape(event_shape), (latents := checks.wholes(latents=latents))
        self.covariance = checks.one_of(("diagonal", "rank-one"), covariance=covariance)
        hidden, activation = checks.whole(hidden=hidden), checks.made_by(nn.Module, activation=activation)
        self.skips, self.warm_up = checks.flag(skips=skips), checks.number(0, 1, warm_up=warm_up)
        self.free_bits = checks.number(0, free_bits=free_bits)
        pixels, parts = math.prod(event_shape), 2 if covariance == "diagonal" else 3
        # G_l, and T_l from layer l + 1 to l; layer 0 is the data's logits
        self.noise = nn.ModuleList(nn.Linear(n, hidden, bias=False) for n in latents)
        self.between = nn.ModuleList(nets.mlp([hidden, hidden, hidden], activation) for _ in latents[1:])
        self.out = nn.Sequential(activation(), nets.mlp([hidden, hidden, pixels], activation))
        self.direct = nn.ModuleList(nn.Linear(hidden, pixels, bias=False) for _ in latents[1:]) if skips else None
        self.recognition = nn.ModuleList(nets.mlp([pixels, hidden, hidden, parts * n], activation) for n in latents)
        self.register_buffer("origin", torch.zeros(sum(latents)), persistent=False)

    def prior(self, y: Tensor | None = None) -> Independent:
        """p(xi) = N(0, I), over the noises of all layers."""
        return nets.gaussian(self.origin, self.origin)

    def encode(self, x: Float[Tensor, " batch *event"], y: Tensor | None = None) -> "Concatenated":
        """q(xi | v): a Gaussian per layer, `.parts`, which given v are independent."""
        x = checks.items(x, self.event_shape, type(self).__name__).to(self.origin.dtype)
        flat, parts = x.flatten(1), []
        for net in self.recognition:
            if self.covariance == "diagonal":
                mean, log_scale = net(flat).chunk(2, dim=-1)
                parts.append(nets.gaussian(mean, log_scale))
            else:
                parts.append(nets.rank_one_gaussian(*net(flat).chunk(3, dim=-1)))
        return Concatenated(parts)

    def decode(self, z: Float[Tensor, " *lead latent"], y: Tensor | None = None) -> Independent:
        """p(v | xi), a batch (*lead) of distributions over items of event_shape."""
        z = checks.ends(self.origin.shape, z=z).to(self.origin.dtype)
        *lower, top = z.split(self.latents, dim=-1)
        h, extra = self.noise[-1](top), 0.0
        for layer in reversed(range(len(lower))):
            if self.direct is not None:
                extra = extra + self.direct[layer](h)
            h = self.between[layer](h) + self.noise[layer](lower[layer])
        logits = self.out(h) + extra
        return nets.bernoulli(logits.reshape(*z.shape[:-1], *self.event_shape), len(self.event_shape))

    def kl(self, x: Tensor) -> Float[Tensor, "batch layers"]:
        """KL(q(xi_l | v) || N(0, I)) of each layer, in nats, in closed form."""
        return torch.stack([_kl_to_standard(q) for q in self.encode(x).parts], -1)

    def loss(self, batch: Batch) -> Terms:
        """Minus the ELBO with one sample, the KL in closed form, warm-up and free bits as asked; the parts in nats."""
        x = batch.x.to(self.origin.dtype)
        q = self.encode(x)
        self.reparameterized = True
        reconstruction = self.decode(q.rsample()).log_prob(x).mean()
        kl = torch.stack([_kl_to_standard(part) for part in q.parts]).mean(-1)  # (layers,)
        paid = kl.clamp(min=self.free_bits)
        weight = 1.0
        if self.warm_up and batch.progress is not None:
            weight = (batch.progress / self.warm_up).clamp(max=1)
        logged = {f"kl_{i + 1}": value for i, value in enumerate(kl)}
        return {"loss": weight * paid.sum() - reconstruction, "reconstruction": reconstruction, **logged}


class Concatenated(Distribution):
    """Independent distributions of vectors as one over the vectors side by side.

    >>> p = nets.gaussian(torch.zeros(2), torch.zeros(2))
    >>> both = Concatenated([p, p])
    >>> both.event_shape, torch.allclose(both.log_prob(torch.ones(4)), 2 * p.log_prob(torch.ones(2)))
    (torch.Size([4]), True)
    """

    has_rsample = True

    def __init__(self, parts: Sequence[Distribution]):
        self.parts = list(parts)
        self.sizes = [part.event_shape[0] for part in parts]
        super().__init__(parts[0].batch_shape, torch.Size([sum(self.sizes)]), validate_args=False)

    @property
    def support(self):
        return constraints.real_vector

    @property
    def mean(self) -> Tensor:
        return torch.cat([part.mean for part in self.parts], -1)

    @property
    def variance(self) -> Tensor:
        return torch.cat([part.variance for part in self.parts], -1)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return torch.cat([part.rsample(sample_shape) for part in self.parts], -1)

    def log_prob(self, value: Tensor) -> Tensor:
        return sum(part.log_prob(v) for part, v in zip(self.parts, value.split(self.sizes, -1), strict=True))


def _kl_to_standard(q: Distribution) -> Tensor:
    """KL(q || N(0, I)) (...) of any q over vectors: minus its entropy, and E_q[-log N(z; 0, I)], which needs two moments."""
    second_moment = (q.variance + q.mean.square()).sum(-1)
    return (second_moment + q.mean.shape[-1] * math.log(2 * math.pi)) / 2 - q.entropy()
