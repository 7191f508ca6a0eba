"""Deep convolutional GANs: the rules by which convolutions came to play the game.

[1] Radford, Metz, Chintala (2016). Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
    Networks. arXiv:1511.06434

    rule in [1], section 3                             here
    strides in place of pooling                        convolutions 5x5 with stride 2; the generator's are transposed
    batch normalization, but not in G's last layer     `normalize`
      nor in D's first
    no hidden layers that are fully connected          one linear layer into G's first map, one out of D's last
    ReLU in G, tanh at its end; LeakyReLU(0.2) in D
    weights from N(0, 0.02), section 4                 `initialize`
    Adam, rate 2e-4, beta_1 = 0.5, batches of 128      gan.adam

>>> generator((3, 32, 32), latent=10, width=4)(torch.randn(2, 10)).shape
torch.Size([2, 3, 32, 32])
>>> discriminator((3, 32, 32), width=4)(torch.zeros(2, 3, 32, 32)).shape
torch.Size([2])
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from lecturekit import checks
from lecturekit.adversarial.gan import GAN


def scales(event_shape: Sequence[int]) -> tuple[list[tuple[int, int]], int]:
    """The sizes (H, W) of the maps from an image of `event_shape` down, halved while both sides are even and above 7.

    >>> scales((3, 64, 64))
    ([(64, 64), (32, 32), (16, 16), (8, 8), (4, 4)], 3)
    """
    channels, *size = checks.shape(event_shape, 3)
    sizes = [tuple(size)]
    while all(side % 2 == 0 and side > 7 for side in sizes[-1]):
        sizes.append(tuple(side // 2 for side in sizes[-1]))
    if len(sizes) < 2 or max(sizes[-1]) > 7:
        raise ValueError(
            "a DCGAN halves the image, both sides equally often, until at most 7 pixels are left of each, which "
            f"{size[0]} x {size[1]} does not allow; squares of 28, 32, 40, 48, 56 and 64 do"
        )
    return sizes, channels


def generator(event_shape: Sequence[int], latent: int = 100, width: int = 64) -> nn.Sequential:
    """(n, latent) -> (n, C, H, W) in (-1, 1).

    The map before the image has `width` channels, each one before it twice as many.
    """
    (sizes, channels), (latent, width) = scales(event_shape), checks.whole(latent=latent, width=width)
    steps = len(sizes) - 1
    widths = [width * 2**i for i in reversed(range(steps))]
    first = (widths[0], *sizes[-1])
    layers = [nn.Linear(latent, first[0] * first[1] * first[2], bias=False), nn.Unflatten(1, first)]
    for a, b in zip(widths, [*widths[1:], channels], strict=True):
        layers += [nn.BatchNorm2d(a), nn.ReLU()]
        layers += [nn.ConvTranspose2d(a, b, 5, stride=2, padding=2, output_padding=1, bias=b == channels)]
    return initialize(nn.Sequential(*layers, nn.Tanh()))


def discriminator(event_shape: Sequence[int], width: int = 64, normalize: bool = True) -> nn.Sequential:
    """(n, C, H, W) -> logits (n,).

    normalize=False leaves out the norms, as a critic with a gradient penalty needs it.
    """
    (sizes, channels), width = scales(event_shape), checks.whole(width=width)
    widths = [channels, *(width * 2**i for i in range(len(sizes) - 1))]
    layers = []
    for i, (a, b) in enumerate(pairwise(widths)):
        norm = [nn.BatchNorm2d(b)] if normalize and i > 0 else []
        # Where no norm follows there is a bias: without it, the next norm would hide an image's contrast.
        layers += [nn.Conv2d(a, b, 5, stride=2, padding=2, bias=not norm), *norm, nn.LeakyReLU(0.2)]
    last = nn.Linear(widths[-1] * sizes[-1][0] * sizes[-1][1], 1, bias=False)
    return initialize(nn.Sequential(*layers, nn.Flatten(), last, nn.Flatten(0)))


def initialize(net: nn.Sequential) -> nn.Sequential:
    """Weights from N(0, 0.02), the norms' factors from N(1, 0.02), biases 0.

    >>> net = initialize(nn.Sequential(nn.Linear(300, 300)))
    >>> round(net[0].weight.std().item(), 3), net[0].bias.abs().max().item()
    (0.02, 0.0)
    """
    for layer in net.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d):
            nn.init.normal_(layer.weight, float(isinstance(layer, nn.BatchNorm2d)), 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return net


class DCGAN(GAN):
    """A GAN on the convolutional nets above, for images from 28 to 64 pixels a side, grey or in colour.

    width: channels of the largest hidden map; 128 in [1] for 64 x 64 images. The rest is GAN's.

    >>> model = DCGAN((1, 28, 28), latent=10, width=4, game="least-squares")
    >>> model.game, model.sample(2).shape
    ('least-squares', torch.Size([2, 1, 28, 28]))
    """

    def __init__(
        self,
        event_shape: Sequence[int] = (1, 28, 28),
        latent: int = 100,
        width: int = 64,
        game: str = "non-saturating",
        **options,
    ):
        nets = generator(event_shape, latent, width), discriminator(event_shape, width)
        super().__init__(event_shape, latent, *nets, game, hidden=1, **options)  # hidden is no option here
