"""The gated PixelCNN: a vertical and a horizontal stack of masked convolutions, which together have no blind spot.

[1] van den Oord, Kalchbrenner, Vinyals, Espeholt, Graves, Kavukcuoglu (2016). Conditional Image Generation with PixelCNN
    Decoders. arXiv:1606.05328

    symbol in [1]            here
    y = tanh(.) sigmoid(.)   gated(x)                       eq. 2
    V_f^T h, V_g^T h         label, one part for each layer, shifted into its gates; eq. 4
    figure 2                 GatedLayer: vertical, across, horizontal, out

`PixelRNN(kind="gated-pixelcnn")` is the model.
"""

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from lecturekit.exact.masked import Cache, MaskedConv2d, groups, shifted


class GatedLayer(nn.Module):
    """A layer of the gated PixelCNN [1, figure 2]: a vertical map that sees all rows above, and a horizontal one that reads it.

    Together they have no blind spot. Except in the first layer, what comes out is added to the horizontal input.
    """

    def __init__(self, width: int, channels: int, first: bool):
        super().__init__()
        wide, self.first = groups(width, channels), first
        inward, rows, columns = (groups(channels, channels), 3, 7) if first else (wide, 2, 3)
        twice = wide.repeat(2)
        self.vertical = MaskedConv2d("above" if first else None, inward, twice, (rows, columns))
        self.horizontal = MaskedConv2d("A" if first else "B", inward, twice, (1, columns))
        self.across = MaskedConv2d(None, twice, twice)
        self.out = MaskedConv2d("B", wide, wide)

    def forward(self, above: Tensor, x: Tensor, label: Tensor | None) -> tuple[Tensor, Tensor]:
        """(B, F, H, W) each: the vertical map, which sees rows above, and the horizontal one; returns both."""
        seen = self.vertical(above)
        out = self.out(gated(shifted(self.horizontal(x) + self.across(seen), label)))
        return gated(shifted(seen, label)), out if self.first else x + out

    def row(self, above: Tensor | None, i: int, cache: Cache, label: Tensor | None) -> Tensor:
        """The vertical map of a whole row, (n, width, 1, W), which looks only at rows above."""
        if above is not None:
            self.vertical.store(above[:, :, 0].mT, i, slice(None), cache)
        seen = self.vertical.row(i, cache)
        cache[self] = self.across(seen)[:, :, 0]
        return gated(shifted(seen, label))

    def pixel(self, x: Tensor | None, i: int, j: int, cache: Cache, label: Tensor | None) -> Tensor:
        """The horizontal map at (i, j), (n, F), whose row the vertical map has computed."""
        look = self.horizontal.patch if self.first else partial(self.horizontal.pixel, x)
        out = self.out.pixel(gated(shifted(look(i, j, cache) + cache[self][:, :, j], label)), i, j, cache)
        return out if self.first else x + out


def gated(x: Tensor) -> Tensor:
    """tanh of one half of the features times the sigmoid of the other [1, eq. 2].

    >>> gated(torch.tensor([[100.0, 0.0]]))  # tanh 1, sigmoid 1/2
    tensor([[0.5000]])
    """
    a, b = x.unflatten(1, (2, -1)).unbind(1)
    return a.tanh() * b.sigmoid()


class GatedStack(nn.Module):
    """Gated layers; a label shifts the gates of every one of them."""

    def __init__(self, layers: int, hidden: int, channels: int):
        super().__init__()
        self.layers = nn.ModuleList(GatedLayer(2 * hidden, channels, i == 0) for i in range(layers + 1))
        self.label_width = 4 * hidden * len(self.layers)

    def shifts(self, label: Tensor | None) -> Sequence[Tensor | None]:
        """Each layer's part of the label's features (n, label_width), or None for each."""
        return [None] * len(self.layers) if label is None else label.chunk(len(self.layers), dim=1)

    def forward(self, image: Tensor, label: Tensor | None) -> Tensor:
        """(B, C, H, W) -> (B, 2 h, H, W)."""
        above = x = image
        for layer, shift in zip(self.layers, self.shifts(label), strict=True):
            above, x = layer(above, x, shift)
        return x

    def store(self, value: Tensor, i: int, j: int, cache: Cache) -> None:
        """Note the pixel (i, j), (n, C), for the first layer."""
        self.layers[0].vertical.store(value, i, j, cache)
        self.layers[0].horizontal.store(value, i, j, cache)

    def row(self, i: int, cache: Cache, image: Tensor, label: Tensor | None) -> None:
        """The vertical maps of row i, before its first pixel is drawn."""
        above = None  # the first layer looks at the pixels, which it remembers
        for layer, shift in zip(self.layers, self.shifts(label), strict=True):
            above = layer.row(above, i, cache, shift)

    def pixel(self, i: int, j: int, cache: Cache, label: Tensor | None) -> Tensor:
        """(n, 2 h) at the pixel (i, j)."""
        x = None
        for layer, shift in zip(self.layers, self.shifts(label), strict=True):
            x = layer.pixel(x, i, j, cache, shift)
        return x
