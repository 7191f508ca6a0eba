"""Partition functions: log Z of a model that knows its probabilities only up to a constant, by annealed importance sampling.

[1] Neal (2001). Annealed Importance Sampling. Statistics and Computing 11, 125-139. arXiv:physics/9803008
[2] Salakhutdinov, Murray (2008). On the Quantitative Analysis of Deep Belief Networks. ICML.
[3] Burda, Grosse, Salakhutdinov (2015). Accurate and Conservative Estimates of MRF Log-likelihood using Reverse Annealing.
    AISTATS. arXiv:1412.8566
[4] Bennett (1976). Efficient Estimation of Free Energy Differences from Monte Carlo Data. J. Comput. Phys. 22, 245-268.

What a model must have: `base_sample(n)`, states v from p_0; `base_log_z()`; and `at(v)`, whose `difference(beta, other)` is
F_beta(v) - F_other(v), (n,) float64, and whose `step(beta)` draws the next states by a kernel that leaves p_beta as it is.
`lecturekit.belief.RBM` has them. Log-weights are summed in float64.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from lecturekit import checks
from lecturekit.model import GenerativeModel, evaluating


@dataclass(frozen=True)
class LogZ:
    """An estimate of log Z from log-weights, (chains,), and how far it can be trusted.

    value: log Z in nats. low, high: the same from the weights' mean less and plus three of its standard errors, on the
        scale of Z [2]; low is -inf where the error is as large as the mean. standard_error: of `value`, in nats.
    effective: (sum w)^2 / sum w^2, the number of equal weights that would say as much.

    >>> found = LogZ.of(torch.zeros(10), 2.0)
    >>> print(found, found.effective)
    2.00 ± 0.00 nats (10 chains, 10.0 effective) 10.0
    """

    value: float
    standard_error: float
    low: float
    high: float
    effective: float
    log_weights: Tensor = field(repr=False)

    @classmethod
    def of(cls, log_weights: Tensor, offset: float) -> "LogZ":
        """From log w, (chains,), where log Z is `offset` and the logarithm of the mean weight."""
        n = len(checks.floats(log_weights=log_weights))
        largest = log_weights.max()
        weights = (log_weights.double() - largest).exp()  # the largest is 1
        mean = weights.mean()
        error = weights.std(correction=1) / math.sqrt(n) if n > 1 else torch.tensor(math.inf)
        log = lambda mean: (mean.clamp(min=0).log() + largest + offset).item()
        effective = (weights.sum().square() / weights.square().sum()).item()
        low, high = log(mean - 3 * error), log(mean + 3 * error)
        return cls(log(mean), (error / mean).item(), low, high, effective, log_weights)

    def __str__(self) -> str:
        said = f"{len(self.log_weights)} chains, {self.effective:.1f} effective"
        return f"{self.value:.2f} ± {self.standard_error:.2f} nats ({said})"


def temperatures(n: int) -> Float[Tensor, " n"]:
    """n inverse temperatures from 0 to 1, float64, closer together near 1, in the proportions of [2].

    >>> temperatures(5)[[0, -1]]
    tensor([0., 1.], dtype=torch.float64)
    """
    # 500 up to 0.5, 4 000 to 0.9, 10 000 to 1
    n, knots, shares = checks.whole(2, n=n), (0.0, 0.5, 0.9, 1.0), (0.0, 500 / 14_500, 4_500 / 14_500, 1.0)
    at, found = torch.linspace(0, 1, n, dtype=torch.float64), torch.zeros(n, dtype=torch.float64)
    for a, b, low, high in zip(shares, shares[1:], knots, knots[1:], strict=False):
        inside = (at >= a) & (at <= b)
        found[inside] = low + (high - low) * (at[inside] - a) / (b - a)
    return found


def anneal(model: GenerativeModel, v: Tensor, betas: Sequence[float]) -> Iterator[tuple[float, Tensor, Tensor]]:
    """After each temperature: beta, the states v there, and log w so far, (chains,) float64.

    v: states from the distribution at betas[0]. With betas from 0 to 1 the mean of w is Z_1 / Z_0 in expectation [1]; with
    betas from 1 to 0 and v drawn exactly from the model it is Z_0 / Z_1.

    >>> from lecturekit.belief import RBM
    >>> rbm = RBM((6,), hidden=4)
    >>> [(beta, v.shape, log_w.shape) for beta, v, log_w in anneal(rbm, rbm.base_sample(5), [0.0, 1.0])][-1]
    (1.0, torch.Size([5, 6]), torch.Size([5]))
    """
    log_w = torch.zeros(len(v), dtype=torch.float64, device=v.device)
    yield betas[0], v, log_w
    for before, beta in pairwise(betas):
        with torch.no_grad():
            here = model.at(v)
            log_w = log_w + here.difference(before, beta)
            v = here.step(beta)
        yield beta, v, log_w


def log_partition(
    model: GenerativeModel,
    chains: int = 100,
    betas: int | Sequence[float] = 1000,
    *,
    exact: Tensor | None = None,
    seed: int = 0,
    progress: bool = True,
) -> LogZ:
    """log Z by annealed importance sampling from the model's base-rate distribution [1, 2].

    chains: how many, all at once. betas: how many inverse temperatures (as `temperatures` places them), or they themselves,
        rising from 0 to 1.
    exact: states drawn exactly from the model, flat, (n, ...). With them the chains start there and go the other way [3].

    The mean weight is right in expectation, so that its logarithm is too small on average: forwards the estimate of log Z
    tends to be too low, which makes likelihoods look too good; backwards it tends to be too high. Where the two meet
    log Z is known. The caller's random numbers and the model's mode are left as they were.

    >>> from lecturekit.belief import RBM
    >>> rbm = RBM((6,), hidden=4)
    >>> abs(log_partition(rbm, progress=False).value - rbm.log_z().item()) < 0.05
    True
    """
    chains, seed = checks.whole(chains=chains), checks.whole(0, 2**63 - 1, seed=seed)
    missing = [name for name in ("at", "base_sample", "base_log_z") if not hasattr(model, name)]
    if missing:
        raise TypeError(f"{type(model).__name__} cannot be annealed: it has no {', '.join(missing)}; an RBM has")
    betas = temperatures(betas) if isinstance(betas, int) else torch.as_tensor(betas, dtype=torch.float64)
    if betas.ndim != 1 or len(betas) < 2 or betas[0] != 0 or betas[-1] != 1 or (betas.diff() < 0).any():
        raise ValueError("betas must rise from 0 to 1, or be a number of temperatures of at least 2")
    path = (betas if exact is None else betas.flip(0)).tolist()
    with evaluating(model, seed) as device:
        v = model.base_sample(chains) if exact is None else checks.tensor(exact=exact).to(device)
        for _, _, log_w in tqdm(anneal(model, v, path), total=len(path), leave=False, disable=not progress):
            pass
        base = model.base_log_z().item()
    forwards = LogZ.of(log_w.cpu(), base)
    if exact is None:
        return forwards
    back = LogZ.of(log_w.cpu(), -base)  # of -log Z
    return LogZ(-back.value, back.standard_error, -back.high, -back.low, back.effective, back.log_weights)


def log_ratio(
    a_of_a: Tensor, b_of_a: Tensor, a_of_b: Tensor, b_of_b: Tensor, iterations: int = 100
) -> Float[Tensor, ""]:
    """log Z_b - log Z_a by Bennett's acceptance ratio, from draws of both [4].

    a_of_a, b_of_a: unnormalized log-probabilities, by a and by b, of draws from a, (n,). a_of_b, b_of_b: of draws from b, (m,).

    >>> x = torch.randn(20_000, dtype=torch.float64)
    >>> a, b = (lambda x: -(x**2) / 2), (lambda x: -((x - 1) ** 2) / 2 + 3)  # b is higher by a factor of e^3
    >>> bool((log_ratio(a(x), b(x), a(x + 1), b(x + 1)) - 3).abs() < 0.05)
    True
    """
    up, down = (b_of_a - a_of_a).double(), (b_of_b - a_of_b).double()
    shift = math.log(len(up) / len(down))
    ratio = torch.zeros((), dtype=torch.float64, device=up.device)
    for _ in range(checks.whole(iterations=iterations)):
        # each side's mean of a logistic function; equal where the ratio is right
        from_a = torch.nn.functional.logsigmoid(up - ratio - shift).logsumexp(0)
        from_b = torch.nn.functional.logsigmoid(-(down - ratio - shift)).logsumexp(0)
        ratio = ratio + from_a - from_b
    return ratio
