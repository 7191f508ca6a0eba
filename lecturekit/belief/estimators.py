"""Gradients for a net of coins: what to descend where a hidden bit cannot be differentiated.

[1] Mnih, Gregor (2014). Neural Variational Inference and Learning in Belief Networks. arXiv:1402.0030 (NVIL)
[2] Mnih, Rezende (2016). Variational Inference for Monte Carlo Objectives. arXiv:1602.06725 (VIMCO)
[3] Dong, Mnih, Tucker (2020). DisARM: An Antithetic Gradient Estimator for Binary Latent Variables. arXiv:2006.10680
[4] Hinton, Dayan, Frey, Neal (1995). The Wake-Sleep Algorithm for Unsupervised Neural Networks. Science 268, 1158-1161.
[5] Bornschein, Bengio (2015). Reweighted Wake-Sleep. arXiv:1406.2751
[6] Bengio, Leonard, Courville (2013). Estimating or Propagating Gradients Through Stochastic Neurons for Conditional
    Computation. arXiv:1308.3432 (straight-through)
[7] Maddison, Mnih, Teh (2017). The Concrete Distribution. arXiv:1611.00712. Of the same idea: Jang, Gu, Poole (2017).
    Categorical Reparameterization with Gumbel-Softmax. arXiv:1611.01144

    symbol                        here
    h_1 .. h_L, h_0 = x           h, a list of bits (k, B, units), from the data upwards; x (B, pixels)
    log p(h_l | h_l+1)            log_p(net, x, h), L + 1 terms: log p(x | h_1), ..., log p(h_L), each (k, B)
    log q(h_l | h_l-1)            log_q(h, logits), L terms
    log w                         the sum of the first less the sum of the second
    w~_i                          the softmax of log w over samples

A net says `recognize(l, below)`, the logits of q(h_l+1 | h_l), and `generate(l, above)`, those of p(h_l | h_l+1), for
l = 0 .. L-1; `top`, those of p(h_L); `layers`, the L numbers of units; and `flat(x)`, items as vectors. In every layer
the units are independent given the next one.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lecturekit import checks, nets
from lecturekit.model import Batch, Terms, options


def bits(logits: Tensor, k: int | None = None) -> Tensor:
    """Bits with these log odds, through which no gradient flows; k of each, in front, if k is given.

    >>> bits(torch.tensor([-100.0, 100.0]), k=3)
    tensor([[0., 1.],
            [0., 1.],
            [0., 1.]])
    """
    on = checks.tensor(logits=logits).detach().sigmoid()
    shape = on.shape if k is None else (checks.whole(k=k), *on.shape)
    noise = torch.rand(shape, device=on.device, dtype=on.dtype)
    return (noise < on).to(on.dtype)


def sample_q(
    net, below: Tensor, k: int | None = None, start: int = 0, draw: Callable = bits
) -> tuple[list[Tensor], list[Tensor]]:
    """Draw h_start+1 .. h_L from q, upwards from what lies `below` them: the bits, and the logits of their draw.

    >>> from lecturekit.belief import SigmoidBeliefNet
    >>> h, logits = sample_q(SigmoidBeliefNet((6,), layers=(4, 2)), torch.ones(3, 6), k=5)
    >>> [tuple(layer.shape) for layer in h], [tuple(layer.shape) for layer in logits]
    ([(5, 3, 4), (5, 3, 2)], [(3, 4), (5, 3, 2)])
    """
    h, logits = [], []
    for layer in range(checks.whole(0, len(net.layers), start=start), len(net.layers)):
        logits.append(net.recognize(layer, below))
        below = draw(logits[-1], k if layer == start else None)
        h.append(below)
    return h, logits


def sample_p(net, n: int) -> tuple[list[Tensor], Tensor]:
    """Draw h_1 .. h_L from p, from the top down: the bits, and the logits of p(x | h_1). Each has n rows.

    >>> from lecturekit.belief import SigmoidBeliefNet
    >>> h, pixels = sample_p(SigmoidBeliefNet((6,), layers=(4, 2)), n=3)
    >>> [tuple(layer.shape) for layer in h], tuple(pixels.shape)
    ([(3, 4), (3, 2)], (3, 6))
    """
    h = [bits(net.top.expand(checks.whole(0, n=n), -1))]
    for layer in range(len(net.layers) - 1, 0, -1):
        h.insert(0, bits(net.generate(layer, h[0])))
    return h, net.generate(0, h[0])


def log_mass(bits: Tensor, logits: Tensor) -> Tensor:
    """The log mass of bits (..., units), independent with these log odds, summed over units: (...), in nats.

    >>> log_mass(torch.ones(5, 3), torch.zeros(5, 3))  # three coins of probability 1/2: 3 log 1/2
    tensor([-2.0794, -2.0794, -2.0794, -2.0794, -2.0794])
    """
    if checks.bits(bits=bits).shape[-1:] != checks.tensor(logits=logits).shape[-1:]:
        raise ValueError(f"bits and logits must be of as many units, not {tuple(bits.shape)} and {tuple(logits.shape)}")
    return nets.bernoulli(logits, 1).log_prob(bits)


def _layers(h: Sequence[Tensor], count: int) -> Sequence[Tensor]:
    if len(h) != count:
        raise ValueError(f"h must be the bits of {count} layers, from the data upwards, not {len(h)} tensors")
    return h


def log_p(net, x: Tensor, h: list[Tensor], start: int = 0) -> list[Tensor]:
    """log p(x | h_1), ..., log p(h_L); with `start`, x is h_start and h what lies above it.

    >>> from lecturekit.belief import SigmoidBeliefNet
    >>> net, x = SigmoidBeliefNet((6,), layers=(4, 2)), torch.ones(3, 6)
    >>> h, logits = sample_q(net, x, k=5)
    >>> log_w = sum(log_p(net, x, h)) - sum(log_q(h, logits))
    >>> len(log_p(net, x, h)), log_w.shape
    (3, torch.Size([5, 3]))
    """
    pairs = zip([x, *h], _layers(h, len(net.layers) - start))
    below = [log_mass(b, net.generate(start + i, a)) for i, (b, a) in enumerate(pairs)]
    return [*below, log_mass(h[-1], net.top)]


def log_q(h: list[Tensor], logits: list[Tensor]) -> list[Tensor]:
    """log q(h_1 | x), ..., log q(h_L | h_L-1), given the logits.

    >>> h, logits = [torch.ones(5, 3, 4), torch.zeros(5, 3, 2)], [torch.zeros(3, 4), torch.zeros(5, 3, 2)]
    >>> [term.shape for term in log_q(h, logits)]
    [torch.Size([5, 3]), torch.Size([5, 3])]
    """
    return [log_mass(b, a) for b, a in zip(_layers(h, len(logits)), logits)]


def log_q_of(net, x: Tensor, h: list[Tensor]) -> list[Tensor]:
    """log q of bits that were drawn in another way.

    >>> from lecturekit.belief import SigmoidBeliefNet
    >>> net, x = SigmoidBeliefNet((6,), layers=(4, 2)), torch.ones(3, 6)
    >>> h, logits = sample_q(net, x, k=5)
    >>> torch.allclose(sum(log_q_of(net, x, h)), sum(log_q(h, logits)), atol=1e-5)
    True
    """
    below = [x, *_layers(h, len(net.layers))[:-1]]
    return log_q(h, [net.recognize(layer, b) for layer, b in enumerate(below)])


def slope(surrogate: Tensor) -> Tensor:
    """Zero, with the gradient of `surrogate`: the logged loss stays the objective, not the means to its gradient.

    >>> a = torch.tensor(3.0, requires_grad=True)
    >>> zero = slope(a.square())
    >>> zero.backward()
    >>> zero.item(), a.grad
    (0.0, tensor(6.))
    """
    return surrogate - surrogate.detach()


class Estimator(nn.Module):
    """How to learn p and q. k: samples of h per item and turn.

    Losses are minus the objective in nats, averaged over the batch. `sizes`: the pixels, then the units of every layer.

    >>> from lecturekit.belief import SigmoidBeliefNet
    >>> net = SigmoidBeliefNet((6,), layers=(4, 2), estimator="nvil", k=3)
    >>> list(net.estimator.losses()), net.estimator.k
    (['model'], 3)
    """

    def __init__(self, sizes: Sequence[int], k: int = 1):
        super().__init__()
        if len(checks.wholes(sizes=sizes)) < 2:
            raise ValueError(f"sizes are those of x and of every layer, such as (784, 200), not {sizes}")
        self.k = checks.whole(k=k)

    def extra_repr(self) -> str:
        """Its options, for print(model)."""
        return ", ".join(f"{name}={value!r}" for name, value in options(self).items())

    def start(self, net, x: Tensor) -> None:
        """Set what depends on data, once."""

    def losses(self) -> dict[str, Callable[..., Terms]]:
        """Who plays, and the loss(net, batch) of each: "model" alone, or "generative" (p) and "recognition" (q)."""
        return {"model": self.loss}


class ScoreFunction(Estimator):
    """The gradient of the ELBO: that of log p, and (log p - log q) grad log q, right on average and very noisy.

    >>> from lecturekit.belief import SigmoidBeliefNet, exact
    >>> net, x = SigmoidBeliefNet((3,), layers=(2,)), torch.ones(1, 3)
    >>> found = exact.compare(net, x, {"score": ScoreFunction([3, 2])}, draws=2000)["score"]
    >>> found["z"] < 4, found["variance"] > found["signal"]  # right on average, and noise beyond what it estimates
    (True, True)
    """

    def loss(self, net, batch: Batch) -> Terms:
        x = net.flat(batch.x)
        h, logits = sample_q(net, x, self.k)
        p, q = sum(log_p(net, x, h)), sum(log_q(h, logits))
        signal = (p - q).detach()
        return {"loss": -(signal + slope(p + signal * q)).mean()}


class NVIL(Estimator):
    """The score function of the ELBO with a quieter learning signal in each layer [1].

    The signal of layer l is log p(h_l-1 .. h_L) - log q(h_l .. h_L | h_l-1), since what lies below is not its doing;
    local=False gives every layer the whole log w. From it are taken a baseline, which a net of `baseline` tanh units
    (0: no net) predicts from h_l-1, and a running mean. With `normalize` the rest is divided by its running standard
    deviation, where that is above 1.

    A batch's own mean and variance count from the next batch on. In [1] they count at once, which ties the signal to
    the samples that it weighs: a small bias.

    >>> from lecturekit.belief import SigmoidBeliefNet, exact
    >>> net, x = SigmoidBeliefNet((3,), layers=(2,)), torch.ones(1, 3)
    >>> nvil = NVIL([3, 2])
    >>> nvil.start(net, x)
    >>> found = exact.compare(net, x, {"score": ScoreFunction([3, 2]), "nvil": nvil.eval()}, draws=2000)
    >>> found["nvil"]["z"] < 4, found["nvil"]["variance"] < found["score"]["variance"]
    (True, True)
    """

    def __init__(
        self, sizes: Sequence[int], k: int = 1, baseline: int = 100, normalize: bool = True, local: bool = True
    ):
        super().__init__(sizes, k)
        self.normalize, self.local = checks.flag(normalize=normalize, local=local)
        self.decay, baseline = 0.8, checks.whole(0, baseline=baseline)
        self.baselines = nn.ModuleList(nets.mlp([n, baseline, 1], nn.Tanh) for n in sizes[:-1] if baseline)
        for net in self.baselines:  # so that at first the running mean is all there is
            nn.init.zeros_(net[-1].weight)
            nn.init.zeros_(net[-1].bias)
        self.register_buffer("mean", torch.zeros(len(sizes) - 1))
        self.register_buffer("variance", torch.ones(len(sizes) - 1))

    def signals(self, p: list[Tensor], q: list[Tensor]) -> list[Tensor]:
        """The learning signal of every layer, detached."""
        first = range(len(q)) if self.local else [0] * len(q)
        return [(sum(p[i:]) - sum(q[i:])).detach() for i in first]

    def predicted(self, below: list[Tensor]) -> list[Tensor]:
        """The baseline of every layer from what lies below it."""
        found = [nets.full_precision(nets.folded(net, b, 1)[..., 0]) for net, b in zip(self.baselines, below)]
        return found or [b.new_zeros(()) for b in below]

    def start(self, net, x: Tensor) -> None:
        """Set the running means and variances from the signals of x."""
        h, logits = sample_q(net, x, self.k)
        self.follow(self.signals(log_p(net, x, h), log_q(h, logits)), 0.0)

    def follow(self, rest: list[Tensor], decay: float) -> None:
        """Move the running means and variances by a share 1 - decay towards those of `rest`, one (k, B) per layer."""
        self.mean.lerp_(torch.stack([r.mean() for r in rest]), 1 - decay)
        self.variance.lerp_(torch.stack([r.var(correction=0) for r in rest]), 1 - decay)

    def loss(self, net, batch: Batch) -> Terms:
        x = net.flat(batch.x)
        h, logits = sample_q(net, x, self.k)
        p, q = log_p(net, x, h), log_q(h, logits)
        baselines = self.predicted([x, *h[:-1]])
        rest = [s - b.detach() for s, b in zip(self.signals(p, q), baselines)]
        gain = sum(p)
        for layer, (r, b) in enumerate(zip(rest, baselines)):
            signal = r - self.mean[layer]
            if self.normalize:
                signal = signal / self.variance[layer].sqrt().clamp(min=1)
            gain = gain + signal * (q[layer] + b)  # b: the step that [1] gives the baseline, towards what it left over
        if self.training:
            self.follow(rest, self.decay)
        return {"loss": -((sum(p) - sum(q)).detach() + slope(gain)).mean()}


class VIMCO(Estimator):
    """The gradient of the bound L_k, k >= 2, in which each sample's signal is what it adds to the others [2].

    What L_k would be without sample i: log w_i replaced by the mean of the other log-weights.

    >>> VIMCO([3, 2], k=2).signals(torch.tensor([[0.0], [0.0]]))  # none adds anything to the other
    tensor([[0.],
            [0.]])
    >>> VIMCO([3, 2], k=2).signals(torch.tensor([[math.log(3)], [0.0]]))  # log 2 less log 1, and less log 3
    tensor([[ 0.6931],
            [-0.4055]])
    """

    def __init__(self, sizes: Sequence[int], k: int = 5):
        super().__init__(sizes, k)
        if k < 2:
            raise ValueError("VIMCO compares every sample with the others, so k must be at least 2")

    def loss(self, net, batch: Batch) -> Terms:
        x = net.flat(batch.x)
        h, logits = sample_q(net, x, self.k)
        q = sum(log_q(h, logits))
        log_w = sum(log_p(net, x, h)) - q
        bound = log_w.logsumexp(0) - math.log(self.k)  # its own gradient: the sum of w~_i grad log w_i
        return {"loss": -(bound + slope((self.signals(log_w.detach()) * q).sum(0))).mean()}

    def signals(self, log_w: Tensor) -> Tensor:
        """L_k less L_k without sample i, (k, B)."""
        if log_w.ndim != 2 or len(log_w) != self.k:
            raise ValueError(f"log_w must be (k, batch) with k = {self.k}, not {tuple(log_w.shape)}")
        others = (log_w.sum(0) - log_w) / (self.k - 1)
        itself = torch.eye(self.k, device=log_w.device, dtype=torch.bool)[..., None]
        without = torch.where(itself, others, log_w[:, None])  # (j, i, B): log w_j in the sum without sample i
        return log_w.logsumexp(0) - without.logsumexp(0)


class DisARM(Estimator):
    """The gradient of the ELBO from k pairs of antithetic samples, the noise that made them integrated out [3].

    Several layers, as in [3]: a pair in one layer at a time, given a draw of those below, and above it two fresh draws
    of the net. The pair of the first layer also serves log p's own gradient.

    >>> from lecturekit.belief import SigmoidBeliefNet, exact
    >>> net, x = SigmoidBeliefNet((3,), layers=(2,)), torch.ones(1, 3)
    >>> rivals = {"score": ScoreFunction([3, 2], k=2), "disarm": DisARM([3, 2])}  # of as many samples
    >>> found = exact.compare(net, x, rivals, draws=2000)
    >>> found["disarm"]["z"] < 4, found["disarm"]["variance"] < found["score"]["variance"]
    (True, True)
    """

    def loss(self, net, batch: Batch) -> Terms:
        below, gain = net.flat(batch.x), 0.0
        for layer in range(len(net.layers)):
            logits = net.recognize(layer, below)
            on = logits.detach().sigmoid()
            u = torch.rand((self.k, *on.shape) if layer == 0 else on.shape, device=on.device, dtype=on.dtype)
            pair = torch.stack([u > 1 - on, u < on]).to(on.dtype)
            h, above = sample_q(net, pair, start=layer + 1)
            p = sum(log_p(net, below, [pair, *h], layer))
            f = (p - sum(log_q([pair, *h], [logits, *above]))).detach()  # (2, k, B)
            if layer == 0:
                elbo, gain = f.mean(0), p.mean(0)  # all of log p, whose gradient is autograd's
            d_logits = (f[0] - f[1])[..., None] / 2 * (pair[0] - pair[1]) * logits.detach().abs().sigmoid()
            gain = gain + (d_logits * logits).sum(-1)
            below = pair[0]
        return {"loss": -(elbo + slope(gain)).mean()}


class StraightThrough(Estimator):
    """Backward, a bit is taken for its probability [6, the variant with the sigmoid's derivative]: quiet, and biased.

    Exact only where log w is linear in the bits.

    >>> from lecturekit.belief import SigmoidBeliefNet, exact
    >>> net, x = SigmoidBeliefNet((3,), layers=(2,)), torch.ones(1, 3)
    >>> net.generative[0][0].weight.data *= 5  # no longer nearly linear
    >>> found = exact.compare(net, x, {"score": ScoreFunction([3, 2]), "through": StraightThrough([3, 2])}, draws=2000)
    >>> found["through"]["z"] > 4, found["through"]["variance"] < found["score"]["variance"]
    (True, True)
    """

    def loss(self, net, batch: Batch) -> Terms:
        x = net.flat(batch.x)
        h, logits = sample_q(net, x, self.k, draw=lambda logits, k: bits(logits, k) + slope(logits.sigmoid()))
        return {"loss": -(sum(log_p(net, x, h)) - sum(log_q(h, logits))).mean()}


class Concrete(Estimator):
    """The exact pathwise gradient of another model, whose units take values between 0 and 1 [7].

    The masses of all hidden units are replaced by Concrete densities, of y = logit(h), where they do not overflow. The
    loss is minus the ELBO of that model, not of the net of bits. temperatures: of q, and of p.

    >>> from lecturekit.belief import SigmoidBeliefNet
    >>> net = SigmoidBeliefNet((6,), layers=(4, 2), estimator="concrete", k=3)
    >>> net.loss(Batch(torch.ones(5, 6)))["loss"].shape
    torch.Size([])
    """

    def __init__(self, sizes: Sequence[int], k: int = 1, temperatures: tuple[float, float] = (2 / 3, 1 / 2)):
        super().__init__(sizes, k)
        if not isinstance(temperatures, Sequence) or len(temperatures) != 2:
            raise TypeError(f"temperatures must be two numbers, q's and p's, not {temperatures!r}")
        self.temperatures = tuple(
            checks.number(above=0, **{f"temperatures[{i}]": t for i, t in enumerate(temperatures)})
        )

    def loss(self, net, batch: Batch) -> Terms:
        x = net.flat(batch.x)
        warm, cold = self.temperatures
        y, logits = [], []
        for layer in range(len(net.layers)):
            logits.append(net.recognize(layer, y[-1].sigmoid() if y else x))
            shape = logits[-1].shape if y else (self.k, *logits[-1].shape)
            u = torch.rand(shape, device=x.device, dtype=x.dtype).clamp(1e-6, 1 - 1e-6)
            y.append((logits[-1] + torch.logit(u)) / warm)
        given = [*(net.generate(layer, y[layer].sigmoid()) for layer in range(1, len(y))), net.top]
        log_w = log_mass(x, net.generate(0, y[0].sigmoid()))
        for value, p, q in zip(y, given, logits, strict=True):
            log_w = log_w + _log_concrete(value, p, cold) - _log_concrete(value, q, warm)
        return {"loss": -log_w.mean()}


def _log_concrete(y: Tensor, logits: Tensor, temperature: float) -> Tensor:
    """The log density of (logits + logistic noise) / temperature at y, summed over units."""
    centred = logits - temperature * y
    return (math.log(temperature) + centred - 2 * F.softplus(centred)).sum(-1)


class WakeSleep(Estimator):
    """Two players [4]: awake, p learns to make what q saw in the data; asleep, q learns to infer what p has drawn.

    The wake phase follows the ELBO. The sleep phase follows E_p[log q(h | x)]: the Kullback-Leibler divergence the
    other way round, KL(p(h | x) || q(h | x)), over samples of p in place of data. No bound on log p(x) needs to rise.

    >>> from lecturekit.belief import SigmoidBeliefNet
    >>> net = SigmoidBeliefNet((6,), layers=(4, 2), estimator="wake-sleep")
    >>> [player.name for player in net.players()]
    ['generative', 'recognition']
    """

    def losses(self) -> dict[str, Callable[..., Terms]]:
        return {"generative": self.wake, "recognition": self.sleep}

    def wake(self, net, batch: Batch) -> Terms:
        """Minus log p(x, h), h from q."""
        x = net.flat(batch.x)
        with torch.no_grad():
            h, _ = sample_q(net, x, self.k)
        return {"loss": -sum(log_p(net, x, h)).mean()}

    def sleep(self, net, batch: Batch) -> Terms:
        """Minus log q(h | x), x and h from p, as many as there are items."""
        with torch.no_grad():
            h, pixels = sample_p(net, len(batch))
            x = bits(pixels)
        return {"loss": -sum(log_q_of(net, x, h)).mean()}


class ReweightedWakeSleep(WakeSleep):
    """Wake-sleep with k samples, weighed by w~_i = w_i / sum_j w_j [5].

    p follows sum_i w~_i grad log p(x, h_i), the gradient of L_k. q follows sum_i w~_i grad log q(h_i | x), which as k
    grows becomes the gradient of -KL(p(h | x) || q(h | x)) on data, and beside it the sleep phase: their sum, as in the
    authors' code.

    >>> from lecturekit.belief import SigmoidBeliefNet
    >>> net = SigmoidBeliefNet((6,), layers=(4, 2), estimator="reweighted-wake-sleep", k=3)
    >>> x, h, weights, total = net.estimator.weighted_samples(net, Batch(torch.ones(2, 6)))
    >>> weights.shape, torch.allclose(weights.sum(0), torch.ones(2))
    (torch.Size([3, 2]), True)
    """

    def __init__(self, sizes: Sequence[int], k: int = 5):
        super().__init__(sizes, k)

    def weighted_samples(self, net, batch: Batch) -> tuple[Tensor, list[Tensor], Tensor, Tensor]:
        """x, h and w~ of this round, the same for both players, and log sum_i w_i (B,)."""
        x = net.flat(batch.x)
        if "hidden" not in batch.memo:
            with torch.no_grad():
                h, logits = sample_q(net, x, self.k)
                log_w = sum(log_p(net, x, h)) - sum(log_q(h, logits))
            batch.memo |= {"hidden": torch.cat(h, -1), "log_w": log_w}
        log_w = batch.memo["log_w"]
        return x, list(batch.memo["hidden"].split(net.layers, -1)), log_w.softmax(0), log_w.logsumexp(0)

    def wake(self, net, batch: Batch) -> Terms:
        """Minus L_k, with the gradient of p alone."""
        x, h, weights, total = self.weighted_samples(net, batch)
        gain = (weights * sum(log_p(net, x, h))).sum(0)
        return {"loss": -(total - math.log(self.k) + slope(gain)).mean()}

    def sleep(self, net, batch: Batch) -> Terms:
        """Minus the weighted log q(h | x) on data, and the loss of the sleep phase; both are logged."""
        x, h, weights, _ = self.weighted_samples(net, batch)
        wake = -(weights * sum(log_q_of(net, x, h))).sum(0).mean()
        sleep = super().sleep(net, batch)["loss"]
        return {"loss": wake + sleep, "wake": wake, "sleep": sleep}


ESTIMATORS: dict[str, type[Estimator]] = {
    "score": ScoreFunction,
    "nvil": NVIL,
    "vimco": VIMCO,
    "disarm": DisARM,
    "straight-through": StraightThrough,
    "concrete": Concrete,
    "wake-sleep": WakeSleep,
    "reweighted-wake-sleep": ReweightedWakeSleep,
}
