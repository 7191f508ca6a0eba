"""LAPGAN: a game on every level of a Laplacian pyramid; each adds its detail to a coarser image.

[1] Denton, Chintala, Szlam, Fergus (2015). Deep Generative Image Models using a Laplacian Pyramid of Adversarial
    Networks. arXiv:1506.05751

    symbol in [1]                       here
    d(I), u(I)                          reduce, expand
    I_0 = I, ..., I_K                   images: each has half the rows and columns of the one before
    h_k = I_k - u(I_{k+1}), h_K = I_K   bands, from `pyramid`; `collapse` adds them up again
    l_k = u(I_{k+1})                    low
    G_k(z_k, l_k), G_K(z_K)             stages[k].generator(z, low, y); low is added to what its net says
    D_k(h_k, l_k), D_K(h_K)             stages[k].discriminator(image, low, y): image = h + l, as in [1]; low is not looked at

Every stage but the coarsest is trained on the low of data, never on one that was generated: the games do not wait for each
other, and no player ever sees a whole sample.

>>> x = torch.rand(2, 1, 28, 28)
>>> reduce(x).shape, expand(reduce(x)).shape
(torch.Size([2, 1, 14, 14]), torch.Size([2, 1, 28, 28]))
>>> [tuple(band.shape[2:]) for band in pyramid(x, levels=3)]
[(28, 28), (14, 14), (7, 7)]
>>> torch.allclose(collapse(pyramid(x, levels=3)), x, atol=1e-6)
True
>>> low, noise = torch.zeros(2, 1, 8, 8), torch.ones(2, 1, 8, 8)
>>> ConditionalConvNet(nn.Conv2d(2, 1, 1), (1, 8, 8), classes=0, generator=True)(noise, low).shape
torch.Size([2, 1, 8, 8])
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from lecturekit import checks, nets
from lecturekit.adversarial.gan import GAN, Signed, adam
from lecturekit.model import Batch, Player, evaluating


def reduce(x: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch c h/2 w/2"]:
    """d: blur and halve, by weights (1 3 3 1) / 8 along rows and columns; the image's edges stay where they are."""
    return F.interpolate(x, [side // 2 for side in x.shape[2:]], mode="bilinear", antialias=True)


def expand(x: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch c 2*h 2*w"]:
    """u: a smooth image of twice the size, by linear interpolation; the image's edges stay where they are."""
    return F.interpolate(x, [2 * side for side in x.shape[2:]], mode="bilinear")


def shapes(event_shape: Sequence[int], levels: int) -> list[tuple[int, ...]]:
    """(C, h, w) on every level of a pyramid, finest first; ValueError for sides that cannot be halved so often.

    >>> shapes((1, 28, 20), levels=3)
    [(1, 28, 20), (1, 14, 10), (1, 7, 5)]
    """
    (channels, h, w), levels = checks.shape(event_shape, 3), checks.whole(levels=levels)
    if h % 2 ** (levels - 1) or w % 2 ** (levels - 1):
        raise ValueError(f"{levels} levels halve an image {levels - 1} times, which {h} x {w} pixels do not allow")
    return [(channels, h // 2**k, w // 2**k) for k in range(levels)]


def images(x: Float[Tensor, "batch c h w"], levels: int) -> list[Tensor]:
    """The Gaussian pyramid I_0 = x, ..., I_K, K = levels - 1.

    >>> [tuple(image.shape[2:]) for image in images(torch.zeros(2, 1, 28, 28), levels=3)]
    [(28, 28), (14, 14), (7, 7)]
    """
    found = [checks.floats(x=x)]
    for _ in shapes(x.shape[1:], levels)[1:]:
        found.append(reduce(found[-1]))
    return found


def pyramid(x: Float[Tensor, "batch c h w"], levels: int) -> list[Tensor]:
    """The Laplacian pyramid h_0, ..., h_K: what each image has and the next, expanded, has not; then the coarsest image.

    >>> details, coarsest = pyramid(torch.ones(1, 1, 4, 4), levels=2)
    >>> bool(details.abs().max() < 1e-6), coarsest.shape  # an even surface has no details
    (True, torch.Size([1, 1, 2, 2]))
    """
    gaussian = images(x, levels)
    return [fine - expand(coarse) for fine, coarse in pairwise(gaussian)] + gaussian[-1:]


def collapse(bands: Sequence[Tensor]) -> Float[Tensor, "batch c h w"]:
    """The image whose pyramid this is: exactly so, whatever `reduce` and `expand` do.

    >>> x = torch.rand(2, 1, 28, 28)
    >>> torch.allclose(collapse(pyramid(x, levels=3)), x, atol=1e-6)
    True
    """
    *details, image = bands
    for detail in reversed(details):
        image = expand(image) + detail
    return image


class ConditionalMLP(nn.Module):
    """A net at the coarsest level, where images are small enough for full layers; labels, if any, go in as one-hot codes.

    >>> ConditionalMLP(nn.Linear(4 + 3, 1), classes=3)(torch.zeros(2, 1, 2, 2), torch.tensor([0, 2])).shape
    torch.Size([2, 1])
    """

    def __init__(self, net: nn.Module, classes: int):
        super().__init__()
        self.net, self.classes = net, classes

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """x: (n, ...), flattened; y: (n,) labels, where the net has classes."""
        x = x.flatten(1)
        return self.net(torch.cat([x, F.one_hot(y, self.classes).to(x)], 1) if self.classes else x)


class ConditionalConvNet(nn.Module):
    """A net at a finer level, of convolutions; a label goes in as one more plane, which a linear layer makes of it.

    generator: given low, it is shown the noise's plane beside it, and what it says is added to it.
    """

    def __init__(self, net: nn.Module, event_shape: Sequence[int], classes: int, generator: bool):
        super().__init__()
        self.net, self.classes, self.generator = net, classes, generator
        _, *size = event_shape
        plane = lambda: nn.Sequential(nn.Linear(classes, size[0] * size[1]), nn.ReLU(), nn.Unflatten(1, (1, *size)))
        self.label = plane() if classes else None

    def forward(self, x: Tensor, low: Tensor, y: Tensor | None = None) -> Tensor:
        planes = [x, low] if self.generator else [x]
        if self.label is not None:
            planes.append(self.label(F.one_hot(y, self.classes).to(x)))
        out = self.net(torch.cat(planes, 1))
        return low + out if self.generator else out


class Stage(GAN):
    """The game of one level: a GAN whose networks are given low, except at the coarsest level, and the label, if there is one.

    >>> coarsest, finer = reversed(LAPGAN((1, 28, 28), levels=2, latent=10, width=4, hidden=8).stages)
    >>> coarsest.noise(3).shape, finer.noise(3).shape
    (torch.Size([3, 10]), torch.Size([3, 1, 28, 28]))
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        coarsest: bool,
        latent: int,
        width: int,
        hidden: int,
        classes: int,
        game: str,
        optimizer: Callable[[list[nn.Parameter]], Optimizer],
    ):
        channels, *size = event_shape
        if coarsest:
            pixels = channels * size[0] * size[1]
            g = nn.Sequential(
                nets.mlp([latent + classes, hidden, hidden, pixels]), nn.Tanh(), nn.Unflatten(1, tuple(event_shape))
            )
            half = hidden // 2
            d = nn.Sequential(nn.Linear(pixels + classes, half), nn.ReLU(), nn.Dropout())
            d.extend([nn.Linear(half, half), nn.ReLU(), nn.Dropout(), nn.Linear(half, 1), nn.Flatten(0)])
            players = ConditionalMLP(g, classes), ConditionalMLP(d, classes)
        else:
            planes = channels + bool(classes)
            g = nn.Sequential(nn.Conv2d(planes + 1, width, 7, padding=3), nn.ReLU())
            g.extend([nn.Conv2d(width, width, 7, padding=3), nn.ReLU(), nn.Conv2d(width, channels, 5, padding=2)])
            left = [(side - 9) // 2 + 1 for side in size]  # after a 5 x 5 without padding, and another with stride 2
            d = nn.Sequential(nn.Conv2d(planes, width, 5), nn.ReLU(), nn.Conv2d(width, width, 5, stride=2), nn.ReLU())
            d.extend([nn.Flatten(), nn.Dropout(), nn.Linear(width * left[0] * left[1], 1), nn.Flatten(0)])
            players = [ConditionalConvNet(net, event_shape, classes, net is g) for net in (g, d)]
        super().__init__(event_shape, latent, *players, game=game, optimizer=optimizer)
        self.coarsest, self.classes = coarsest, classes or None

    def condition(self, batch: Batch) -> tuple:
        """low (n, C, h, w), except at the coarsest level, and the labels (n,), if there are classes."""
        low = () if self.coarsest else (batch["low"].x.to(self.origin.dtype),)
        return (*low, checks.labels(batch.y, self.classes, len(batch))) if self.classes else low

    def noise(self, n: int) -> Tensor:
        """Uniform from -1 to 1, as in [1]: (n, latent) numbers, or one plane (n, 1, h, w)."""
        shape = (self.latent,) if self.coarsest else (1, *self.event_shape[1:])
        return 2 * torch.rand(n, *shape, device=self.origin.device, dtype=self.origin.dtype) - 1


class LAPGAN(Signed):
    """A pyramid of games, all of them players of one: two on each level, named after its size.

    event_shape: (C, H, W); H and W must be even on every level but the coarsest, images run from -1 to 1.
    levels: images in the pyramid: 28, 14 and 7 pixels for three.
    latent: dimensions of the coarsest level's noise; finer levels have a plane of it.
    width: channels of the finer levels' nets. hidden: units of the coarsest generator; its discriminator has half of them.
    classes: how many, for networks that are given the class; None for none.
    game, optimizer: as in GAN. The widths are those of the code published with [1].

    >>> model = LAPGAN((1, 28, 28), levels=2, latent=10, width=4, hidden=8, classes=3)
    >>> [player.name for player in model.players()]
    ['discriminator-28x28', 'generator-28x28', 'discriminator-14x14', 'generator-14x14']
    >>> [image.shape for image in model.draw(2, torch.tensor([0, 2]))]
    [torch.Size([2, 1, 14, 14]), torch.Size([2, 1, 28, 28])]
    """

    def __init__(
        self,
        event_shape: Sequence[int] = (1, 28, 28),
        levels: int = 3,
        latent: int = 100,
        width: int = 64,
        hidden: int = 1200,
        classes: int | None = None,
        game: str = "non-saturating",
        optimizer: Callable[[list[nn.Parameter]], Optimizer] = adam,
    ):
        super().__init__()
        sizes = shapes(event_shape, levels)
        self.event_shape, self.levels = sizes[0], len(sizes)
        if levels > 1 and min(sizes[-2][1:]) < 9:
            raise ValueError(
                "the discriminators of all but the coarsest level look through windows of 9 pixels, and one would look at "
                f"{sizes[-2][1]} x {sizes[-2][2]}: take fewer levels than {levels}"
            )
        classes, hidden = checks.whole(0, classes=classes or 0), checks.whole(2, hidden=hidden)
        self.classes, (latent, width) = classes or None, checks.whole(latent=latent, width=width)
        self.stages = nn.ModuleList(
            Stage(shape, k == self.levels - 1, latent, width, hidden, classes, game, optimizer)
            for k, shape in enumerate(sizes)
        )

    def at(self, batch: Batch, k: int) -> Batch:
        """What the game of level k is played on: its images, and their low. Every player of a round asks, one computes."""
        if "level 0" not in batch.memo:
            batch.memo.update({f"level {i}": image for i, image in enumerate(images(batch.x, self.levels))})
        lower = {} if k == self.levels - 1 else {"low": Batch(expand(batch.memo[f"level {k + 1}"]))}
        return Batch(batch.memo[f"level {k}"], batch.y, lower, batch.progress)

    def players(self) -> list[Player]:
        """discriminator-28x28, generator-28x28, and so on down to the coarsest level."""
        return [
            replace(
                player,
                name=f"{player.name}-{stage.event_shape[1]}x{stage.event_shape[2]}",
                loss=lambda batch, k=k, loss=player.loss: loss(self.at(batch, k)),
            )
            for k, stage in enumerate(self.stages)
            for player in stage.players()
        ]

    def draw(self, n: int, y: Tensor | None = None, image: Tensor | None = None) -> list[Tensor]:
        """n images of every size, coarse to fine: all that `coarse_to_fine` yields."""
        return list(self.coarse_to_fine(n, y, image))

    def coarse_to_fine(self, n: int, y: Tensor | None = None, image: Tensor | None = None) -> Iterator[Tensor]:
        """n images (n, C, h, w) of one size after another, each made from the one before.

        y: (n,) labels, if the model has classes. image: (n, C, h, w), of the size of a level, to begin with: it comes first.
        """
        n, y = self.asked(n, y)
        sizes = [stage.event_shape for stage in self.stages]
        if image is not None and checks.tensor(image=image).shape[1:] not in sizes:
            raise ValueError(f"no level has images of shape {tuple(image.shape[1:])}; there are {sizes}")
        if image is not None and len(image) != n:
            raise ValueError(f"n = {n}, and image= has {len(image)} images")
        condition = () if y is None else (y,)
        if image is None:
            with evaluating(self, seed=None):
                image = self.stages[-1].fakes(n, *condition)
        yield nets.full_precision(image)
        finer = [stage for stage in self.stages if stage.event_shape[1:] > image.shape[2:]]
        for stage in reversed(finer):
            with evaluating(self, seed=None):
                image = stage.fakes(n, expand(image.to(stage.origin)), *condition)
            yield nets.full_precision(image)

    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        """(n, *event_shape), cut off at -1 and 1: a sum of bands may pass them a little."""
        return self.draw(n, y)[-1].clamp(-1, 1)
