"""PixelRNN and PixelCNN: an image's probability as a product over its pixels, each given all that come before it.

[1] van den Oord, Kalchbrenner, Kavukcuoglu (2016). Pixel Recurrent Neural Networks. arXiv:1601.06759
[2] van den Oord, Kalchbrenner, Vinyals, Espeholt, Graves, Kavukcuoglu (2016). Conditional Image Generation with PixelCNN
    Decoders. arXiv:1606.05328 (gated_pixelcnn.py)

    symbol in [1]                       here
    p(x) = prod_i p(x_i | x_<i)         log_prob(x); eq. 1 and, channel by channel, eq. 2
    p(x_i | x_<i)                       logits(x)[:, c, i, j], a softmax over the levels
    h                                   hidden; the maps between the blocks have 2 h features
    mask A, mask B                      MaskedConv2d, in masked.py
    K_is, K_ss; eq. 3                   LSTM: input_to_state, weight; scan.py
    residual blocks, figure 5           Residual, RowLSTM, DiagonalBiLSTM
"""

import itertools
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn
from torch.nn import functional as F

from lecturekit import checks, nets
from lecturekit.exact.gated_pixelcnn import GatedStack
from lecturekit.exact.masked import Cache, MaskedConv2d, groups, shifted
from lecturekit.exact.scan import FROM_LEFT, FROM_RIGHT, ROWS, Sweep, cell, scan
from lecturekit.model import Batch, GenerativeModel, Terms


class Block(nn.Module):
    """A map of 2 h features to another, as a whole (forward) or pixel by pixel. Some also read the image."""

    def forward(self, x: Tensor, image: Tensor) -> Tensor:
        """(B, 2 h, H, W) -> the same; image: (B, C, H, W), scaled."""
        raise NotImplementedError

    def pixel(self, x: Tensor, i: int, j: int, cache: Cache) -> Tensor:
        """(n, 2 h) -> (n, 2 h): the next input arrives, at (i, j)."""
        raise NotImplementedError

    def row(self, i: int, cache: Cache, image: Tensor) -> None:
        """Called before the first pixel of row i is drawn; what a block can do for a whole row is done here."""


class Residual(Block):
    """A block of the PixelCNN: 2h -> h -> (3 x 3) h -> 2h, each after a ReLU, added to its input."""

    def __init__(self, hidden: int, channels: int):
        super().__init__()
        wide, narrow = groups(2 * hidden, channels), groups(hidden, channels)
        sizes = (wide, narrow, (1, 1)), (narrow, narrow, (2, 3)), (narrow, wide, (1, 1))
        self.layers = nn.ModuleList(MaskedConv2d("B", a, b, size) for a, b, size in sizes)

    def forward(self, x: Tensor, image: Tensor) -> Tensor:
        out = x
        for layer in self.layers:
            out = layer(F.relu(out))
        return x + out

    def pixel(self, x: Tensor, i: int, j: int, cache: Cache) -> Tensor:
        out = x
        for layer in self.layers:
            out = layer.pixel(F.relu(out), i, j, cache)
        return x + out


class LSTM(nn.Module):
    """A convolutional LSTM [1, eq. 3]: gates from a masked convolution, and from the states that a sweep has left behind."""

    def __init__(self, inward: Tensor, narrow: Tensor, size: tuple[int, int], sweep: Sweep):
        super().__init__()
        self.input_to_state, self.sweep = MaskedConv2d("B", inward, narrow.repeat(4), size), sweep
        hidden, neighbours = len(narrow), len(sweep.neighbours)
        self.weight = nn.Parameter(torch.empty(neighbours, hidden, 4 * hidden).uniform_(-1, 1) / hidden**0.5)

    def forward(self, x: Tensor) -> Tensor:
        return scan(nets.full_precision(self.input_to_state(x)), self.weight, self.sweep)

    def pixel(self, x: Tensor, i: int, j: int, cache: Cache) -> Tensor:
        h, c = (cache.map((self, name), self.weight.shape[1], x, 1, 1) for name in "hc")
        around = [(i + 1 + a, j + 1 + b) for a, b in self.sweep.neighbours]  # the maps have a border of one
        seen = torch.cat([h[:, a, b] for a, b in around], dim=1)
        gates = self.input_to_state.pixel(x, i, j, cache) + seen @ self.weight.flatten(0, 1)
        a, b = around[self.sweep.memory]
        h[:, i + 1, j + 1], c[:, i + 1, j + 1] = cell(gates, c[:, a, b])
        return h[:, i + 1, j + 1]


class RowLSTM(Block):
    """A block whose states run down the image, a row at a time: a pixel sees the three above it [1, section 3.1]."""

    def __init__(self, hidden: int, channels: int):
        super().__init__()
        wide, narrow = groups(2 * hidden, channels), groups(hidden, channels)
        self.down, self.up = LSTM(wide, narrow, (1, 3), ROWS), MaskedConv2d("B", narrow, wide)

    def forward(self, x: Tensor, image: Tensor) -> Tensor:
        return x + self.up(self.down(x))

    def pixel(self, x: Tensor, i: int, j: int, cache: Cache) -> Tensor:
        return x + self.up.pixel(self.down.pixel(x, i, j, cache), i, j, cache)


class DiagonalBiLSTM(Block):
    """A block of two sweeps along diagonals, from the top left and from the top right [1, section 3.2].

    The second sees its own row to the right, which is yet to come: its map is moved down by one row before it is added.

    first: in the first block the second sweep also sees the pixels themselves, as by mask B, which the move makes safe. By
        mask A alone, the last pixel of a row would be known only to the few pixels under it.
    """

    def __init__(self, hidden: int, channels: int, first: bool):
        super().__init__()
        wide, narrow = groups(2 * hidden, channels), groups(hidden, channels)
        self.left, self.right = (LSTM(wide, narrow, (1, 1), sweep) for sweep in (FROM_LEFT, FROM_RIGHT))
        self.centre = nn.Conv2d(channels, 2 * hidden, 1, bias=False) if first else None
        self.up = MaskedConv2d("B", narrow, wide)

    def forward(self, x: Tensor, image: Tensor) -> Tensor:
        right = self.right(x if self.centre is None else x + self.centre(image))
        right = F.pad(right[:, :, :-1], (0, 0, 1, 0))  # down by one row
        return x + self.up(self.left(x) + right)

    def pixel(self, x: Tensor, i: int, j: int, cache: Cache) -> Tensor:
        cache.map((self, "x"), x.shape[1], x)[:, i, j] = x
        h = self.left.pixel(x, i, j, cache)
        if i > 0:  # the right sweep's state of the row above, in a map with a border of one
            h = h + cache[self.right, "h"][:, i, j + 1]
        return x + self.up.pixel(h, i, j, cache)

    def row(self, i: int, cache: Cache, image: Tensor) -> None:
        """The sweep from the right runs over row i - 1."""
        if i > 0:
            x = cache[self, "x"][:, i - 1]
            if self.centre is not None:
                x = x + F.linear(image[:, :, i - 1].mT, self.centre.weight.flatten(1))
            for j in reversed(range(cache.width)):
                self.right.pixel(x[:, j], i - 1, j, cache)


class Stack(nn.Module):
    """A convolution with mask A, then blocks."""

    def __init__(self, kind: str, layers: int, hidden: int, channels: int):
        super().__init__()
        self.first = MaskedConv2d("A", groups(channels, channels), groups(2 * hidden, channels), (4, 7))
        blocks = {
            "pixelcnn": lambda first: Residual(hidden, channels),
            "row-lstm": lambda first: RowLSTM(hidden, channels),
            "diagonal-bilstm": lambda first: DiagonalBiLSTM(hidden, channels, first),
        }
        self.blocks = nn.ModuleList(blocks[kind](i == 0) for i in range(layers))
        self.label_width = 2 * hidden

    def forward(self, image: Tensor, label: Tensor | None) -> Tensor:
        """(B, C, H, W) -> (B, 2 h, H, W)."""
        x = shifted(self.first(image), label)
        for block in self.blocks:
            x = block(x, image)
        return x

    def store(self, value: Tensor, i: int, j: int, cache: Cache) -> None:
        """Note the pixel (i, j), (n, C), for the first convolution."""
        self.first.store(value, i, j, cache)

    def row(self, i: int, cache: Cache, image: Tensor, label: Tensor | None) -> None:
        """What the blocks can do for a whole row, before its first pixel is drawn."""
        for block in self.blocks:
            block.row(i, cache, image)

    def pixel(self, i: int, j: int, cache: Cache, label: Tensor | None) -> Tensor:
        """(n, 2 h) at the pixel (i, j)."""
        x = shifted(self.first.patch(i, j, cache), label)
        for block in self.blocks:
            x = block.pixel(x, i, j, cache)
        return x


KINDS = ("diagonal-bilstm", "row-lstm", "pixelcnn", "gated-pixelcnn")
DIRECTIONS = {"right": "rows", "left": "rows", "down": "columns", "up": "columns"}
ORDERS = [o for o in itertools.permutations(DIRECTIONS, 2) if DIRECTIONS[o[0]] != DIRECTIONS[o[1]]]


class PixelRNN(GenerativeModel):
    """The exact probability of images with whole-numbered pixels, one pixel after another.

    event_shape: (C, H, W). levels: pixels are whole numbers 0 .. levels - 1 (view="levels", or view="binary").
    kind: "diagonal-bilstm", "row-lstm", "pixelcnn" [1] or "gated-pixelcnn" [2].
    layers: blocks between the first convolution and the last two. hidden: h, features within a block; 2 h between them.
    classes: of labels y on which the model is conditioned; 0 for none.
    order: the direction in which a line is read, and in which the lines follow: any of the eight such pairs.

    >>> model = PixelRNN((1, 2, 2), kind="pixelcnn", layers=1, hidden=2)
    >>> images = torch.cartesian_prod(*[torch.arange(2)] * 4).view(16, 1, 2, 2)  # all that there are
    >>> round(model.log_prob(images).exp().sum().item(), 4)
    1.0
    >>> upper = torch.tensor([[True, True], [False, False]])
    >>> model.complete(torch.ones(1, 1, 2, 2), known=upper)[0, 0, 0]
    tensor([1, 1])
    """

    def __init__(
        self,
        event_shape: Sequence[int] = (1, 28, 28),
        levels: int = 2,
        kind: str = "diagonal-bilstm",
        layers: int = 7,
        hidden: int = 16,
        classes: int = 0,
        order: tuple[str, str] = ("right", "down"),
    ):
        super().__init__()
        self.event_shape, self.levels = checks.shape(event_shape, 3), checks.whole(2, levels=levels)
        channels, self.kind = self.event_shape[0], checks.one_of(KINDS, kind=kind)
        layers, hidden = checks.whole(layers=layers), checks.whole(channels, hidden=hidden)
        if not isinstance(order, Sequence) or tuple(order) not in ORDERS:
            raise ValueError(f'an order is two directions at right angles, such as ("right", "down"), not {order!r}')
        self.order = tuple(order)
        gated = kind == "gated-pixelcnn"
        self.stack = GatedStack(layers, hidden, channels) if gated else Stack(kind, layers, hidden, channels)
        wide = groups(2 * hidden, channels)
        heads = MaskedConv2d("B", wide, wide), MaskedConv2d("B", wide, groups(channels * levels, channels))
        self.heads = nn.ModuleList(heads)
        classes = checks.whole(0, classes=classes or 0)
        self.label = nn.Embedding(classes, self.stack.label_width) if classes else None

    @property
    def classes(self) -> int | None:
        return None if self.label is None else self.label.num_embeddings

    def check(self, x: Tensor, y: Tensor | None = None, stream: str | None = None) -> None:
        """Also ValueError for pixels that are not whole numbers below `levels`."""
        super().check(x, y, stream)
        if stream is None and ((x < 0) | (x >= self.levels) | (x != x.long())).any():
            raise ValueError(
                f"a PixelRNN with {self.levels} levels wants whole numbers 0 .. {self.levels - 1}, and these run from "
                f'{x.min():.4g} to {x.max():.4g}; views that give them are "levels", with levels={self.levels}, and "binary"'
            )

    def labels(self, y: Tensor | None, n: int) -> Tensor | None:
        """What y adds to the features of n items; without classes, labels are not looked at."""
        return None if self.label is None else self.label(checks.labels(y, self.classes, n))

    def arranged(self, x: Tensor) -> Tensor:
        """The last two dimensions turned so that reading goes right, then down."""
        x = x.mT if DIRECTIONS[self.order[0]] == "columns" else x
        return x.flip([d for d, way in zip((-1, -2), self.order, strict=True) if way in ("left", "up")])

    def restored(self, x: Tensor) -> Tensor:
        """The inverse of `arranged`."""
        if flipped := [d for d, way in zip((-1, -2), self.order, strict=True) if way in ("left", "up")]:
            x = x.flip(flipped)
        return x.mT if DIRECTIONS[self.order[0]] == "columns" else x

    def scaled(self, x: Tensor) -> Tensor:
        """Levels from -1 to 1: the zeros beyond the border are none of them."""
        return 2 * x.to(self.heads[0].weight.dtype) / (self.levels - 1) - 1

    def logits(self, x: Shaped[Tensor, "batch c h w"], y: Tensor | None = None) -> Float[Tensor, "batch c h w levels"]:
        """Of each pixel's levels, given all that come before it in x."""
        checks.items(x, self.event_shape, type(self).__name__)
        return self.restored(self.maps(self.scaled(self.arranged(x)), self.labels(y, len(x)))).movedim(2, -1)

    def maps(self, image: Tensor, label: Tensor | None) -> Tensor:
        """(B, C, levels, H, W) of logits, of an arranged and scaled image."""
        out = self.stack(image, label)
        for head in self.heads:
            out = head(F.relu(out))
        return nets.full_precision(out).unflatten(1, (-1, self.levels))

    def log_prob(self, x: Shaped[Tensor, "batch c h w"], y: Tensor | None = None) -> Float[Tensor, " batch"]:
        """log p(x), or log p(x | y), in nats, exactly [1, eq. 1, 2]."""
        if not checks.trusting():
            self.check(x, y)
        logits = self.logits(x, y)
        return -F.cross_entropy(logits.flatten(0, -2), x.long().flatten(), reduction="none").view(len(x), -1).sum(1)

    def loss(self, batch: Batch) -> Terms:
        """Minus the mean log-likelihood, in nats."""
        return {"loss": -self.log_prob(batch.x, batch.y).mean()}

    def sample(self, n: int, y: Tensor | None = None) -> Int[Tensor, "n c h w"]:
        """n draws, (n, C, H, W) of whole numbers; y: (n,) labels where the model has classes."""
        n, y = self.asked(n, y)
        nothing = torch.zeros(n, *self.event_shape, dtype=torch.long, device=self.heads[0].weight.device)
        return self.complete(nothing, nothing.bool(), y)

    def complete(
        self, x: Shaped[Tensor, "n c h w"], known: Bool[Tensor, "..."], y: Tensor | None = None, cached: bool = True
    ) -> Int[Tensor, "n c h w"]:
        """Keep the pixels of x that are known, and draw each other one given those that come before it.

        known: bool, of a shape that goes with x's. Known pixels that come later in the order are kept, but not foreseen.
        cached: remember the maps of all layers as far as they go, so that a pixel costs one pixel's work and not an image's.
            The images are the same, from the same random numbers.
        """
        for image in self.pixels(x, known, y, cached):
            pass
        return image

    def pixels(
        self, x: Shaped[Tensor, "n c h w"], known: Bool[Tensor, "..."], y: Tensor | None = None, cached: bool = True
    ) -> Iterator[Int[Tensor, "n c h w"]]:
        """The same pixel by pixel: the images so far, filled in place in the model's order. Clone what you keep."""
        n, y = self.asked(len(checks.items(x, self.event_shape, type(self).__name__)), y)
        fits = all(a in (1, b) for a, b in zip(checks.tensor(known=known).shape[::-1], x.shape[::-1]))
        if known.dtype != torch.bool or known.ndim > x.ndim or not fits:
            found = f"{known.dtype} of shape {tuple(known.shape)}"
            raise ValueError(f"known must be bools whose shape goes with that of x, {tuple(x.shape)}, not {found}")
        self.check(given := torch.where(known, x, 0), y)
        known, x = self.arranged(known.expand(x.shape)), self.arranged(given.long())
        image, label = self.scaled(x), self.labels(y, n)
        cache = Cache(len(x), *x.shape[2:])
        for i, j in itertools.product(range(x.shape[2]), range(x.shape[3])):
            with torch.no_grad():  # which must not reach whoever asks for the next pixel
                if cached and j == 0:
                    self.stack.row(i, cache, image, label)
                for c in range(x.shape[1]):
                    if cached:
                        self.stack.store(image[:, :, i, j], i, j, cache)
                        logits = self.pixel(i, j, cache, label)[:, c]
                    else:
                        logits = self.maps(image, label)[:, c, :, i, j]
                    x[:, c, i, j] = torch.where(known[:, c, i, j], x[:, c, i, j], draw_levels(logits))
                    image[:, c, i, j] = self.scaled(x[:, c, i, j])
                if cached:
                    self.stack.store(image[:, :, i, j], i, j, cache)
            yield self.restored(x)

    def pixel(self, i: int, j: int, cache: Cache, label: Tensor | None) -> Tensor:
        """(n, C, levels) of logits at the pixel (i, j)."""
        out = self.stack.pixel(i, j, cache, label)
        for head in self.heads:
            out = head.pixel(F.relu(out), i, j, cache)
        return nets.full_precision(out).unflatten(1, (-1, self.levels))


def draw_levels(logits: Tensor) -> Tensor:
    """A level for each row of logits (n, levels): where a uniform number falls among their cumulated probabilities.

    >>> draw_levels(torch.tensor([[0.0, 100.0], [100.0, 0.0]]))
    tensor([1, 0])
    """
    reached = logits.softmax(1).cumsum(1)[:, :-1]
    return (torch.rand(len(logits), 1, dtype=logits.dtype, device=logits.device) >= reached).sum(1)
