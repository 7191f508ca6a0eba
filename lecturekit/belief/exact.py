"""Small chains by enumeration: what the estimators estimate, and how noisy each of them is."""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from lecturekit import checks
from lecturekit.belief import estimators
from lecturekit.belief.belief_net import LARGEST, states
from lecturekit.belief.estimators import Estimator
from lecturekit.model import Batch


def every_path(net, x: Tensor) -> tuple[Float[Tensor, "states batch"], Float[Tensor, "states batch"]]:
    """log p(x, h) and log q(h | x) for every h, which is states(all units): `paths` without chance.

    logsumexp(0) of the first is log p(x), softmax(0) the posterior. x: flat, (B, pixels).

    >>> from lecturekit.belief import SigmoidBeliefNet
    >>> net, x = SigmoidBeliefNet((4,), layers=(3, 2)), torch.tensor([[1.0, 0, 0, 1]])
    >>> log_p, log_q = every_path(net, x)
    >>> log_p.shape, torch.allclose(log_p.logsumexp(0), net.as_belief_net().log_prob(x), atol=1e-5)
    (torch.Size([32, 1]), True)
    """
    checks.bits(x=checks.items(x, (net.centre.numel(),), "this net"))
    settings = states(sum(net.layers), x)[:, None].expand(-1, len(x), -1)
    h = list(settings.split(net.layers, -1))
    return sum(estimators.log_p(net, x, h)), sum(estimators.log_q_of(net, x, h))


def expected_bound(net, x: Tensor, k: int = 1) -> Float[Tensor, " batch"]:
    """E[L_k], over all k-tuples of hidden states; k = 1 is the ELBO. In nats, differentiable.

    >>> from lecturekit.belief import SigmoidBeliefNet
    >>> net, x = SigmoidBeliefNet((4,), layers=(3,)), torch.tensor([[1.0, 0, 0, 1]])
    >>> evidence = every_path(net, x)[0].logsumexp(0)
    >>> bool(expected_bound(net, x) <= expected_bound(net, x, k=3) <= evidence)
    True
    """
    if checks.whole(k=k) * sum(net.layers) > LARGEST:
        raise ValueError(f"{k} times {sum(net.layers)} units are more than {LARGEST} bits: too many to enumerate")
    log_p, log_q = every_path(net, x)
    log_w = log_p - log_q
    total, probability = log_w, log_q
    for _ in range(k - 1):
        total = torch.logaddexp(total[:, None], log_w).flatten(0, 1)
        probability = (probability[:, None] + log_q).flatten(0, 1)
    return (probability.exp() * (total - math.log(k))).sum(0)


class _Shifted:
    """A net whose log odds are moved, item by item, by amounts that are 0: one backward pass, a gradient per item."""

    def __init__(self, net, n: int):
        self._net, self.layers = net, net.layers
        sizes = [net.centre.numel(), *net.layers]
        self.p = [torch.zeros(n, size, dtype=net.top.dtype, device=net.top.device) for size in sizes]
        self.q = [torch.zeros_like(p) for p in self.p[1:]]
        for shift in (*self.p, *self.q):
            shift.requires_grad_()
        self.top = net.top.detach() + self.p[-1]

    def __getattr__(self, name):
        return getattr(self._net, name)

    def recognize(self, layer, below):
        return self._net.recognize(layer, below) + self.q[layer]

    def generate(self, layer, above):
        return self._net.generate(layer, above) + self.p[layer]

    def slopes(self, objective: Tensor) -> tuple[Tensor, Tensor]:
        found = torch.autograd.grad(objective, [*self.p, *self.q], allow_unused=True)
        found = [torch.zeros_like(s) if g is None else g for g, s in zip(found, (*self.p, *self.q), strict=True)]
        return torch.cat(found[: len(self.p)], -1), torch.cat(found[len(self.p) :], -1)


def exact_gradient(net, x: Tensor, k: int = 1) -> tuple[Float[Tensor, "batch p"], Float[Tensor, "batch q"]]:
    """The gradient of E[L_k] for every item with respect to the biases: of p (x, then h_1 to h_L), and of q.

    >>> from lecturekit.belief import SigmoidBeliefNet
    >>> of_p, of_q = exact_gradient(SigmoidBeliefNet((4,), layers=(3, 2)), torch.ones(6, 4))
    >>> of_p.shape, of_q.shape
    (torch.Size([6, 9]), torch.Size([6, 5]))
    """
    shifted = _Shifted(net, len(x))
    return shifted.slopes(expected_bound(shifted, x, k).sum())


def gradients(
    estimator: Estimator, net, x: Tensor, draws: int
) -> tuple[Float[Tensor, "draws batch p"], Float[Tensor, "draws batch q"]]:
    """What an estimator says of the same gradients, `draws` times, independently; upwards, as in `exact_gradient`.

    >>> from lecturekit.belief import SigmoidBeliefNet
    >>> net, x = SigmoidBeliefNet((4,), layers=(3, 2)), torch.ones(6, 4)
    >>> of_p, of_q = gradients(estimators.ScoreFunction([4, 3, 2]), net, x, draws=10)
    >>> of_p.shape, of_q.shape
    (torch.Size([10, 6, 9]), torch.Size([10, 6, 5]))
    """
    if not isinstance(estimator, Estimator):
        raise TypeError(f"estimator must be an Estimator, such as ScoreFunction((8, 6)), not {estimator!r}")
    many = checks.items(x, (net.centre.numel(),), "this net").repeat(checks.whole(draws=draws), 1)
    shifted = _Shifted(net, len(many))
    batch = Batch(many.unflatten(1, net.event_shape))
    total = sum(loss(shifted, batch)["loss"] for loss in estimator.losses().values())
    found = shifted.slopes(-total * len(many))
    return tuple(g.reshape(draws, len(x), -1) for g in found)


def compare(net, x: Tensor, given: Mapping[str, Estimator], draws: int = 10_000) -> dict[str, dict[str, float]]:
    """Bias and noise of the gradient of q's biases by each estimator, beside the exact one of the ELBO (VIMCO: of L_k).

    Summed over units, averaged over items: "variance", of one draw; "bias", the squared distance of the mean from the
    exact gradient, less what noise alone would give; "signal", the squared length of the exact gradient. And "z", the
    largest distance of a single unit and item in standard errors.

    >>> from lecturekit.belief import SigmoidBeliefNet
    >>> net, x = SigmoidBeliefNet((3,), layers=(2,)), torch.ones(1, 3)
    >>> found = compare(net, x, {"score": estimators.ScoreFunction([3, 2])}, draws=2000)["score"]
    >>> list(found), abs(found["bias"]) < found["variance"] / 100
    (['variance', 'bias', 'z', 'signal'], True)
    """
    out, draws = {}, checks.whole(2, draws=draws)
    if not isinstance(given, Mapping):
        raise TypeError(f"given must be estimators by name, {{'score': ScoreFunction((8, 6))}}, not {given!r}")
    for name, estimator in given.items():
        exact = exact_gradient(net, x, estimator.k if isinstance(estimator, estimators.VIMCO) else 1)[1]
        found = gradients(estimator, net, x, draws)[1]
        off, variance = found.mean(0) - exact, found.var(0)
        out[name] = {
            "variance": variance.sum(-1).mean().item(),
            "bias": (off.square() - variance / draws).sum(-1).mean().item(),
            "z": (off.abs() / (variance / draws).sqrt()).max().item(),
            "signal": exact.square().sum(-1).mean().item(),
        }
    return out
