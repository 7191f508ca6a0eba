"""Sigmoid belief networks in layers: bits make bits make an image, and a recognition net guesses them back.

[1] Neal (1992). Connectionist Learning of Belief Networks. Artificial Intelligence 56, 71-113.
[2] Mnih, Gregor (2014). Neural Variational Inference and Learning in Belief Networks. arXiv:1402.0030

    symbol in [2]            here
    h_1 .. h_n               one layer each of `layers`, from the data upwards
    P(h_n)                   prior(): independent coins, their log odds `top` learned
    P(h_i | h_i+1)           generate(i, h_i+1), h_0 being x: log odds of independent coins
    Q(h_i | h_i-1)           recognize(i - 1, h_i-1), the same upwards
    log P(x, h) - log Q      log_weights(x, k), from `paths`
"""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Independent

from lecturekit import checks, nets
from lecturekit.belief import estimators
from lecturekit.belief.belief_net import BeliefNet
from lecturekit.latent import LatentVariableModel
from lecturekit.model import Batch, Player, Terms


class SigmoidBeliefNet(LatentVariableModel):
    """A sigmoid belief network of several layers over binary items, with a recognition net and a way to learn both.

    event_shape: the shape of an item of 0 and 1 (view="binary").
    layers: the units of h_1, h_2, ..., from the data upwards.
    between, activation: deterministic layers between any two stochastic ones, in the order of the way up; none by
        default.
    recognition: for each layer any net (n, units below) -> (n, units) of log odds, items flattened and centred; by
        default linear, or with the same layers between.
    estimator: "score", "nvil", "vimco", "disarm", "straight-through", "concrete", "wake-sleep" or
        "reweighted-wake-sleep". options: what it takes, such as k, the samples per item; see belief/estimators.py.

    >>> model, x = SigmoidBeliefNet((4,), layers=(3, 2)), torch.tensor([[1.0, 0, 0, 1]])
    >>> exact = model.as_belief_net().log_prob(x)
    >>> bool((model.bound(x, k=10_000) - exact).abs() < 0.05)
    True
    """

    reparameterized = False

    def __init__(
        self,
        event_shape: Sequence[int] = (1, 28, 28),
        layers: Sequence[int] = (200, 200),
        recognition: Sequence[nn.Module] | None = None,
        estimator: str = "vimco",
        between: Sequence[int] = (),
        activation: Callable[[], nn.Module] = nn.Tanh,
        **options,
    ):
        super().__init__()
        checks.one_of(estimators.ESTIMATORS, estimator=estimator)
        self.event_shape, activation = checks.shape(event_shape), checks.made_by(activation=activation)
        self.layers, self.between = layers, between = checks.wholes(empty=True, layers=layers, between=between)
        given = list(recognition) if isinstance(recognition, Iterable) else [recognition]
        good = recognition is None or [isinstance(net, nn.Module) for net in given] == [True] * len(layers)
        if not layers or not good:
            raise ValueError(
                f"need a layer, and a recognition net for each or none at all, not {layers=}, {recognition=}"
            )
        sizes = [math.prod(self.event_shape), *layers]
        pairs = list(zip(sizes, layers))
        self.generative = nn.ModuleList(nets.mlp([n, *reversed(between), b], activation) for b, n in pairs)
        self.top = nn.Parameter(torch.zeros(layers[-1]))
        own = (nets.mlp([b, *between, n], activation) for b, n in pairs)
        self.recognition = nn.ModuleList(own if recognition is None else given)
        self.estimator = estimators.ESTIMATORS[estimator](sizes, **options)
        self.register_buffer("centre", torch.zeros(sizes[0]))  # the mean item, which the recognition net does not see

    def start(self, draw) -> None:
        """Visible biases at the log odds of the mean item, which is also the recognition net's centre [2]."""
        x = self.flat(draw(10_000).x)
        self.centre.copy_(x.mean(0))
        self.generative[0][-1].bias.copy_(torch.logit(self.centre.clamp(1e-3, 1 - 1e-3)))
        self.estimator.start(self, x[:1000])

    def flat(self, x: Tensor) -> Float[Tensor, "batch pixels"]:
        """Items (B, *event_shape) as vectors, in the model's precision."""
        return checks.bits(x=checks.items(x, self.event_shape, type(self).__name__)).to(self.top.dtype).flatten(1)

    def recognize(self, layer: int, below: Tensor) -> Tensor:
        """The log odds of q(h_layer+1 | what lies below it), (..., units)."""
        checks.ends(((self.centre.numel(), *self.layers)[layer],), below=below)
        below = below - self.centre if layer == 0 else below
        found = nets.full_precision(nets.folded(self.recognition[layer], below, 1))
        if found.shape[-1] != self.layers[layer]:
            raise ValueError(f"recognition[{layer}] gives {found.shape[-1]} log odds for {self.layers[layer]} units")
        return found

    def generate(self, layer: int, above: Tensor) -> Tensor:
        """The log odds of p(what lies below | h_layer+1), (..., units below)."""
        checks.ends((self.layers[layer],), above=above)
        return nets.full_precision(nets.folded(self.generative[layer], above, 1))

    def prior(self, y: Tensor | None = None) -> Independent:
        """p(h_L), over the top layer."""
        return nets.bernoulli(self.top, 1)

    def decode(self, z: Float[Tensor, " *lead top"], y: Tensor | None = None) -> Independent:
        """p(x | h_L) with one draw of the layers between."""
        checks.ends((self.layers[-1],), z=z)
        for layer in range(len(self.layers) - 1, 0, -1):
            z = estimators.bits(self.generate(layer, z))
        return self._pixels(self.generate(0, z))

    def _pixels(self, logits: Tensor) -> Independent:
        return nets.bernoulli(logits.reshape(*logits.shape[:-1], *self.event_shape), len(self.event_shape))

    def paths(
        self, x: Tensor, k: int = 1, y: Tensor | None = None
    ) -> tuple[Float[Tensor, "k batch"], Float[Tensor, "k batch"]]:
        x = self.flat(x)
        h, logits = estimators.sample_q(self, x, checks.whole(k=k))
        return sum(estimators.log_p(self, x, h)), sum(estimators.log_q(h, logits))

    def codes(self, x: Tensor, y: Tensor | None = None, draws: int = 100) -> Float[Tensor, "batch latent"]:
        """E_q[h | x] of all layers side by side, the top one last; above the first an average over `draws`."""
        _, logits = estimators.sample_q(self, self.flat(x), checks.whole(draws=draws))
        return torch.cat([logits[0].sigmoid(), *(upper.sigmoid().mean(0) for upper in logits[1:])], -1)

    def players(self) -> list[Player]:
        """One player, or with wake-sleep two: "generative" (the nets down, `top`) and "recognition" (the nets up)."""
        moves = {"model": self, "generative": [self.generative, self.top], "recognition": self.recognition}
        losses = self.estimator.losses().items()
        return [Player(name=name, moves=moves[name], loss=partial(loss, self)) for name, loss in losses]

    def loss(self, batch: Batch) -> Terms:
        """What the player descends, if there is only one."""
        losses = self.estimator.losses()
        if "model" not in losses:
            raise NotImplementedError(f"a game of {' and '.join(losses)}: each of players() has a loss of its own")
        return losses["model"](self, batch)

    @torch.no_grad()
    def sample_layers(self, n: int) -> tuple[Independent, list[Tensor]]:
        """n draws of all layers: p(x | h_1), whose mean is the probability of every pixel, and h_1, ..., h_L."""
        h, pixels = estimators.sample_p(self, n)
        return self._pixels(pixels), h

    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        """(n, *event_shape): every layer drawn, from the top down."""
        return self.sample_layers(self.asked(n, y)[0])[0].sample()

    def as_belief_net(self) -> BeliefNet:
        """The same p as a net of single units: the top layer comes first, the data last, and only they are visible."""
        if self.between:
            raise ValueError("with deterministic layers between, the odds of a unit are not linear in its parents")
        down = [net[0] for net in reversed(self.generative)]
        units, hidden, at = sum(self.layers) + math.prod(self.event_shape), sum(self.layers), 0
        weight, mask = self.top.new_zeros(units, units), torch.zeros(units, units, dtype=torch.bool)
        for net in down:
            children, parents = (
                slice(at + net.in_features, at + net.in_features + net.out_features),
                slice(at, at + net.in_features),
            )
            weight[children, parents], mask[children, parents] = net.weight.detach(), True
            at += net.in_features
        flat = BeliefNet(units, hidden=range(hidden), mask=mask).to(self.top)
        flat.weight.data, flat.bias.data = weight, torch.cat([self.top, *(net.bias for net in down)]).detach()
        return flat
