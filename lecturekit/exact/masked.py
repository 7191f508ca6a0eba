"""Masked convolutions: maps that look only at pixels that come earlier.

[1] van den Oord, Kalchbrenner, Kavukcuoglu (2016). Pixel Recurrent Neural Networks. arXiv:1601.06759

The features of a map fall into as many groups as the image has channels, in their order. At the centre of the kernel, group g
of the output may look at the input's groups

    mask A    before g            where the input is the image: a channel must not see itself
    mask B    up to g             in every later layer: its groups know only what they may

Every map here is computed in two ways: for the whole image at once, or at one pixel, from what a Cache holds of its past.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lecturekit import checks


class Cache(dict):
    """The inputs of every convolution, as far as an image is drawn, and its weights laid out for single pixels.

    >>> cache = Cache(n=5, height=4, width=3)
    >>> cache.map("states", 2, torch.zeros(()), above=1, beside=1).shape
    torch.Size([5, 5, 5, 2])
    """

    def __init__(self, n: int, height: int, width: int):
        super().__init__()
        self.n, self.height, self.width = n, height, width

    def map(self, key, features: int, like: Tensor, above: int = 0, beside: int = 0) -> Tensor:
        """(n, above + H, W + 2 beside, features), zeros at first; the pixel (i, j) stands at (above + i, beside + j)."""
        if key not in self:
            self[key] = like.new_zeros(self.n, above + self.height, self.width + 2 * beside, features)
        return self[key]


def groups(features: int, channels: int) -> Tensor:
    """The group of each of `features` features, 0 to channels - 1: as equal as can be, in the order of the channels.

    >>> groups(6, channels=3)
    tensor([0, 0, 1, 1, 2, 2])
    """
    features = checks.whole(checks.whole(channels=channels), features=features)
    return torch.arange(features) * channels // features


def centre_mask(kind: str, inward: Tensor, outward: Tensor) -> Tensor:
    """(outward, inward) of bool: which input feature an output feature may see at its own pixel, from their groups.

    >>> three = groups(3, channels=3)
    >>> centre_mask("A", three, three).int()  # green sees red, blue sees red and green
    tensor([[0, 0, 0],
            [1, 0, 0],
            [1, 1, 0]], dtype=torch.int32)
    """
    checks.one_of(("A", "B"), kind=kind)
    return outward[:, None] > inward if kind == "A" else outward[:, None] >= inward


def shifted(x: Tensor, label: Tensor | None) -> Tensor:
    """Features plus what the label adds to them, the same everywhere.

    >>> shifted(torch.zeros(1, 2, 1, 3), torch.tensor([[5.0, 7.0]]))
    tensor([[[[5., 5., 5.]],
    <BLANKLINE>
             [[7., 7., 7.]]]])
    """
    return x if label is None else x + label.reshape(*label.shape, *[1] * (x.ndim - 2))


class MaskedConv2d(nn.Module):
    """A convolution with a kernel (rows, columns) whose last row is the present one; what it must not see is cut or masked.

    kind: "A" or "B": no pixel to the right in the present row, and the centre masked by the groups. None: the whole kernel,
        for maps that look only at rows above anyway. "above": the kernel ends with the row above.
    inward, outward: the groups of the features, as `groups` gives them.

    >>> one = groups(1, channels=1)
    >>> MaskedConv2d("A", one, one, (2, 3)).mask[0, 0]
    tensor([[1., 1., 1.],
            [1., 0., 0.]])
    >>> MaskedConv2d("B", one, one, (2, 3)).mask[0, 0]
    tensor([[1., 1., 1.],
            [1., 1., 0.]])
    """

    def __init__(self, kind: str | None, inward: Tensor, outward: Tensor, size: tuple[int, int] = (1, 1)):
        super().__init__()
        rows, columns = checks.wholes(size=size)
        kind = None if kind is None else checks.one_of(("A", "B", "above"), kind=kind)
        if columns % 2 == 0:
            raise ValueError(f"a masked convolution has a centre: its kernel needs an odd width, not {columns}")
        self.above, self.beside, self.lag = rows - 1 + (kind == "above"), columns // 2, int(kind == "above")
        mask = torch.ones(len(outward), len(inward), rows, columns)
        if kind in ("A", "B"):
            mask[:, :, -1, self.beside] = centre_mask(kind, inward, outward).float()
            mask[:, :, -1, self.beside + 1 :] = 0
        self.register_buffer("mask", mask, persistent=False)
        self.weight, self.bias = nn.Parameter(torch.empty_like(mask)), nn.Parameter(torch.zeros(len(outward)))
        with torch.no_grad():  # uniform with variance 1 / n, where n is how many inputs the mask leaves to an output
            seen = mask.sum((1, 2, 3), keepdim=True).clamp(min=1)
            self.weight.uniform_(-1, 1).mul_((3 / seen).sqrt())

    def forward(self, x: Tensor) -> Tensor:
        """(B, F, H, W) -> (B, F', H, W)."""
        if self.above or self.beside:
            # rows above and columns beside; with a lag the last row is not looked at
            x = F.pad(x[:, :, : x.shape[2] - self.lag], (self.beside, self.beside, self.above, 0))
        return F.conv2d(x, self.weight * self.mask, self.bias)

    def past(self, cache: Cache) -> Tensor:
        """The inputs noted so far, (n, above + H, W + 2 beside, F), made when first asked for."""
        return cache.map(self, self.weight.shape[1], self.weight, self.above, self.beside)

    def store(self, value: Tensor, i: int, j: int | slice, cache: Cache) -> None:
        """Note the input at the pixel (i, j), (n, F), or with j a slice of the row i, (n, pixels, F)."""
        self.past(cache)[:, self.above + i, self.beside : self.beside + cache.width][:, j] = value

    def patch(self, i: int, j: int, cache: Cache) -> Tensor:
        """(n, F') at the pixel (i, j), from the inputs noted so far."""
        rows, columns = self.weight.shape[2:]
        window = self.past(cache)[:, i : i + rows, j : j + columns]
        return F.linear(window.flatten(1), self.matrix(cache), self.bias)

    def row(self, i: int, cache: Cache) -> Tensor:
        """(n, F', 1, W): the row i at once, from the inputs noted so far."""
        strip = self.past(cache)[:, i : i + self.weight.shape[2]].permute(0, 3, 1, 2)
        return F.conv2d(strip, self.weight * self.mask, self.bias)

    def pixel(self, value: Tensor, i: int, j: int, cache: Cache) -> Tensor:
        """(n, F) -> (n, F'): the next input arrives, at (i, j), and the map is computed there."""
        if not self.above and not self.beside:
            return F.linear(value, self.matrix(cache), self.bias)
        self.store(value, i, j, cache)
        return self.patch(i, j, cache)

    def matrix(self, cache: Cache) -> Tensor:
        """The masked kernel as a matrix (F', rows columns F), made once for each cache."""
        key = (self, "matrix")
        if key not in cache:
            cache[key] = (self.weight * self.mask).permute(0, 2, 3, 1).flatten(1)
        return cache[key]
