"""Named networks that turn images into features, on which samples are compared: `network("digits-and-clothes-1")`.

A distance between features means nothing without the network that made them, so a network has a name, and a name is one
set of weights for ever: ours is checked by its sha256 when it is loaded.

    digits-and-clothes-1   our own small classifier of MNIST's digits and Fashion-MNIST's clothes: 128 features, 20
                           classes (0 .. 9 digits, 10 .. 19 clothes, in Fashion-MNIST's order). It lies in the package;
                           benchmarks/feature_network.py trained it, and what it reads correctly stands in
                           benchmarks/results/feature_network.json
    inception-v3           the network of [1] and [2] as torch-fidelity ports it: 2048 features, 1008 logits without
                           bias. Needs that package (pip install torch-fidelity), which downloads the weights and
                           unpickles them

[1] Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen (2016). Improved Techniques for Training GANs. arXiv:1606.03498
[2] Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter (2017). GANs Trained by a Two Time-Scale Update Rule Converge to
    a Local Nash Equilibrium. arXiv:1706.08500
"""

import hashlib
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn import functional as F

from lecturekit import checks
from lecturekit.model import evaluating

# One name, one file beside this one, one digest. A network that is trained anew gets a new name.
OURS = {"digits-and-clothes-1": "0ef7dcf8bca2f4f7b40185750cd56b385320fb0c20d799a69eb7636a95236525"}
AT_ONCE = 128  # images that go through a network together


class FeatureNetwork(nn.Module):
    """A network with a `name`: called on images (B, C, H, W) in [0, 1], it gives features (B, d) and logits (B, K).

    C is 1 or 3. It looks without gradients, in eval mode, in float32, in batches of its own and on its own device, so
    that neither the number of images nor their order changes what it says of each. What comes back is on the CPU.

    >>> net = network("digits-and-clothes-1")
    >>> features, logits = net(torch.rand(3, 1, 28, 28))
    >>> net.name, features.shape, logits.shape
    ('digits-and-clothes-1', torch.Size([3, 128]), torch.Size([3, 20]))
    """

    name: str

    def compute(self, images: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b k"]]:
        """The features and logits of one batch, on the network's device; with gradients, where they are enabled."""
        raise NotImplementedError(f"{type(self).__name__} must override compute")

    def forward(self, images: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b k"]]:
        """Raises ValueError for what are no images in [0, 1]."""
        check(images)
        # TensorFloat-32, the default of convolutions on a GPU, would change features in their third digit
        with evaluating(self) as device, torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            found = [self.compute(some.to(device, torch.float32)) for some in images.split(AT_ONCE)]
        features, logits = (torch.cat(parts).cpu() for parts in zip(*found))
        return features, logits


def check(images: Tensor) -> None:
    """ValueError that says what to do, unless these are images (B, C, H, W) with numbers in [0, 1].

    >>> check(torch.rand(3, 1, 28, 28))
    >>> check(torch.randint(256, (3, 1, 28, 28)))
    Traceback (most recent call last):
        ...
    ValueError: images are floating-point numbers in [0, 1], not torch.int64; of bytes: x / 255
    """
    if checks.tensor(images=images).ndim != 4 or images.shape[1] not in (1, 3) or len(images) == 0:
        raise ValueError(
            f"images have shape (B, C, H, W) with C = 1 or 3 and B at least 1, not {tuple(images.shape)}; of rows of "
            "pixels: x.reshape(-1, 1, 28, 28)"
        )
    if not images.is_floating_point():
        raise ValueError(f"images are floating-point numbers in [0, 1], not {images.dtype}; of bytes: x / 255")
    low, high = (bound.item() for bound in images.aminmax())
    if not (low >= 0 and high <= 1):  # nor is nan in [0, 1]
        raise ValueError(
            f"images are numbers in [0, 1], and these go from {low:.4g} to {high:.4g}; of signed images in [-1, 1]: "
            "(x + 1) / 2; of logits: x.sigmoid(); of draws from a Gaussian around pixels: x.clamp(0, 1)"
        )


def stage(before: int, after: int, *, pool: bool = False, stride: int = 1) -> list[nn.Module]:
    """A convolution 3 x 3, its norm and a ReLU; `stride` or `pool` halves the sides.

    >>> nn.Sequential(*stage(1, 8, pool=True))(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 8, 14, 14])
    """
    layers = [nn.Conv2d(before, after, 3, stride, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    return [*layers, nn.MaxPool2d(2)] if pool else layers


class DigitsAndClothes(FeatureNetwork):
    """Four convolutions, 28 x 28 to 4 x 4, then means over the image: 128 features >= 0; a linear layer to 20 logits.

    Colours are made grey by luminance (0.299 R + 0.587 G + 0.114 B), and other sizes are scaled to 28 x 28, bilinear
    and antialiased. It knows light on dark, as in both its data sets. As made here its weights are random, and it has
    no name.

    >>> features, logits = DigitsAndClothes().eval().compute(torch.rand(2, 3, 32, 32))
    >>> features.shape, logits.shape
    (torch.Size([2, 128]), torch.Size([2, 20]))
    """

    name = "unnamed"

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            *stage(1, 24, pool=True),
            *stage(24, 48, pool=True),
            *stage(48, 64),
            *stage(64, 128, stride=2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Linear(128, 20)

    def compute(self, images: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b 128"], Float[Tensor, "b 20"]]:
        if images.shape[1] == 3:
            images = torch.einsum("bchw,c->bhw", images, images.new_tensor([0.299, 0.587, 0.114]))[:, None]
        if images.shape[2:] != (28, 28):
            images = F.interpolate(images, (28, 28), mode="bilinear", antialias=True)
        features = self.body(images)
        return features, self.head(features)


class InceptionV3(FeatureNetwork):
    """torch-fidelity's InceptionV3: bytes, three colours, scaled to 299 x 299 as TensorFlow 1 does."""

    name = "inception-v3"

    def __init__(self):
        super().__init__()
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except ImportError as error:
            raise ImportError(
                "the network 'inception-v3' needs the package torch-fidelity: pip install torch-fidelity; "
                f"without it there is {', '.join(OURS)}"
            ) from error
        try:
            self.net = FeatureExtractorInceptionV3(self.name, ["2048", "logits_unbiased"])
        except OSError as error:
            raise OSError(
                f"the weights of 'inception-v3' could not be downloaded ({error}); once they are, no connection is "
                f"needed. Offline there is {', '.join(OURS)}"
            ) from error

    def compute(self, images: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b 2048"], Float[Tensor, "b 1008"]]:
        return self.net((images * 255).round().to(torch.uint8).expand(-1, 3, -1, -1))


def network(name: str) -> FeatureNetwork:
    """The network of this name, on the CPU.

    Raises ValueError for an unknown name, ImportError or OSError where what it needs cannot be had.

    >>> net, images = network("digits-and-clothes-1"), torch.rand(5, 1, 28, 28)
    >>> torch.allclose(net(images)[0][3:], net(images[3:])[0], atol=1e-5)  # what it finds in one depends on no other
    True
    """
    if name == InceptionV3.name:
        return InceptionV3()
    if not isinstance(name, str) or name not in OURS:
        raise checks.unknown("feature network", name, [*OURS, InceptionV3.name])
    packed = Path(__file__).with_name(f"{name}.safetensors").read_bytes()
    if hashlib.sha256(packed).hexdigest() != OURS[name]:
        raise OSError(f"{name}.safetensors is not the file that has this name: install the package again")
    net = DigitsAndClothes()
    net.load_state_dict(load(packed))  # from float16 into float32
    net.name = name
    return net.eval().requires_grad_(False)
