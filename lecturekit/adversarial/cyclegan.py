"""CycleGAN: two collections of images without pairs, two translators, and the way there and back must lead home.

[1] Zhu, Park, Isola, Efros (2017). Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks.
    arXiv:1703.10593
[2] Shrivastava, Pfister, Tuzel, Susskind, Wang, Webb (2017). Learning from Simulated and Unsupervised Images through
    Adversarial Training. arXiv:1612.07828
[3] Isola, Zhu, Zhou, Efros (2017). Image-to-Image Translation with Conditional Adversarial Networks. arXiv:1611.07004

    symbol in [1]            here
    X, Y                     domains a (batch.x) and b (batch["b"].x)
    G: X -> Y, F: Y -> X     generate("b", x), generate("a", y)
    D_X, D_Y                 discriminate("a", x), discriminate("b", y): no probabilities but values, squared [1, section 4]
    L_cyc                    "cycle" of generators_loss                  eq. 2
    lambda                   cycle                                       eq. 3
    L_identity               "identity" of generators_loss               section 5.2
    buffer of 50 images      ImagePool, from [2]
    70 x 70 PatchGAN         discriminator(event_shape, layers=3), from [3]; receptive_field says 70

A norm ||.||_1 is taken per pixel, as the authors' code takes it: a mean over all numbers, which lambda = 10 refers to.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from lecturekit import checks, nets
from lecturekit.adversarial import losses
from lecturekit.adversarial.dcgan import initialize
from lecturekit.adversarial.gan import Signed, adam, tried
from lecturekit.model import Batch, Player, Terms, evaluating

OTHER = {"a": "b", "b": "a"}
EXAMPLES = 64  # images of A that a model keeps, to have something to translate when it is sampled


class Residual(nn.Sequential):
    """x plus what the layers make of it.

    >>> Residual(nn.Linear(2, 2, bias=False), nn.ReLU())(torch.zeros(1, 2)).detach()
    tensor([[0., 0.]])
    """

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


def generator(event_shape: Sequence[int], width: int = 64, blocks: int = 9, downs: int = 2) -> nn.Sequential:
    """(n, C, H, W) -> (n, C, H, W) in (-1, 1): `downs` halvings, `blocks` residual blocks, and back up.

    The first map has `width` channels, each halving doubles them. Being convolutional it takes larger images, too.
    ValueError for sides that cannot be halved so often.

    >>> generator((3, 32, 32), width=4, blocks=1)(torch.zeros(2, 3, 48, 40)).shape  # larger ones, too
    torch.Size([2, 3, 48, 40])
    """
    channels, *size = checks.shape(event_shape, 3)
    width, (blocks, downs) = checks.whole(width=width), checks.whole(0, blocks=blocks, downs=downs)
    # padding by reflection needs more pixels than it adds: 3 at the image, 1 at the innermost map
    if min(size) < (least := max(4, 2 * 2**downs)) or any(side % 2**downs for side in size):
        raise ValueError(
            f"{downs} halvings (downs) want sides of at least {least} pixels that {2**downs} divides, not {size[0]} x {size[1]}"
        )
    # no bias where a norm follows: it would be subtracted again
    norm = lambda n: [nn.InstanceNorm2d(n), nn.ReLU()]
    same = lambda n: [nn.ReflectionPad2d(1), nn.Conv2d(n, n, 3, bias=False)]
    widths = [width * 2**i for i in range(downs + 1)]
    layers = [nn.ReflectionPad2d(3), nn.Conv2d(channels, width, 7, bias=False), *norm(width)]
    for a, b in pairwise(widths):
        layers += [nn.Conv2d(a, b, 3, stride=2, padding=1, bias=False), *norm(b)]
    n = widths[-1]
    layers += [Residual(*same(n), *norm(n), *same(n), nn.InstanceNorm2d(n)) for _ in range(blocks)]
    for a, b in pairwise(reversed(widths)):
        layers += [nn.ConvTranspose2d(a, b, 3, stride=2, padding=1, output_padding=1, bias=False), *norm(b)]
    return initialize(nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, channels, 7), nn.Tanh()))


def discriminator(event_shape: Sequence[int], width: int = 64, layers: int = 3) -> nn.Sequential:
    """(n, C, H, W) -> a map of values (n, 1, h, w), each about a patch of the image: `layers` halvings, all kernels 4 x 4.

    ValueError for images of which nothing would be left.

    >>> discriminator((3, 64, 64), width=4)(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 1, 6, 6])
    """
    channels, *size = checks.shape(event_shape, 3)
    width, layers = checks.whole(width=width), checks.whole(0, layers=layers)
    net, before = [], channels
    for i in range(layers + 1):
        stride, after = 1 + (i < layers), width * min(2**i, 8)
        size = [(side - 2) // stride + 1 for side in size]
        norm = [nn.InstanceNorm2d(after)] if i > 0 else []
        net += [nn.Conv2d(before, after, 4, stride, padding=1, bias=not norm), *norm, nn.LeakyReLU(0.2)]
        before = after
    if min(size) < 2:  # the norm wants two numbers at least, the last kernel two pixels a side
        raise ValueError(
            f"{layers} layers leave nothing of {event_shape[1]} x {event_shape[2]} pixels; give fewer layers"
        )
    return initialize(nn.Sequential(*net, nn.Conv2d(before, 1, 4, padding=1)))


def receptive_field(net: nn.Module) -> int:
    """The side of the patch, in pixels, that one output of a row of convolutions sees.

    Norms are not counted: statistics over a whole map let every output know a little of all pixels.

    >>> receptive_field(discriminator((3, 64, 64), width=4, layers=3))
    70
    """
    side, step = 1, 1
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            side, step = side + (layer.kernel_size[0] - 1) * step, step * layer.stride[0]
    return side


class ImagePool(nn.Module):
    """Fakes of earlier rounds, so that a discriminator does not forget what it has learned of them [2].

    In training each fake is stored and handed on while there is room; then, with probability 1/2, it is exchanged for a
    stored one. The fakes of one batch are exchanged at different places, so `size` of them at most. In eval mode, and
    with size 0, fakes pass.

    >>> pool = ImagePool(2, (1,))
    >>> pool(torch.tensor([[1.0], [2.0]])), int(pool.count)  # there is room: stored, and handed on
    (tensor([[1.],
            [2.]]), 2)
    >>> later = pool(torch.tensor([[3.0], [4.0]]))  # each is one of these, or one of the stored ones
    >>> set(later.flatten().tolist()) <= {1.0, 2.0, 3.0, 4.0}
    True
    """

    def __init__(self, size: int, event_shape: Sequence[int]):
        super().__init__()
        self.size = checks.whole(0, pool=size)
        self.register_buffer("images", torch.zeros(self.size, *checks.shape(event_shape)))
        self.register_buffer("count", torch.tensor(0))

    @torch.no_grad()
    def forward(self, fakes: Tensor) -> Tensor:
        checks.items(fakes, self.images.shape[1:], "ImagePool")
        if not self.training or self.size == 0:
            return fakes
        n, device = min(len(fakes), self.size), fakes.device
        new, full = fakes[:n].to(self.images), self.count >= self.size  # nothing here waits for the device
        free = (self.count + torch.arange(n, device=device)) % self.size
        places = torch.where(full, torch.randperm(self.size, device=device)[:n], free)
        old, heads = self.images[places], torch.rand(n, *[1] * (fakes.ndim - 1), device=device) < 0.5
        self.images[places] = torch.where(heads | ~full, new, old)
        self.count.add_(n).clamp_(max=self.size)
        return torch.cat([torch.where(heads & full, old, new), fakes[n:].to(new)])


class CycleGAN(Signed):
    """Two generators and two discriminators on unpaired images of two domains, A and B, of one shape.

    Train it on two streams: fit(model, {"x": images of A, "b": images of B}, ...), images from -1 to 1
    (view="signed"). The generators move first; the discriminators see the very fakes that they moved on, or some of the pools.

    event_shape: of both domains, (C, H, W), or (D,) with networks of your own.
    width, blocks, downs: of the generators, see `generator`. width, layers: of the discriminators, see `discriminator`.
    cycle: the weight lambda of the cycle's error. identity: of the identity term, in units of lambda: 0.5 in [1] for paintings.
    pool: fakes of earlier rounds kept for each discriminator.
    decay: the share of the training, at its end, in which all learning rates fall linearly to 0.
    generators: (A to B, B to A), discriminators: (of A, of B): any networks in place of the published ones.
    optimizer: of each player.

    >>> model = CycleGAN((1, 8, 8), width=2, blocks=1, downs=1, layers=1)
    >>> [player.name for player in model.players()]
    ['generators', 'discriminator-a', 'discriminator-b']
    >>> a = torch.rand(3, 1, 8, 8) * 2 - 1
    >>> model.translate(a, to="b").shape, model.rate(0.25), model.rate(0.75)
    (torch.Size([3, 1, 8, 8]), 1.0, 0.5)
    """

    def __init__(
        self,
        event_shape: Sequence[int] = (1, 28, 28),
        width: int = 64,
        blocks: int = 9,
        downs: int = 2,
        layers: int = 3,
        cycle: float = 10.0,
        identity: float = 0.0,
        pool: int = 50,
        decay: float = 0.5,
        generators: Sequence[nn.Module] | None = None,
        discriminators: Sequence[nn.Module] | None = None,
        optimizer: Callable[[list[nn.Parameter]], Optimizer] = adam,
    ):
        super().__init__()
        self.cycle, self.identity = checks.number(0, cycle=cycle, identity=identity)
        self.decay, self.optimizer = checks.number(0, 1, decay=decay), checks.made_by(optimizer=optimizer)
        self.event_shape = checks.shape(event_shape)
        if len(self.event_shape) != 3 and None in (generators, discriminators):
            raise ValueError(f"items of shape {self.event_shape} are no pictures: give generators= and discriminators=")
        if generators is None:
            generators = [generator(event_shape, width, blocks, downs) for _ in "ba"]
        if discriminators is None:
            discriminators = [discriminator(event_shape, width, layers) for _ in "ab"]
        for name, two in (("generators", generators), ("discriminators", discriminators)):
            if not isinstance(two, Sequence | nn.ModuleList) or [isinstance(n, nn.Module) for n in two] != [True, True]:
                raise TypeError(f"{name} must be a list of two networks, not {two!r}")
        # by the domain to which a generator leads, and whose images a discriminator distinguishes from fakes
        self.generators = nn.ModuleDict(zip("ba", generators, strict=True))
        self.discriminators = nn.ModuleDict(zip("ab", discriminators, strict=True))
        self.pools = nn.ModuleDict({domain: ImagePool(pool, self.event_shape) for domain in OTHER})
        self.register_buffer("examples", torch.zeros(EXAMPLES, *self.event_shape))

    def check(self, x: Tensor, y: Tensor | None = None, stream: str | None = None) -> None:
        """Images of B, the stream "b", are looked at as those of A are."""
        super().check(x, y, None if stream == "b" else stream)

    def domains(self, batch: Batch) -> dict[str, Tensor]:
        """{"a": (n, *event_shape), "b": (m, *event_shape)}; ValueError where there is no b, or no a before it."""
        if "b" not in batch.streams or batch["b"].x is batch.x:
            raise ValueError(
                'CycleGAN learns from two streams, that of A first: fit(model, {"x": images of A, "b": images of B}, ...); '
                f"these are {list(batch.streams)}"
            )
        return {"a": batch.x, "b": batch["b"].x}

    def start(self, draw: Callable[[int], Batch]) -> None:
        """Look at the scale of B's images, as that of A's has been looked at; try all networks; keep images of A for `sample`."""
        real = self.domains(draw(EXAMPLES))
        if real["b"].min() >= 0:  # bright ones, or all are on another scale
            self.check_scale(self.domains(draw(64 * EXAMPLES))["b"])
        with evaluating(self):
            for i, d in enumerate("ab"):
                tried(f"generators[{1 - i}]", partial(self.generate, d), real[OTHER[d]][:3], shape=self.event_shape)
                tried(f"discriminators[{i}]", partial(self.discriminate, d), real[d][:3])
        self.examples.copy_(real["a"][torch.arange(EXAMPLES, device=real["a"].device) % len(real["a"])])

    def generate(self, domain: str, x: Tensor) -> Tensor:
        """x of the other domain, translated; gradients flow."""
        return nets.full_precision(self.generators[checks.one_of(OTHER, domain=domain)](self._given(x)))

    def discriminate(self, domain: str, x: Tensor) -> Tensor:
        """What a discriminator says of x: near 1 for images of its domain, near 0 for fakes; a number or a map for each."""
        return nets.full_precision(self.discriminators[checks.one_of(OTHER, domain=domain)](self._given(x)))

    def _given(self, x):
        images = len(self.event_shape) == 3 and getattr(x, "ndim", 0) == 4  # which may be larger than event_shape
        shape = (self.event_shape[0], *x.shape[2:]) if images else self.event_shape
        return checks.items(x, shape, "CycleGAN").to(self.examples.dtype)

    def generators_loss(self, batch: Batch) -> Terms:
        """Also logged, without weights and summed over both directions: "adversarial", "cycle" and, if used, "identity"."""
        real = self.domains(batch)
        fake = {d: self.generate(d, real[OTHER[d]]) for d in OTHER}
        batch.memo.update({f"fake {d}": fake[d].detach() for d in OTHER})
        # [1, section 4] has no 1/2 before the generators' squares, and one (in 7.1) before the discriminators'
        adversarial = sum(2 * losses.least_squares_generator(self.discriminate(d, fake[d])) for d in OTHER)
        cycle = sum(F.l1_loss(self.generate(d, fake[OTHER[d]]), real[d]) for d in OTHER)  # eq. 2
        terms = {"loss": adversarial + self.cycle * cycle, "adversarial": adversarial.detach(), "cycle": cycle.detach()}
        if self.identity:
            identity = sum(F.l1_loss(self.generate(d, real[d]), real[d]) for d in OTHER)
            terms["loss"] = terms["loss"] + self.cycle * self.identity * identity
            terms["identity"] = identity.detach()
        return terms

    def discriminator_loss(self, batch: Batch, domain: str) -> Terms:
        """Also logged: "real" and "fake", what it says of each on average."""
        real = self.domains(batch)
        fake = batch.memo.get(f"fake {domain}")
        if fake is None:
            with torch.no_grad():
                fake = self.generate(domain, real[OTHER[domain]])
        on_real, on_fake = self.discriminate(domain, real[domain]), self.discriminate(domain, self.pools[domain](fake))
        loss = losses.least_squares(on_real, on_fake)
        return {"loss": loss, "real": on_real.detach().mean(), "fake": on_fake.detach().mean()}

    def rate(self, progress: float) -> float:
        """The factor on all learning rates: 1, and in the last part of the training a line down to 0."""
        return min(1.0, (1 - progress) / self.decay) if self.decay else 1.0

    def players(self) -> list[Player]:
        """The two generators as one player, "generators"; then "discriminator-a" and "discriminator-b"."""
        of = lambda domain: lambda batch: self.discriminator_loss(batch, domain)
        moves = {"generators": (self.generators, self.generators_loss)}
        moves |= {f"discriminator-{d}": (self.discriminators[d], of(d)) for d in OTHER}
        return [
            Player(name=name, moves=nets, loss=loss, optimizer=self.optimizer, schedule=self.rate)
            for name, (nets, loss) in moves.items()
        ]

    def translate(self, x: Float[Tensor, " n *event"], to: str = "b") -> Float[Tensor, " n *event"]:
        """Images of the other domain as images of `to`, "a" or "b", in eval mode; larger ones than in the training, too."""
        if to not in OTHER:
            raise ValueError(f'to={to!r}: images are translated to "a" or to "b"')
        with evaluating(self, seed=None):
            found = self.generate(to, x)
        if found.shape != x.shape:
            raise ValueError(f"images {tuple(x.shape[2:])} came back as {tuple(found.shape[2:])}; pad them first")
        return found

    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        """(n, *event_shape): images of A that the model has kept from its training, at random, translated to B."""
        n, _ = self.asked(n, y)
        if n and not self.started:
            raise ValueError("not trained yet, so that no pictures of A have been kept: translate(x) takes yours")
        chosen = torch.randint(EXAMPLES, (n,), device=self.examples.device)
        return self.translate(self.examples[chosen])
