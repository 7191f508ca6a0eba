"""Restricted Boltzmann machines: visible and hidden units, a weight between any two of different kind, and an energy.

[1] Smolensky (1986). Information Processing in Dynamical Systems: Foundations of Harmony Theory. In PDP, vol. 1.
[2] Hinton (2002). Training Products of Experts by Minimizing Contrastive Divergence. Neural Computation 14, 1771-1800.
[3] Tieleman (2008). Training Restricted Boltzmann Machines using Approximations to the Likelihood Gradient. ICML.
[4] Desjardins, Courville, Bengio, Vincent, Delalleau (2010). Parallel Tempering for Training of Restricted Boltzmann
    Machines. AISTATS.
[5] Montavon, Müller (2012). Deep Boltzmann Machines and the Centering Trick. In Neural Networks: Tricks of the Trade.
[6] Cho, Ilin, Raiko (2011). Improved Learning of Gaussian-Bernoulli Restricted Boltzmann Machines. ICANN.
[7] Salakhutdinov, Murray (2008). On the Quantitative Analysis of Deep Belief Networks. ICML.

    symbol                                          here
    E(v, h) = -v'b - h'c - v'Wh                     energy(v, h); with offsets, v - mu and h - lambda in place of v and h [5]
    F(v) = -log sum_h exp(-E(v, h))                 free_energy(v)
    p(v) = exp(-F(v)) / Z                           log_prob(v): needs log Z
    p(h_j = 1 | v) = sigmoid(c_j + v'W_j)           hidden_given(v)
    p(v_i = 1 | h) = sigmoid(b_i + W_i h)           visible_given(h); Gaussian: N(b + W h, sigma^2) [6]
    -d log p / d theta = E_data[dF] - E_model[dF]   what `loss` descends, the second term by Gibbs chains
    p_beta, from a base-rate model to p [7]         at(v): energies (1 - beta) E_base + beta E
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import islice

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Independent
from torch.nn import functional as F
from torch.optim import SGD, Optimizer

from lecturekit import checks, nets
from lecturekit.belief.belief_net import LARGEST, states
from lecturekit.model import Batch, GenerativeModel, Player, Terms

VISIBLE, GRADIENTS = ("bernoulli", "gaussian"), ("cd", "pcd", "tempered")


def sgd(parameters: list[nn.Parameter]) -> Optimizer:
    """Gradient descent with a rate of 0.05, without momentum.

    >>> sgd([nn.Parameter(torch.zeros(1))]).defaults["lr"]
    0.05
    """
    return SGD(parameters, lr=0.05)


class At:
    """Visible states v, looked at under the distributions p_beta that lead from the base-rate model to the RBM [7].

    >>> rbm, v = RBM((4,), hidden=3), torch.ones(5, 4)
    >>> torch.allclose(rbm.at(v).free_energy(1.0), rbm.free_energy(v))
    True
    >>> rbm.at(v).step(0.5).shape
    torch.Size([5, 4])
    """

    def __init__(self, rbm: "RBM", v: Tensor):
        self.rbm, self.v, self.inputs = rbm, v, rbm.hidden_logits(v)

    @cached_property
    def base(self) -> Tensor:
        """The energy of v in the base-rate model."""
        return self.rbm.bias_energy(self.v, self.rbm.base)

    @cached_property
    def own(self) -> Tensor:
        """The part of the RBM's energy that no hidden unit takes part in."""
        return self.rbm.bias_energy(self.v, self.rbm.visible_bias)

    def free_energy(self, beta: float | Tensor) -> Float[Tensor, "*lead"]:
        """F_beta(v) in nats; p_beta(v) is proportional to exp(-F_beta(v))."""
        inputs = self.inputs * beta
        hidden = self.rbm.hidden_offset * inputs - F.softplus(inputs)
        beta = beta[..., 0] if torch.is_tensor(beta) else beta
        return (1 - beta) * self.base + beta * self.own + hidden.sum(-1)

    def difference(self, beta: float, other: float) -> Float[Tensor, "*lead"]:
        """F_beta(v) - F_other(v), float64, without the cancellation of two large numbers."""
        hidden = F.softplus(self.inputs * other) - F.softplus(self.inputs * beta)
        linear = self.own - self.base + self.inputs @ self.rbm.hidden_offset
        return (beta - other) * linear.double() + hidden.sum(-1, dtype=torch.float64)

    def step(self, beta: float | Tensor) -> Tensor:
        """One sweep of block Gibbs sampling that leaves p_beta as it is: hidden units given v, then v given them."""
        h = torch.bernoulli(torch.sigmoid(self.inputs * beta))
        return self.rbm.draw_visible(h, beta)


class RBM(GenerativeModel):
    """A restricted Boltzmann machine of binary hidden units, under binary or Gaussian visible ones.

    visible: "bernoulli" (items of 0 and 1: view="binary") or "gaussian" (real numbers; one learned deviation each).
    gradient: where the chains of the negative phase begin: "cd" at the batch [2], "pcd" where they stood last [3],
        "tempered" likewise, with `temperatures` chains beside each, that swap states [4].
    k: sweeps of block Gibbs sampling in each step. chains: how many persistent chains.
    centred: visible units less the data's mean, hidden ones less one half, which makes the gradient independent of whether a
        unit is written as h or as 1 - h [5].
    optimizer: parameters -> Optimizer; momentum and weight decay are its own.
    sweeps: of Gibbs sampling in `sample`, from the base-rate model.

    log Z is exact where one kind has at most 20 units (the hidden ones, for Gaussian visible units); otherwise
    `lecturekit.evaluate.log_partition` estimates it. The loss is a difference of free energies: its gradient means
    something, its value does not.

    >>> rbm = RBM((3,), hidden=2)
    >>> rbm.visible_bias.data, rbm.weight.data = torch.zeros(3), torch.zeros(3, 2)
    >>> rbm.log_prob(torch.ones(1, 3)).exp()  # three coins
    tensor([0.1250], grad_fn=<ExpBackward0>)
    """

    def __init__(
        self,
        event_shape: Sequence[int] = (1, 28, 28),
        hidden: int = 500,
        visible: str = "bernoulli",
        gradient: str = "pcd",
        k: int = 1,
        chains: int = 100,
        temperatures: int = 10,
        centred: bool = False,
        optimizer: Callable[[list[nn.Parameter]], Optimizer] = sgd,
        sweeps: int = 1000,
    ):
        super().__init__()
        self.event_shape, self.hidden = checks.shape(event_shape), checks.whole(hidden=hidden)
        self.visible = checks.one_of(VISIBLE, visible=visible)
        self.gradient = checks.one_of(GRADIENTS, gradient=gradient)
        self.k = checks.whole(**{"k, the sweeps in each step,": k})
        self.chains, self.sweeps = checks.whole(chains=chains, sweeps=sweeps)
        self.temperatures = checks.whole(2, temperatures=temperatures)
        self.centred, self.optimizer = checks.flag(centred=centred), optimizer
        pixels = math.prod(self.event_shape)
        self.weight = nn.Parameter(0.01 * torch.randn(pixels, self.hidden))
        self.visible_bias, self.hidden_bias = nn.Parameter(torch.zeros(pixels)), nn.Parameter(torch.zeros(self.hidden))
        self.log_scale = nn.Parameter(torch.zeros(pixels)) if visible == "gaussian" else None
        self.register_buffer("base", torch.zeros(pixels))  # visible biases of the base-rate model
        self.register_buffer("visible_offset", torch.zeros(pixels))
        self.register_buffer("hidden_offset", torch.full((self.hidden,), 0.5 if centred else 0.0))
        rungs = {"cd": 0, "pcd": 1, "tempered": self.temperatures}[gradient]
        self.register_buffer("chain", torch.zeros(rungs, self.chains, pixels))

    def check(self, x: Tensor, y: Tensor | None = None, stream: str | None = None) -> None:
        """Also ValueError for items that are not of 0 and 1, where the visible units are binary."""
        super().check(x, y, stream)
        if stream is None and self.visible == "bernoulli":
            checks.bits(x=x)

    def flat(self, x: Tensor) -> Float[Tensor, "batch pixels"]:
        """Items as rows of numbers in the model's precision."""
        return checks.items(x, self.event_shape, type(self).__name__).flatten(1).to(self.weight.dtype)

    @property
    def variance(self) -> Tensor | float:
        """sigma^2 of each visible unit; 1 where they are binary."""
        return 1.0 if self.log_scale is None else (2 * self.log_scale).exp()

    def start(self, draw: Callable[[int], Batch]) -> None:
        """Visible biases that give each unit its mean in the data (and its deviation); chains from these."""
        x = self.flat(draw(10_000).x)
        if self.visible == "bernoulli":
            # as if one item of greys had been seen besides, so that none is infinite
            mean = (x.sum(0) + 0.5) / (len(x) + 1)
            bias = mean.logit()
        else:
            mean, bias = x.mean(0), x.mean(0)
            self.log_scale.copy_(x.std(0, correction=0).clamp(min=1e-3).log())
        if self.centred:
            self.visible_offset.copy_(mean)
            bias = bias if self.visible == "bernoulli" else torch.zeros_like(bias)
        self.visible_bias.copy_(bias)
        self.base.copy_(bias)
        self.chain.copy_(self.base_sample(self.chain[..., 0].numel()).view_as(self.chain))

    # what is known of an RBM exactly: energies and conditionals

    def hidden_logits(self, v: Float[Tensor, "*lead pixels"]) -> Float[Tensor, "*lead hidden"]:
        """The log odds of the hidden units given the visible ones."""
        return (v - self.visible_offset) / self.variance @ self.weight + self.hidden_bias

    def visible_inputs(self, h: Float[Tensor, "*lead hidden"]) -> Float[Tensor, "*lead pixels"]:
        """b + W h: the log odds of the visible units given the hidden ones, or their means less the offset."""
        return (h - self.hidden_offset) @ self.weight.T + self.visible_bias

    def bias_energy(self, v: Float[Tensor, "*lead pixels"], bias: Tensor) -> Float[Tensor, "*lead"]:
        """What the energy of v would be with these biases and no hidden units."""
        v = v - self.visible_offset
        return -v @ bias if self.log_scale is None else ((v - bias).square() / self.variance).sum(-1) / 2

    def energy(self, v: Float[Tensor, "*lead pixels"], h: Float[Tensor, "*lead hidden"]) -> Float[Tensor, "*lead"]:
        """E(v, h) in nats, v flat."""
        coupled = ((h - self.hidden_offset) * self.hidden_logits(v)).sum(-1)
        return self.bias_energy(v, self.visible_bias) - coupled

    def free_energy(self, v: Float[Tensor, "*lead pixels"]) -> Float[Tensor, "*lead"]:
        """F(v) = -log sum_h exp(-E(v, h)) in nats, v flat."""
        inputs = self.hidden_logits(v)
        return self.bias_energy(v, self.visible_bias) + (self.hidden_offset * inputs - F.softplus(inputs)).sum(-1)

    def hidden_given(self, x: Tensor) -> Independent:
        """p(h | x), a batch of independent bits over (hidden,)."""
        return nets.bernoulli(self.hidden_logits(self.flat(x)), 1)

    def visible_given(self, h: Float[Tensor, "*lead hidden"]) -> Independent:
        """p(x | h), a batch (*lead) of distributions over items of event_shape."""
        inputs = self.visible_inputs(checks.ends((self.hidden,), h=h)).unflatten(-1, self.event_shape)
        if self.log_scale is None:
            return nets.bernoulli(inputs, len(self.event_shape))
        shaped = lambda row: row.view(self.event_shape)
        mean, log_scale = inputs + shaped(self.visible_offset), shaped(self.log_scale).expand_as(inputs)
        return nets.gaussian(mean, log_scale, len(self.event_shape))

    # from the base-rate model to the RBM

    def at(self, v: Float[Tensor, "*lead pixels"]) -> At:
        """v, flat, as p_beta sees it."""
        return At(self, v)

    def draw_visible(
        self, h: Float[Tensor, "*lead hidden"], beta: float | Tensor = 1.0
    ) -> Float[Tensor, "*lead pixels"]:
        """A draw of the visible units given the hidden ones, under p_beta."""
        inputs = (1 - beta) * self.base + beta * self.visible_inputs(h)
        if self.log_scale is None:
            return torch.bernoulli(torch.sigmoid(inputs))
        return self.visible_offset + inputs + self.log_scale.exp() * torch.randn_like(inputs)

    def base_sample(self, n: int) -> Float[Tensor, "n pixels"]:
        """n draws from p_0, in which the visible units are independent of each other and of the hidden ones."""
        return self.draw_visible(self.hidden_offset.expand(n, -1), 0.0)

    def base_log_z(self) -> Float[Tensor, ""]:
        """log Z of p_0, float64."""
        return self._log_sum(self.base.double()) + self.hidden * math.log(2)

    def _log_sum(self, inputs: Tensor) -> Tensor:
        """log of the sum over all v (Gaussian: the integral) of exp(v'inputs), or of its Gaussian counterpart; (*lead)."""
        if self.log_scale is None:
            return (F.softplus(inputs) - self.visible_offset.double() * inputs).sum(-1)
        return (self.log_scale.double() + math.log(2 * math.pi) / 2).sum().expand(inputs.shape[:-1])

    def log_z(self) -> Float[Tensor, ""]:
        """log Z by enumeration of the smaller kind of units, float64; ValueError if both are too many."""
        pixels = len(self.visible_bias)
        W, c = self.weight.double(), self.hidden_bias.double()
        if self.hidden <= LARGEST and (self.hidden <= pixels or self.log_scale is not None):
            total = []
            for h in states(self.hidden, W).split(4096):
                h = h - self.hidden_offset
                inputs = h @ W.T + self.visible_bias
                rest = 0.0
                if self.log_scale is not None:
                    rest = ((inputs.square() - self.visible_bias.double().square()) / (2 * self.variance)).sum(-1)
                total.append((h @ c + rest + self._log_sum(inputs)).logsumexp(0))
        elif pixels <= LARGEST and self.log_scale is None:
            total = []
            for v in states(pixels, W).split(4096):
                inputs = (v - self.visible_offset) @ W + c
                hidden = (F.softplus(inputs) - self.hidden_offset * inputs).sum(-1)
                total.append((hidden + (v - self.visible_offset) @ self.visible_bias.double()).logsumexp(0))
        else:
            raise ValueError(
                f"log Z of {pixels} visible and {self.hidden} hidden units cannot be enumerated (one kind may have at most "
                f"{LARGEST}); estimate it by lecturekit.evaluate.log_partition"
            )
        return torch.stack(total).logsumexp(0)

    def log_prob(
        self, x: Tensor, y: Tensor | None = None, log_z: Tensor | float | None = None
    ) -> Float[Tensor, " batch"]:
        """log p(x) in nats, given log Z; by default it is enumerated, or ValueError where that is too much."""
        return (-self.free_energy(self.flat(x)) - (self.log_z() if log_z is None else log_z)).to(self.weight.dtype)

    # learning and sampling

    def gibbs(
        self, v: Float[Tensor, "*lead pixels"], beta: float | Tensor = 1.0
    ) -> Iterator[Float[Tensor, "*lead pixels"]]:
        """The visible states, flat, after each sweep of block Gibbs sampling, without end."""
        while True:
            with torch.no_grad():
                v = self.at(v).step(beta)
            yield v

    @torch.no_grad()
    def negative(self, v: Float[Tensor, "batch pixels"]) -> Float[Tensor, "chains pixels"]:
        """Where the chains stand after k more sweeps; persistent ones, in training, are moved there."""
        if self.gradient == "cd":
            return next(islice(self.gibbs(v), self.k - 1, None))
        rungs = len(self.chain)
        beta = torch.ones(1) if rungs == 1 else torch.linspace(0, 1, rungs)
        beta, chain = beta.to(self.chain)[:, None, None], self.chain
        for sweep in range(self.k):
            chain = self.at(chain).step(beta)
            if rungs > 1:
                chain = self._swapped(chain, beta, sweep)
        if self.training:
            self.chain.copy_(chain)
        return chain[-1]

    def _swapped(self, chain: Tensor, beta: Tensor, sweep: int) -> Tensor:
        """Neighbouring temperatures swap states with the probability that leaves their joint distribution as it is [4]."""
        chain = chain.clone()
        for first in (sweep % 2, (sweep + 1) % 2):
            low, high = slice(first, len(beta) - 1, 2), slice(first + 1, None, 2)
            cold, hot = self.at(chain[high]), self.at(chain[low])
            stay = cold.free_energy(beta[high]) + hot.free_energy(beta[low])
            swap = cold.free_energy(beta[low]) + hot.free_energy(beta[high])
            accept = torch.rand_like(stay) < (stay - swap).exp()
            a, b = chain[low].clone(), chain[high].clone()
            chain[low], chain[high] = torch.where(accept[..., None], b, a), torch.where(accept[..., None], a, b)
        return chain

    def loss(self, batch: Batch) -> Terms:
        """The difference of mean free energies, data less chains: its gradient is that of -log p(x), the second term estimated."""
        v = self.flat(batch.x)
        data, model = self.free_energy(v).mean(), self.free_energy(self.negative(v)).mean()
        return {"loss": data - model, "data": data, "chains": model}

    def players(self) -> Sequence[Player]:
        """One player, whose optimizer is this model's."""
        return [Player(name="model", moves=self, loss=self.loss, optimizer=self.optimizer)]

    @torch.no_grad()
    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        """n states (n, *event_shape) of chains of their own, after `sweeps` sweeps from the base-rate model. Draws from the
        model only as far as the chains have mixed."""
        n, _ = self.asked(n, y)
        v = next(islice(self.gibbs(self.base_sample(n)), self.sweeps - 1, None))
        return v.view(n, *self.event_shape)
