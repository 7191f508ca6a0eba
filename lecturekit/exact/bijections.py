"""Bijections: maps that can be undone, and that know by how much they stretch volume. Flows are chains of them.

[1] Dinh, Krueger, Bengio (2014). NICE: Non-linear Independent Components Estimation. arXiv:1410.8516
[2] Dinh, Sohl-Dickstein, Bengio (2017). Density Estimation Using Real NVP. arXiv:1605.08803
[3] Kingma, Dhariwal (2018). Glow: Generative Flow with Invertible 1x1 Convolutions. arXiv:1807.03039

    forward(x) -> (z, log_det)   from data to noise; log_det = log |det dz/dx| of each item, (B,), in nats
    inverse(z) -> x              back again
    start(x) -> z                set what depends on the data, x being the first batch as it arrives here; go forward

x is (B, D) or (B, C, H, W). Its components along dimension 1 are called channels, all that comes after it places. All three
take labels y (B,) as well, which only an Affine with classes reads.

    in [1], [2], [3]                             here
    (general) coupling layer                     Coupling, in coupling.py
    diagonal scaling S of [1]                    Affine
    actnorm                                      ActNorm
    invertible 1x1 convolution, W = P L U        InvertibleConvolution
    squeezing; factoring out                     Squeeze; Split
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from lecturekit import checks


class Bijection(nn.Module):
    """The base of all: a subclass gives forward and inverse.

    >>> class Double(Bijection):
    ...     def forward(self, x, y=None):
    ...         return 2 * x, torch.full((len(x),), math.log(2) * x[0].numel())
    ...
    ...     def inverse(self, z, y=None):
    ...         return z / 2
    >>> z, log_det = Double()(torch.ones(1, 3))
    >>> z, log_det  # 3 log 2
    (tensor([[2., 2., 2.]]), tensor([2.0794]))
    """

    def forward(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Float[Tensor, " batch"]]:
        """x -> z and log |det dz/dx|, (B,), in nats."""
        raise NotImplementedError

    def inverse(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """z -> x."""
        raise NotImplementedError

    def start(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Set what depends on the data from the first batch x; returns z."""
        return self(x, y)[0]


class Chain(Bijection):
    """One after another: the determinant of a product is the product of the determinants.

    >>> chain, x = Chain(Affine(3), Permutation([2, 0, 1]), Affine(3)), torch.randn(4, 3)
    >>> chain.parts[0].log_scale.data[:], chain.parts[2].log_scale.data[:] = 1.0, 2.0
    >>> z, log_det = chain(x)
    >>> log_det.detach(), torch.allclose(chain.inverse(z), x, atol=1e-5)
    (tensor([9., 9., 9., 9.]), True)
    """

    def __init__(self, *parts: Bijection):
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Float[Tensor, " batch"]]:
        log_det = x.new_zeros(len(x))
        for part in self.parts:
            x, term = part(x, y)
            log_det = log_det + term
        return x, log_det

    def inverse(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        for part in reversed(self.parts):
            z = part.inverse(z, y)
        return z

    def start(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        for part in self.parts:
            x = part.start(x, y)
        return x


def per_item(x: Tensor) -> Float[Tensor, " batch"]:
    """The sum over all but the first dimension.

    >>> per_item(torch.ones(2, 3, 4))
    tensor([12., 12.])
    """
    return x.sum(tuple(range(1, x.ndim))) if x.ndim > 1 else x


def positions(x: Tensor) -> int:
    """How often a channel's parameter is used for one item: H * W times in an image, once in a vector.

    >>> positions(torch.zeros(5, 3, 8, 8)), positions(torch.zeros(5, 3))
    (64, 1)
    """
    return math.prod(x.shape[2:])


def pointwise(matrix: Tensor, x: Tensor, offset: Tensor | None = None) -> Tensor:
    """matrix x + offset over the channels.

    >>> exchange = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    >>> pointwise(exchange, torch.tensor([[3.0, 7.0]]))
    tensor([[7., 3.]])
    """
    checks.sized("batch", matrix.shape[1], ..., x=x)
    return F.linear(x.movedim(1, -1), matrix, offset).movedim(-1, 1)


class Affine(Bijection):
    """z = exp(log_scale) * x + shift with a scale and a shift for each channel, and, if there are classes, for each of them.

    >>> affine = Affine(2).requires_grad_(False)
    >>> affine.log_scale[:], affine.shift[:] = math.log(3), torch.tensor([0.0, 1.0])
    >>> z, log_det = affine(torch.ones(1, 2))
    >>> z.round(decimals=3), log_det  # and log 9
    (tensor([[3., 4.]]), tensor([2.1972]))
    """

    def __init__(self, channels: int, classes: int | None = None):
        super().__init__()
        channels, self.classes = checks.whole(channels=channels), checks.whole(0, classes=classes or 0) or None
        shape = (channels,) if self.classes is None else (self.classes, channels)
        self.log_scale, self.shift = nn.Parameter(torch.zeros(shape)), nn.Parameter(torch.zeros(shape))

    def _of(self, x: Tensor, y: Tensor | None) -> list[Tensor]:
        """log_scale and shift, (1 or B, C, 1, ...)."""
        checks.sized("batch", self.shift.shape[-1], ..., x=x)
        y = None if self.classes is None else checks.labels(y, self.classes, len(x))
        both = (self.log_scale, self.shift) if self.classes is None else (self.log_scale[y], self.shift[y])
        return [t.reshape(-1, x.shape[1], *[1] * (x.ndim - 2)) for t in both]

    def forward(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Float[Tensor, " batch"]]:
        log_scale, shift = self._of(x, y)
        return torch.addcmul(shift, x, log_scale.exp()), (positions(x) * per_item(log_scale)).expand(len(x))

    def inverse(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        log_scale, shift = self._of(z, y)
        return (z - shift) * torch.exp(-log_scale)


class ActNorm(Affine):
    """An Affine under which every channel of the first batch has mean 0 and deviation 1 [3, section 3.1].

    >>> norm, x = ActNorm(2), 5 + 3 * torch.randn(100, 2)
    >>> with torch.no_grad():
    ...     z = norm.start(x)
    >>> torch.allclose(z.mean(0), torch.zeros(2), atol=1e-5), torch.allclose(z.std(0, correction=0), torch.ones(2))
    (True, True)
    """

    def start(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Set scale and shift by the channels' means and deviations in x (what is constant is only shifted); returns z."""
        deviation, mean = torch.std_mean(x.transpose(0, 1).flatten(1), dim=1, correction=0)
        self.log_scale.copy_(-torch.where(deviation > 1e-6 * mean.abs(), deviation, 1).log())
        self.shift.copy_(-mean * self.log_scale.exp())
        return self(x, y)[0]


class InvertibleConvolution(Bijection):
    """A C x C matrix that mixes the channels at every place [3, section 3.2], at first a random rotation.

    lu: W = P L (U + diag(s)), P and the signs of s fixed. `weight` then holds L below the diagonal (1 on it), U above, and
        log |s| on it, so that log |det W| is a sum. Otherwise `weight` is W, and each step needs its determinant.

    >>> convolution, x = InvertibleConvolution(4), torch.randn(2, 4, 8, 8)
    >>> z, log_det = convolution(x)
    >>> torch.allclose(log_det, torch.zeros(2), atol=1e-4), torch.allclose(convolution.inverse(z), x, atol=1e-4)
    (True, True)
    """

    def __init__(self, channels: int, lu: bool = True):
        super().__init__()
        channels = checks.whole(channels=channels)
        if lu not in (True, False):
            raise ValueError(f"lu must be True or False, not {lu!r}")
        self.lu, weight = lu, torch.linalg.qr(torch.randn(channels, channels)).Q
        if lu:
            permutation, lower, upper = torch.linalg.lu(weight)
            self.register_buffer("permutation", permutation.contiguous())
            self.register_buffer("sign", upper.diagonal().sign())
            weight = lower.tril(-1) + upper.triu(1) + upper.diagonal().abs().log().diag()
        self.weight = nn.Parameter(weight.contiguous())

    def matrix(self) -> Float[Tensor, "channels channels"]:
        """W."""
        if not self.lu:
            return self.weight
        lower = self.weight.tril(-1).fill_diagonal_(1)
        upper = self.weight.triu(1) + (self.sign * self.weight.diagonal().exp()).diag()
        return self.permutation @ lower @ upper

    def log_det_of_matrix(self) -> Float[Tensor, ""]:
        """log |det W|."""
        return self.weight.diagonal().sum() if self.lu else torch.linalg.slogdet(self.weight).logabsdet

    # Rounded to bfloat16, the matrix would not be the one whose determinant is counted: hence no autocast.
    def forward(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Float[Tensor, " batch"]]:
        with torch.autocast(x.device.type, enabled=False):
            return pointwise(self.matrix(), x), (positions(x) * self.log_det_of_matrix()).expand(len(x))

    def inverse(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        with torch.autocast(z.device.type, enabled=False):
            return pointwise(torch.linalg.inv(self.matrix()), z)


class NormalizedConvolution(Chain):
    """An ActNorm and an InvertibleConvolution in one product: W (s * x + b) = (W diag(s)) x + W b.

    >>> step, x = NormalizedConvolution(4), torch.randn(2, 4, 8, 8)
    >>> norm, convolution = step.parts
    >>> torch.allclose(step(x)[0], convolution(norm(x)[0])[0], atol=1e-5)
    True
    """

    def __init__(self, channels: int, lu: bool = True):
        super().__init__(ActNorm(channels), InvertibleConvolution(channels, lu))

    def forward(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Float[Tensor, " batch"]]:
        norm, convolution = self.parts
        with torch.autocast(x.device.type, enabled=False):
            matrix = convolution.matrix()
            log_det = positions(x) * (norm.log_scale.sum() + convolution.log_det_of_matrix())
            z = pointwise(matrix * norm.log_scale.exp(), x, matrix @ norm.shift)
            return z, log_det.expand(len(x))


class Rearrangement(Bijection):
    """The base of what moves components about and changes none: log_det is 0.

    >>> class Reverse(Rearrangement):
    ...     def rearrange(self, x):
    ...         return x.flip(1)
    >>> Reverse()(torch.tensor([[1.0, 2.0, 3.0]]))
    (tensor([[3., 2., 1.]]), tensor([0.]))
    """

    def forward(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Float[Tensor, " batch"]]:
        return self.rearrange(x), x.new_zeros(len(x))

    def rearrange(self, x: Tensor) -> Tensor:
        """x -> z."""
        raise NotImplementedError


class Permutation(Rearrangement):
    """Channel i of z is channel order[i] of x.

    >>> Permutation([2, 0, 1])(torch.tensor([[10.0, 11.0, 12.0]]))[0]
    tensor([[12., 10., 11.]])
    """

    def __init__(self, order: Sequence[int] | Tensor):
        super().__init__()
        order = checks.wholes(0, order=order.tolist() if isinstance(order, Tensor) else order)
        if sorted(order) != list(range(len(order))):
            raise ValueError(f"order must be a permutation of 0 to {len(order) - 1}, not {order}")
        self.register_buffer("order", torch.tensor(order))

    def rearrange(self, x: Tensor) -> Tensor:
        return checks.sized("batch", len(self.order), ..., x=x)[:, self.order]

    def inverse(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return checks.sized("batch", len(self.order), ..., z=z)[:, self.order.argsort()]


class Squeeze(Rearrangement):
    """(C, H, W) -> (4 C, H/2, W/2): channel 4 c + 2 i + j has row i and column j of channel c's 2 x 2 squares [2].

    >>> Squeeze().rearrange(torch.arange(16).view(1, 1, 4, 4))[0, :, 0, 0]  # the four pixels of the first square
    tensor([0, 1, 4, 5])
    """

    # Channels-last memory, in which convolutions and products over the channels run faster, stays until the end.
    def rearrange(self, x: Tensor) -> Tensor:
        z = F.pixel_unshuffle(x, 2) if len(x) else x.reshape(0, 4 * x.shape[1], x.shape[2] // 2, x.shape[3] // 2)
        return z.contiguous(memory_format=torch.channels_last)

    def inverse(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return F.pixel_shuffle(z, 2)


def maps(z: Tensor, shape: Sequence[int]) -> Tensor:
    """(B, D) -> (B, *shape).

    >>> maps(torch.zeros(5, 12), (3, 2, 2)).shape
    torch.Size([5, 3, 2, 2])
    """
    x = checks.sized("batch", math.prod(shape), z=z).reshape(len(z), *shape)
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


class Flatten(Rearrangement):
    """(B, *shape) -> (B, D).

    >>> flatten = Flatten((3, 2, 2))
    >>> z, log_det = flatten(torch.zeros(5, 3, 2, 2))
    >>> z.shape, flatten.inverse(z).shape
    (torch.Size([5, 12]), torch.Size([5, 3, 2, 2]))
    """

    def __init__(self, shape: Sequence[int]):
        super().__init__()
        self.shape = checks.wholes(shape=shape)

    def rearrange(self, x: Tensor) -> Tensor:
        return checks.sized("batch", *self.shape, x=x).flatten(1)

    def inverse(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return maps(z, self.shape)


class Split(Bijection):
    """Half of the channels is done with, the first half goes on: the multi-scale architecture [2].

    shape: of an item's second half, which is flattened. rest: a bijection of the first half to (B, D'), which comes first in z.

    >>> split, x = Split((2, 3, 3), rest=Flatten((2, 3, 3))), torch.arange(36.0).view(1, 4, 3, 3)
    >>> z, log_det = split(x)
    >>> z.shape, torch.equal(split.inverse(z), x)
    (torch.Size([1, 36]), True)
    """

    def __init__(self, shape: Sequence[int], rest: Bijection):
        super().__init__()
        self.shape, self.rest = checks.wholes(shape=shape), rest

    def forward(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Float[Tensor, " batch"]]:
        first, second = checks.sized("batch", 2 * self.shape[0], *self.shape[1:], x=x).chunk(2, dim=1)
        z, log_det = self.rest(first, y)
        return torch.cat([z, second.flatten(1)], dim=1), log_det

    def inverse(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        done = math.prod(self.shape)
        return torch.cat([self.rest.inverse(z[:, :-done], y), maps(z[:, -done:], self.shape)], dim=1)

    def start(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        first, second = x.chunk(2, dim=1)
        return torch.cat([self.rest.start(first, y), second.flatten(1)], dim=1)
