"""Convolutional LSTMs that sweep over an image: row by row, or diagonal by diagonal.

[1] van den Oord, Kalchbrenner, Kavukcuoglu (2016). Pixel Recurrent Neural Networks. arXiv:1601.06759

The sweeps of [1] are one recurrence. All pixels of a line (a row, or a diagonal) are updated at once, from what was computed
for the lines before: each sees the states of a few neighbours, and the memory of one of them [1, eq. 3].

    o, f, i = sigmoid(input_to_state + sum over neighbours of h K),  g = tanh(the same),  c = f c' + i g,  h = o tanh(c)

[1] skews the map, so that its diagonals become columns. Here the map stays where it is: its pixels, with a border of zeros,
stand one after another in memory, where a line is every so-many-th of them and a neighbour is a fixed distance away. The
gradient is written out by hand: buffers are used in place, and the weights' gradient is one large product at the end.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


@dataclass(frozen=True)
class Sweep:
    """An order of updates.

    neighbours: (rows, columns) away, whose states a pixel sees. memory: which of them hands its memory on.
    along: from one pixel of a line to the next.

    >>> list(ROWS.lines(height=2, width=3))
    [(0, 0, 3), (1, 0, 3)]
    >>> list(FROM_LEFT.lines(height=2, width=3))
    [(0, 0, 1), (0, 1, 2), (0, 2, 2), (1, 2, 1)]
    """

    neighbours: tuple[tuple[int, int], ...]
    memory: int
    along: tuple[int, int]

    def lines(self, height: int, width: int) -> Iterator[tuple[int, int, int]]:
        """(row, column) of each line's first pixel, and how many pixels it has."""
        if self.along == (0, 1):
            yield from ((i, 0, width) for i in range(height))
            return
        for t in range(height + width - 1):
            top = max(0, t - width + 1)
            column = t - top  # in the mirror image for sweeps that start at the right
            yield top, column if self.along == (1, -1) else width - 1 - column, min(height, t + 1) - top


ROWS = Sweep(((-1, -1), (-1, 0), (-1, 1)), memory=1, along=(0, 1))
FROM_LEFT = Sweep(((-1, 0), (0, -1)), memory=1, along=(1, -1))  # diagonals, from the top left
FROM_RIGHT = Sweep(((-1, 0), (0, 1)), memory=1, along=(1, 1))  # from the top right


def cell(gates: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """One LSTM update: gates (..., 4 h) as they arrive, in the order i, f, o, g, and memory c (..., h) -> (h, c).

    >>> h, c = cell(torch.zeros(4), torch.ones(1))
    >>> c, h  # 1/2, and tanh(1/2) / 2
    (tensor([0.5000]), tensor([0.2311]))
    """
    i, f, o = gates[..., : 3 * c.shape[-1]].sigmoid().chunk(3, dim=-1)
    c = f * c + i * gates[..., 3 * c.shape[-1] :].tanh()
    return o * c.tanh(), c


def scan(gates: Tensor, weight: Tensor, sweep: Sweep) -> Tensor:
    """The states h (B, h, H, W) of a convolutional LSTM, from its input-to-state map.

    gates: (B, 4 h, H, W), bias included, in the order i, f, o, g.
    weight: (neighbours, h, 4 h), the state-to-state kernel, a matrix for each neighbour.

    >>> scan(torch.zeros(5, 4 * 2, 6, 7), torch.zeros(2, 2, 4 * 2), FROM_LEFT).shape
    torch.Size([5, 2, 6, 7])
    """
    return _Scan.apply(gates, weight, sweep)


class Grid:
    """Buffers (pixels, B, features) over an image with a border of zeros above and at both sides, and its lines."""

    def __init__(self, sweep: Sweep, shape: torch.Size):
        self.batch, wide, self.height, self.width = shape
        self.row = self.width + 2
        self.size = wide // 4
        self.offsets = [i * self.row + j for i, j in sweep.neighbours]
        self.before = self.offsets[sweep.memory]
        stride = sweep.along[0] * self.row + sweep.along[1]
        self.lines = [
            (slice(first := (i + 1) * self.row + j + 1, first + (n - 1) * stride + 1, stride), n)
            for i, j, n in sweep.lines(self.height, self.width)
        ]

    def zeros(self, like: Tensor, features: int) -> Tensor:
        """A buffer (pixels, B, features) of zeros."""
        return like.new_zeros((self.height + 1) * self.row, self.batch, features)

    def inside(self, buffer: Tensor) -> Tensor:
        """The image in a buffer, seen as (B, features, H, W)."""
        return buffer.unflatten(0, (self.height + 1, self.row))[1:, 1:-1].permute(2, 3, 0, 1)

    def filled(self, image: Tensor) -> Tensor:
        """A buffer with the image (B, features, H, W) in it."""
        buffer = self.zeros(image, image.shape[1])
        self.inside(buffer).copy_(image)
        return buffer


def moved(line: slice, offset: int) -> slice:
    """The places of a line, each `offset` further on in the buffer.

    >>> moved(slice(0, 8, 2), 3)
    slice(3, 11, 2)
    """
    return slice(line.start + offset, line.stop + offset, line.step)


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx, gates, weight, sweep):
        grid = Grid(sweep, gates.shape)
        size, arriving = grid.size, grid.filled(gates)
        h, c, active = grid.zeros(gates, size), grid.zeros(gates, size), []
        for line, _ in grid.lines:
            seen = torch.cat([h[moved(line, offset)] for offset in grid.offsets], dim=2).flatten(0, 1)
            a = torch.addmm(arriving[line].flatten(0, 1), seen, weight.flatten(0, 1))
            a[:, : 3 * size].sigmoid_()
            a[:, 3 * size :].tanh_()
            i, f, o, g = a.unflatten(0, (-1, grid.batch)).chunk(4, dim=2)
            new = torch.mul(f, c[moved(line, grid.before)]).addcmul_(i, g)
            c[line] = new
            torch.mul(o, new.tanh_(), out=h[line])
            active.append(a)
        ctx.save_for_backward(weight, c, h, *active)
        ctx.grid = grid
        return grid.inside(h)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        (weight, c, h, *active), grid = ctx.saved_tensors, ctx.grid
        size, back = grid.size, weight.flatten(0, 1).T.contiguous()
        # What flows back along the lines is added to these. What reaches the border stays there.
        d_h, d_c, d_gates = grid.filled(grad), grid.zeros(grad, size), grid.zeros(grad, 4 * size)
        for (line, n), a in zip(reversed(grid.lines), reversed(active), strict=True):
            i, f, o, g = a.view(n, grid.batch, -1).chunk(4, dim=2)
            through, tanh_c, before = d_h[line], c[line].tanh(), c[moved(line, grid.before)]
            memory = (1 - tanh_c.square()).mul_(o).mul_(through).add_(d_c[line])
            d = torch.cat([memory * g, memory * before, through * tanh_c, memory * i], dim=2).flatten(0, 1)
            d[:, : 3 * size].mul_(a[:, : 3 * size] - a[:, : 3 * size].square())
            d[:, 3 * size :].mul_(1 - a[:, 3 * size :].square())
            d_gates[line] = d.view(n, grid.batch, -1)
            d_c[moved(line, grid.before)] += memory.mul_(f)
            for offset, part in zip(grid.offsets, (d @ back).view(n, grid.batch, -1).split(size, dim=2), strict=True):
                d_h[moved(line, offset)] += part
        d_weight = []
        for offset in grid.offsets:  # pairs (neighbour, pixel) over the whole image: at the border both are 0
            first, second = (h[:offset], d_gates[-offset:]) if offset < 0 else (h[offset:], d_gates[:-offset])
            d_weight.append(first.flatten(0, 1).T @ second.flatten(0, 1))
        return grid.inside(d_gates), torch.stack(d_weight), None
