"""A VAE with several stochastic layers, each Gaussian given the one above: a chain up for q, the same chain down for p.

[1] Burda, Grosse, Salakhutdinov (2016). Importance Weighted Autoencoders. arXiv:1509.00519 (its two-layer net, section 5)
[2] Sønderby, Raiko, Maaløe, Sønderby, Winther (2016). Ladder Variational Autoencoders. arXiv:1602.02282 (why upper layers
    of such a chain fall silent)

    symbol in [1]                       here
    q(h1 | x) q(h2 | h1) ...            up: h_l is drawn from what lies below it          eq. 2
    p(h_L) ... p(h1 | h2) p(x | h1)     down: the prior on top is N(0, I)                 eq. 1
    log w                               log_weights(x, k), from `paths`
"""

import math
from collections.abc import Callable, Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Independent

from lecturekit import checks, nets
from lecturekit.latent import LatentVariableModel


class HierarchicalVAE(LatentVariableModel):
    """A chain of Gaussian layers over binary items; with the defaults the two-layer net of [1].

    latents: the sizes of h_1, h_2, ..., from the data upwards. hidden: for each of them, the hidden layers of the net between
    it and what lies below, in the order of the way up; the way down has them in reverse.

    >>> model, x = HierarchicalVAE((1, 4, 4), latents=(3, 2), hidden=((8,), (4,))), torch.ones(5, 1, 4, 4)
    >>> model.log_weights(x, k=10).shape, model.codes(x).shape
    (torch.Size([10, 5]), torch.Size([5, 5]))
    """

    reparameterized = True

    def __init__(
        self,
        event_shape: Sequence[int] = (1, 28, 28),
        latents: Sequence[int] = (100, 50),
        hidden: Sequence[Sequence[int]] = ((200, 200), (100, 100)),
        activation: Callable[[], nn.Module] = nn.Tanh,
    ):
        super().__init__()
        self.event_shape, self.latents = checks.shape(event_shape), (latents := checks.wholes(latents=latents))
        each = enumerate(hidden if isinstance(hidden, Iterable) else [hidden])
        hidden = [checks.wholes(empty=True, **{f"hidden[{i}]": sizes}) for i, sizes in each]
        if len(latents) != len(hidden):
            raise ValueError(f"need hidden layers for each layer of latents, not {len(hidden)} for {len(latents)}")
        sizes = (math.prod(self.event_shape), *latents)
        self.up = nn.ModuleList(
            nets.mlp([below, *between, 2 * n], activation) for below, between, n in zip(sizes, hidden, latents)
        )
        self.down = nn.ModuleList(
            nets.mlp([n, *reversed(between), below if i == 0 else 2 * below], activation)
            for i, (below, between, n) in enumerate(zip(sizes, hidden, latents))
        )
        self.register_buffer("origin", torch.zeros(latents[-1]), persistent=False)

    def prior(self, y: Tensor | None = None) -> Independent:
        """p(h_L) = N(0, I), over the top layer."""
        return nets.gaussian(self.origin, self.origin)

    def recognize(self, layer: int, below: Tensor) -> Independent:
        """q(h_layer+1 | what lies below it): below is (..., units of it)."""
        layer = checks.whole(0, len(self.latents) - 1, layer=layer)
        checks.ends(((math.prod(self.event_shape), *self.latents)[layer],), below=below)
        return nets.gaussian(*nets.folded(self.up[layer], below, 1).chunk(2, dim=-1))

    def generate(self, layer: int, above: Tensor) -> Independent:
        """p(what lies below | h_layer+1): a Gaussian over the next layer, or, for layer 0, over items."""
        layer = checks.whole(0, len(self.latents) - 1, layer=layer)
        out = nets.folded(self.down[layer], checks.ends((self.latents[layer],), above=above), 1)
        if layer > 0:
            return nets.gaussian(*out.chunk(2, dim=-1))
        return nets.bernoulli(out.reshape(*out.shape[:-1], *self.event_shape), len(self.event_shape))

    def decode(self, z: Float[Tensor, " *lead latent"], y: Tensor | None = None) -> Independent:
        """p(x | h_L) with one draw of the layers between."""
        z = checks.ends(self.origin.shape, z=z).to(self.origin.dtype)
        for layer in reversed(range(1, len(self.latents))):
            z = self.generate(layer, z).rsample()
        return self.generate(0, z)

    def paths(
        self, x: Tensor, k: int = 1, y: Tensor | None = None
    ) -> tuple[Float[Tensor, "k batch"], Float[Tensor, "k batch"]]:
        x, k = checks.items(x, self.event_shape, type(self).__name__).to(self.origin.dtype), checks.whole(k=k)
        log_p = log_q = 0.0
        below = x.flatten(1)
        for layer in range(len(self.latents)):
            q = self.recognize(layer, below)
            h = q.rsample((k,) if layer == 0 else ())
            log_q = log_q + q.log_prob(h)
            log_p = log_p + self.generate(layer, h).log_prob(x if layer == 0 else below)
            below = h
        return log_p + self.prior().log_prob(h), log_q

    def codes(self, x: Tensor, y: Tensor | None = None, draws: int = 500) -> Float[Tensor, "batch latent"]:
        """E_q[h | x] of all layers side by side, the top one last; above the first an average over `draws`."""
        x, draws = checks.items(x, self.event_shape, type(self).__name__), checks.whole(draws=draws)
        q = self.recognize(0, x.to(self.origin.dtype).flatten(1))
        means, below = [q.mean], q.rsample((draws,))
        for layer in range(1, len(self.latents)):
            q = self.recognize(layer, below)
            means.append(q.mean.mean(0))
            below = q.rsample()
        return torch.cat(means, -1)

    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        """(n, *event_shape): every layer drawn, from the top down."""
        n, _ = self.asked(n, y)
        with torch.no_grad():
            return self.decode(self.prior().sample((n,))).sample()
