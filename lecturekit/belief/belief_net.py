"""Sigmoid belief networks as they were defined: binary units in an order, each a coin whose odds its parents set.

[1] Neal (1992). Connectionist Learning of Belief Networks. Artificial Intelligence 56, 71-113.
[2] Saul, Jaakkola, Jordan (1996). Mean Field Theory for Sigmoid Belief Networks. JAIR 4, 61-76. arXiv:cs/9603102

    symbol                               here
    s_i in {0, 1}, i = 1..n              state (..., n); parents come before their children
    P(s_i = 1 | s_j, j < i)              sigmoid of logits(state): sum_j w_ij s_j + b_i
    w_ij, b_i                            weight[i, j] where mask[i, j], bias[i]
    mu_i, xi_i of [2]                    mean_field: q(s_i = 1), and the free parameter of unit i's bound
"""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from lecturekit import checks, nets
from lecturekit.model import Batch, GenerativeModel, Terms

LARGEST = 20  # bits that are enumerated: a million states


def states(bits: int, like: Tensor) -> Float[Tensor, "states bits"]:
    """All 2^bits settings of some bits, in counting order; ValueError for more than a million.

    >>> states(2, like=torch.zeros(()))
    tensor([[0., 0.],
            [0., 1.],
            [1., 0.],
            [1., 1.]])
    """
    if checks.whole(0, bits=bits) > LARGEST:
        raise ValueError(
            f"{bits} free bits have 2^{bits} states, too many to enumerate (at most 2^{LARGEST}); draw samples instead"
        )
    counts = torch.arange(2**bits, device=checks.tensor(like=like).device)[:, None]
    return (counts >> torch.arange(bits - 1, -1, -1, device=like.device) & 1).to(like.dtype)


class BeliefNet(GenerativeModel):
    """n binary units, any of which may be the parent of any later one; exact for a small number of hidden units.

    units: how many. hidden: which of them are not part of the data; an item is the others, in their order.
    mask: (n, n) of bool, mask[i, j] where unit j is a parent of unit i, j < i; by default all earlier units are.

    `known` (n,) of bool, in the methods below, says which units are clamped to their values in `state`; by default
    those that are part of the data.

    >>> net = BeliefNet(3, hidden=(0, 1)).requires_grad_(False)  # two rare causes of one effect
    >>> net.weight[:], net.bias[:] = torch.tensor([[0.0, 0, 0], [0, 0, 0], [6, 6, 0]]), torch.tensor([-2.0, -2, -3])
    >>> effect = net.place(torch.tensor([[1.0]]))
    >>> net.marginals(effect)  # the effect makes each of them likely
    tensor([[0.4550, 0.4550, 1.0000]])
    >>> effect[:, 0] = 1
    >>> net.marginals(effect, known=torch.tensor([True, False, True]))  # one, once known, explains the other away
    tensor([[1.0000, 0.1244, 1.0000]])
    """

    def __init__(self, units: int, hidden: Sequence[int] = (), mask: Bool[Tensor, "units units"] | None = None):
        super().__init__()
        units, hidden = checks.whole(units=units), checks.wholes(0, empty=True, hidden=hidden)
        if len(set(hidden)) < len(hidden) or not set(hidden) < set(range(units)):
            raise ValueError(f"hidden must be some, not all, of the units 0..{units - 1}, each once, not {hidden}")
        mask = torch.ones(units, units, dtype=torch.bool).tril(-1) if mask is None else checks.tensor(mask=mask)
        if mask.dtype != torch.bool or mask.shape != (units, units) or mask.triu().any():
            raise ValueError(
                "mask must be bool (units, units), True only below its diagonal: parents come before children"
            )
        self.units, self.hidden, self.event_shape = units, hidden, (units - len(hidden),)
        self.weight = nn.Parameter(torch.randn(units, units) * mask / units**0.5)
        self.bias = nn.Parameter(torch.zeros(units))
        self.register_buffer("mask", mask)
        self.register_buffer("visible", torch.tensor([i not in hidden for i in range(units)]))

    @property
    def _levels(self) -> list[list[int]]:
        """Units whose parents are all drawn are drawn together: in a layered net, a layer."""
        depth, deeper = None, torch.zeros(self.units, dtype=torch.long, device=self.mask.device)
        while depth is None or not torch.equal(depth, deeper):
            depth, deeper = deeper, (self.mask * (deeper + 1)).amax(1)
        return [(depth == level).nonzero()[:, 0].tolist() for level in range(int(depth.max()) + 1)]

    @property
    def weights(self) -> Tensor:
        """The weights that there are, zero elsewhere."""
        return self.weight * self.mask

    def logits(self, state: Float[Tensor, "*lead units"]) -> Float[Tensor, "*lead units"]:
        """The log odds of every unit given its parents' values in `state`."""
        return self._state(state) @ self.weights.T + self.bias

    def log_joint(self, state: Float[Tensor, "*lead units"]) -> Float[Tensor, "*lead"]:
        """log P(state) of all units together, in nats."""
        return nets.bernoulli(self.logits(state), 1).log_prob(state.to(self.bias.dtype))

    def _state(self, state: Tensor) -> Tensor:
        """All units, hidden ones too, in the net's precision."""
        checks.ends((self.units,), **{f"state, of all {self.units} units,": state})
        return checks.bits(state=state).to(self.bias.dtype)

    def _clamped(self, state: Tensor, known: Tensor | None) -> tuple[Tensor, Tensor]:
        """A batch of states, and which units are not known."""
        state = checks.ends((self.units,), lead=1, state=self._state(state))
        known = self.visible if known is None else checks.tensor(known=known)
        if known.dtype != torch.bool or known.shape != (self.units,):
            said = f"{known.dtype} of shape {tuple(known.shape)}"
            raise TypeError(f"known must be bool, True for each of the {self.units} units that is clamped, not {said}")
        return state, ~known

    def place(self, x: Tensor) -> Float[Tensor, "batch units"]:
        """Items (B, visible) in their places among all units; the hidden ones are 0."""
        x = checks.items(x, self.event_shape, "BeliefNet")
        state = torch.zeros(len(x), self.units, device=x.device, dtype=self.bias.dtype)
        state[:, self.visible] = x.to(self.bias.dtype)
        return state

    def every(
        self, state: Float[Tensor, "batch units"], known: Bool[Tensor, " units"] | None = None
    ) -> Float[Tensor, "states batch units"]:
        """Each item of `state` with the unknown units set in every way; softmax(log_joint(.), 0) is the posterior."""
        state, free = self._clamped(state, known)
        settings = states(int(free.sum()), self.bias)
        out = state.repeat(len(settings), 1, 1)
        out[..., free] = settings[:, None]
        return out

    def marginals(
        self, state: Float[Tensor, "batch units"], known: Bool[Tensor, " units"] | None = None
    ) -> Float[Tensor, "batch units"]:
        """P(s_i = 1 | the known units), exactly."""
        every = self.every(state, known)
        return (self.log_joint(every).softmax(0)[..., None] * every).sum(0)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Float[Tensor, " batch"]:
        """log P(x), the hidden units summed out, in nats."""
        return self.log_joint(self.every(self.place(x))).logsumexp(0)

    def loss(self, batch: Batch) -> Terms:
        """Minus log P(x), which a small net can afford."""
        return {"loss": -self.log_prob(batch.x).mean()}

    def check(self, x: Tensor, y: Tensor | None = None, stream: str | None = None) -> None:
        """Also ValueError for items that are not of 0 and 1."""
        super().check(x, y, stream)
        if stream is None:
            checks.bits(x=x)

    @torch.no_grad()
    def draw(self, n: int) -> Float[Tensor, "n units"]:
        """n states of all units, ancestors first."""
        state = torch.zeros(checks.whole(0, n=n), self.units, device=self.bias.device, dtype=self.bias.dtype)
        weights = self.weights
        for level in self._levels:
            on = torch.sigmoid(state @ weights[level].T + self.bias[level])
            state[:, level] = torch.bernoulli(on)
        return state

    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        """n draws of the visible units, (n, *event_shape)."""
        return self.draw(self.asked(n, y)[0])[:, self.visible]

    @torch.no_grad()
    def gibbs(
        self, state: Float[Tensor, "batch units"], known: Bool[Tensor, " units"] | None = None, sweeps: int = 1
    ) -> Float[Tensor, "batch units"]:
        """`state` after a number of sweeps of Gibbs sampling over the unknown units [1], all items in parallel."""
        (state, _), chain = self._clamped(state, known), self.gibbs_chain(state, known)
        for _ in range(checks.whole(0, sweeps=sweeps)):
            state = next(chain)
        return state

    def gibbs_chain(
        self, state: Float[Tensor, "batch units"], known: Bool[Tensor, " units"] | None = None
    ) -> Iterator[Float[Tensor, "batch units"]]:
        """The state after each sweep, without end. A sweep draws every unknown unit given all others.

        One unit after the other: two units with a common child depend on each other given all the rest (explaining
        away), and drawing them at once would leave another distribution invariant.
        """
        state, free = self._clamped(state, known)
        state, free, weights = state.clone(), free.nonzero()[:, 0].tolist(), self.weights.detach()
        logits = self.logits(state).detach()
        while True:
            for i in free:
                out = weights[:, i]  # what unit i, when it is on, adds to its children
                off = logits - state[:, i, None] * out
                children = (state * out - F.softplus(off + out) + F.softplus(off)).sum(-1)
                state[:, i] = torch.bernoulli(torch.sigmoid(off[:, i] + children))
                logits = off + state[:, i, None] * out
            yield state.clone()

    def mean_field(
        self, state: Float[Tensor, "batch units"], known: Bool[Tensor, " units"] | None = None, sweeps: int = 50
    ) -> tuple[Float[Tensor, "batch units"], Float[Tensor, " batch"]]:
        """The means mu of independent units that approximate the posterior, and the lower bound on log P(known) [2].

        No step lowers the bound: the xi are found by bisection, the bound being concave in each; then the mu, one
        unit after the other, by the fixed-point equation of [2]. Without the entropy the bound is convex in a single
        mu_i, so it lies above its tangent, and the equation maximizes tangent plus entropy. All mu at once might swing.
        """
        sweeps, (state, free) = checks.whole(0, sweeps=sweeps), self._clamped(state, known)
        free = free.nonzero()[:, 0].tolist()
        # float64, or a large weight would leave nothing of 1 + expm1(weight)
        weights, bias = self.weights.detach().double(), self.bias.detach().double()
        mu = state.double().index_fill(1, torch.tensor(free, dtype=torch.long, device=state.device), 0.5)
        xi = torch.full_like(mu, 0.5)

        def terms(mu: Tensor, xi: Tensor) -> Tensor:
            """(B, n): (mu_i - xi_i) E[z_i] - log E[exp(-xi_i z_i) + exp((1 - xi_i) z_i)], z_i the input of unit i."""
            factors = lambda t: mu[:, None] * torch.expm1(t[..., None] * weights)
            log_mean_exp = lambda t: t * bias + torch.log1p(factors(t)).sum(-1)
            input = mu @ weights.T + bias
            return (mu - xi) * input - torch.logaddexp(log_mean_exp(-xi), log_mean_exp(1 - xi))

        def slope(mu: Tensor, xi: Tensor, of: int) -> Tensor:
            with torch.enable_grad():
                at = (mu.detach().requires_grad_(), xi.detach().requires_grad_())
                return torch.autograd.grad(terms(*at).sum(), at[of])[0]

        for _ in range(sweeps):
            low, high = torch.zeros_like(xi), torch.ones_like(xi)
            for _ in range(20):
                xi = (low + high) / 2
                rising = slope(mu, xi, 1) > 0
                low, high = torch.where(rising, xi, low), torch.where(rising, high, xi)
            for i in free:
                mu[:, i] = torch.sigmoid(slope(mu, xi, 0)[:, i])
        bound = (terms(mu, xi) + torch.special.entr(mu) + torch.special.entr(1 - mu)).sum(-1)
        return mu.to(state.dtype), bound.to(state.dtype)
