"""Normalizing flows: a bijection from data to noise gives every item its exact density, and every draw of noise an item.

    log p(x) = log p(z) + log |det dz/dx|,  z = f(x)

    here           meaning
    forward(x)     z = f(x), (B, D), and log |det dz/dx|, (B,): the whole of f, learned priors included
    inverse(z)     x
    log_prob(x)    the above, in nats
    sample(n)      inverse(temperature * noise)

The noise is standard. A learned or conditional prior N(m, s^2), as Glow has them, is one more bijection before it: z = (h - m) / s.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from lecturekit import checks, nets
from lecturekit.exact.bijections import Bijection, Flatten, Split, maps, per_item
from lecturekit.model import Batch, GenerativeModel, Terms

# name -> log density, elementwise; draws, as many as there are in a tensor
NOISE = {
    "gaussian": (lambda z: -(z.square() + math.log(2 * math.pi)) / 2, torch.randn_like),
    "logistic": (
        lambda z: -z.abs() - 2 * F.softplus(-z.abs()),
        lambda like: torch.logit(torch.rand_like(like), eps=torch.finfo(like.dtype).eps),
    ),
}
BITS = 8  # of a pixel, before noise was added to it


class Flow(GenerativeModel):
    """A density given by a bijection; NICE, RealNVP and Glow are flows.

    event_shape: the shape of an item: (D,), or (C, H, W) for images in [0, 1) (view="dequantized").
    bijection: of (B, *event_shape) to (B, D); see bijections.py.
    noise: "gaussian" or "logistic", of deviation 1 and pi / sqrt(3).

    >>> from lecturekit.exact.bijections import Affine
    >>> flow, x = Flow((2,), Affine(2)), torch.randn(5, 2)
    >>> flow.bijection.log_scale.data[:] = math.log(2)  # z = 2 x, so that x has the deviation 1/2
    >>> p = torch.distributions.Normal(torch.zeros(2), 0.5)
    >>> torch.allclose(flow.log_prob(x), p.log_prob(x).sum(1), atol=1e-5)
    True
    """

    def __init__(self, event_shape: Sequence[int], bijection: Bijection, noise: str = "gaussian"):
        super().__init__()
        self.event_shape, self.noise = checks.shape(event_shape), checks.one_of(NOISE, noise=noise)
        if len(self.event_shape) not in (1, 3) or not isinstance(bijection, Bijection):
            raise ValueError(f"a flow is a Bijection of (D,) or (C, H, W), not {bijection!r:.80} of {self.event_shape}")
        self.bijection = bijection
        self.classes = next((m.classes for m in self.modules() if getattr(m, "classes", None)), None)
        self.register_buffer("origin", torch.zeros(math.prod(self.event_shape)), persistent=False)

    @property
    def images(self) -> bool:
        """Whether an item is an image."""
        return len(self.event_shape) == 3

    def check(self, x: Tensor, y: Tensor | None = None, stream: str | None = None) -> None:
        """Also ValueError for images outside [0, 1)."""
        super().check(x, y, stream)
        if stream is None and self.images and ((x < 0) | (x >= 1)).any():
            who, found = type(self).__name__, f"{x.min():.4g} to {x.max():.4g}"
            raise ValueError(f'{who} is a density of images in [0, 1) (view="dequantized"), and these run from {found}')

    def check_scale(self, x: Tensor) -> None:
        """ValueError for images without noise on their levels: x / 255, or x / 256."""
        if self.images and any((n * x == (n * x).round()).all() for n in (255, 256)):
            who = type(self).__name__
            raise ValueError(f'{who} is a density: add noise to the levels of the images, as view="dequantized" does')

    def start(self, draw) -> None:
        """Every ActNorm, given what arrives at it when the ones before are set (Kingma & Dhariwal 2018, section 3.1).

        ValueError for a component that hardly varies: no density of it is the largest, and float32 has seven digits.
        """
        batch = draw(256)
        x = batch.x.to(self.origin.dtype)
        deviation, mean = torch.std_mean(x.flatten(1), dim=0, correction=0)
        flat = (deviation <= 1e-5 * torch.maximum(mean.abs(), deviation.max())).nonzero()
        if len(flat) and (len(x) > 1 or not self.images):  # of one image, the channels' deviations over its places
            i = int(flat[0])
            raise ValueError(
                f"component {i} is constant, or nearly: {mean[i]:.6g} ± {deviation[i]:.2g} in {len(x)} items, where others "
                f"have ± {deviation.max():.2g}. Drop it, add noise, or bring all to one scale: (x - x.mean(0)) / x.std(0)"
            )
        self.bijection.start(x, batch.y)

    def forward(
        self, x: Float[Tensor, " batch *event"], y: Tensor | None = None
    ) -> tuple[Float[Tensor, "batch noise"], Float[Tensor, " batch"]]:
        """z and log |det dz/dx|."""
        x = checks.items(x, self.event_shape, type(self).__name__)
        z, log_det = self.bijection(x.to(self.origin.dtype), y)
        return checks.sized(len(x), len(self.origin), z=z), log_det

    def inverse(self, z: Float[Tensor, "batch noise"], y: Tensor | None = None) -> Float[Tensor, " batch *event"]:
        """The item of which z is the noise. Images of extreme noise may leave [0, 1)."""
        z = checks.sized("batch", len(self.origin), **{"z, the noise,": z})
        return self.bijection.inverse(z.to(self.origin.dtype), y)

    def parts(self, z: Float[Tensor, "batch noise"]) -> list[Tensor]:
        """z by levels, the coarsest first, each as maps (B, C, h, w); concatenated flat they are z again."""
        z = checks.sized("batch", len(self.origin), z=z)
        shapes = [m.shape for m in self.modules() if isinstance(m, Flatten | Split)][::-1] or [self.event_shape]
        return [maps(part, shape) for part, shape in zip(z.split([math.prod(s) for s in shapes], 1), shapes)]

    def log_prob(self, x: Float[Tensor, " batch *event"], y: Tensor | None = None) -> Float[Tensor, " batch"]:
        """log p(x) or log p(x | y) in nats: a density, of images in units of their range [0, 1), beyond which it is refused."""
        if not checks.trusting():
            self.check(x, y)
        z, log_det = self(x, y)
        return per_item(NOISE[self.noise][0](nets.full_precision(z))) + log_det

    def bits_per_dim(self, x: Float[Tensor, " batch *event"], y: Tensor | None = None) -> Float[Tensor, " batch"]:
        """-log2 of the mass of the 8-bit image under x, per component: in expectation over the noise, no less than the true one.

        A level is 1/256 wide, so its mass is at most about p(x) / 256^D: the uniform density has 8 bits (Theis et al. 2016).
        """
        if not self.images:
            raise ValueError(f"bits per dimension are of 8-bit images (C, H, W), not of items {self.event_shape}")
        return self._bits(self.log_prob(x, y))

    def _bits(self, log_prob: Tensor) -> Tensor:
        return BITS - log_prob / (math.log(2) * len(self.origin))

    def loss(self, batch: Batch) -> Terms:
        """Minus the mean log likelihood in nats; of images also logged in bits per dimension."""
        log_prob = self.log_prob(batch.x, batch.y).mean()
        bits = {"bits_per_dim": self._bits(log_prob)} if self.images else {}
        return {"loss": -log_prob, **bits}

    @torch.no_grad()
    def sample(self, n: int, y: Tensor | None = None, temperature: float = 1.0) -> Tensor:
        """(n, *event_shape) from noise multiplied by `temperature`; images are cut to [0, 1)."""
        (n, y), temperature = self.asked(n, y), checks.number(0, temperature=temperature)
        z = NOISE[self.noise][1](self.origin.expand(n, -1))
        x = self.inverse(temperature * z, y)
        return x.clamp(0, 1 - 2**-24) if self.images else x
