"""A better proposal for every test image, so that importance-weighted bounds of belief nets need fewer samples.

A recognition net has to serve all images, and its few bad guesses decide how large k must be. Here its q(h_1 | x) is joined, for
each image, by a second one with independent units, fitted to that image by weighted samples (the cross-entropy method [1]):
draw, weigh, take the weighted means of the units as the new probabilities, and again. Draws come from both, half and half, and
are weighed by the mixture [2]. Since the final draws are fresh, their bound is as valid as with q alone: in expectation at most
log p(x), and rising to it with k.

[1] de Boer, Kroese, Mannor, Rubinstein (2005). A Tutorial on the Cross-Entropy Method. Annals of Operations Research 134, 19-67.
[2] Owen, Zhou (2000). Safe and Effective Importance Sampling. JASA 95, 135-143.
"""

import math

import torch
from torch import Tensor
from tqdm import tqdm

from lecturekit.belief import SigmoidBeliefNet, estimators
from lecturekit.latent import LatentVariableModel
from lecturekit.model import evaluating


class Refitted(LatentVariableModel):
    """`net` with proposals fitted to the items x; afterwards y says which of them an item is: (B,) whole numbers.

    rounds: of the fit, with `samples` each. effective: weights are flattened, by a power below 1, until so many samples count;
    the recognition net's probabilities count as five more, so that no unit is settled for good. k must be even.
    """

    reparameterized = False

    def __init__(
        self,
        net: SigmoidBeliefNet,
        x: Tensor,
        rounds: int = 6,
        samples: int = 2000,
        effective: int = 100,
        seed: int = 0,
    ):
        super().__init__()
        self.net, self.event_shape = net, net.event_shape
        with evaluating(net, seed):
            fitted = [
                self._fitted(net.flat(some), rounds, samples, effective)
                for some in tqdm(x.split(10), desc="fitting proposals", leave=False)
            ]
        self.register_buffer("fitted", torch.cat(fitted), persistent=False)

    def _fitted(self, x: Tensor, rounds: int, samples: int, effective: int) -> Tensor:
        """Log odds (B, units) for the items x (B, pixels)."""
        q = fitted = self.net.recognize(0, x)
        for _ in range(rounds):
            h, log_p, log_q = self._draw(x, samples, q, fitted)
            weights = flattened(log_p - log_q, effective).softmax(0)
            mean = (weights[..., None] * h).sum(0)
            fitted = torch.logit(((effective * mean + 5 * q.sigmoid()) / (effective + 5)).clamp(1e-4, 1 - 1e-4))
        return fitted

    def _draw(self, x: Tensor, k: int, q: Tensor, fitted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Half of h_1 (k, B, units) by q, half by the fitted one, the layers above by the recognition net; log p, log q."""
        if k % 2:
            raise ValueError(f"half of the samples are drawn from each proposal: k must be even, not {k}")
        first = torch.cat([estimators.bits(q, k // 2), estimators.bits(fitted, k // 2)])
        above, logits = estimators.sample_q(self.net, first, start=1)
        both = torch.stack([estimators.log_mass(first, q), estimators.log_mass(first, fitted)])
        log_q = both.logsumexp(0) - math.log(2) + sum(estimators.log_q(above, logits))
        return first, sum(estimators.log_p(self.net, x, [first, *above])), log_q

    def paths(self, x: Tensor, k: int = 1, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        x = self.net.flat(x)
        return self._draw(x, k, self.net.recognize(0, x), self.fitted[y])[1:]

    def decode(self, z: Tensor, y: Tensor | None = None):
        return self.net.decode(z)

    def prior(self, y: Tensor | None = None):
        return self.net.prior()


def flattened(log_w: Tensor, effective: float) -> Tensor:
    """Log weights (k, B) times the largest power up to 1 with which (sum w)^2 / sum w^2 reaches `effective`."""
    low, high = torch.zeros_like(log_w[0]), torch.ones_like(log_w[0])
    for _ in range(20):
        middle = (low + high) / 2
        enough = 2 * (middle * log_w).logsumexp(0) - (2 * middle * log_w).logsumexp(0) >= math.log(effective)
        low, high = torch.where(enough, middle, low), torch.where(enough, high, middle)
    return low * log_w
