"""Convolutional LSTMs that sweep over a map: row by row, or diagonal by diagonal.

[1] van den Oord, Kalchbrenner, Kavukcuoglu (2016). Pixel Recurrent Neural Networks. arXiv:1601.06759

Both sweeps of [1] are one recurrence. At step t all sites s of a line (a row, or a diagonal) are updated at once; a site sees
its own memory and, one step ago, the states at s + offset for a few offsets. [1, eq. 3], with g for the content gate:

    o, f, i = sigmoid(input_to_state + K_ss * h_{t-1}),  g = tanh(the same),  c_t = f c_{t-1} + i g,  h_t = o tanh(c_t)

The gradient is written out by hand: that keeps every buffer in place, runs the products on contiguous slices, and leaves
the weights' gradient to one large product at the end. Autograd is its oracle in the tests.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def cell(gates: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """One LSTM update: gates (..., 4 h) as they arrive, in the order i, f, o, g, and memory c (..., h) -> (h, c)."""
    i, f, o = gates[..., : 3 * c.shape[-1]].sigmoid().chunk(3, dim=-1)
    c = f * c + i * gates[..., 3 * c.shape[-1] :].tanh()
    return o * c.tanh(), c


def scan(gates: Tensor, weight: Tensor, offsets: Sequence[int], lines: Sequence[tuple[int, int]]) -> Tensor:
    """The states h (T, S, B, h) of a convolutional LSTM from its input-to-state map.

    gates: (T, S, B, 4 h), bias included, in the order i, f, o, g.
    weight: (len(offsets), h, 4 h), the state-to-state kernel, one matrix per offset.
    lines: for each step the sites [from, to) that there are; elsewhere the states are 0 and `gates` is not looked at.
    """
    return _Scan.apply(gates, weight, tuple(offsets), tuple(lines))


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx, gates, weight, offsets, lines):
        steps, sites, batch, wide = gates.shape
        size, pad = wide // 4, max(abs(o) for o in offsets)
        gates = gates.clone(memory_format=torch.contiguous_format)  # becomes the activated gates
        c = gates.new_zeros(steps + 1, sites, batch, size)  # c[t + 1] belongs to step t: c[0] is the empty past
        h = gates.new_zeros(steps + 1, sites + 2 * pad, batch, size)
        for t, (a, b) in enumerate(lines):
            line = gates[t, a:b].view(-1, wide)
            if t > 0:
                for offset, k in zip(offsets, weight, strict=True):
                    line.addmm_(h[t, a + pad + offset : b + pad + offset].view(-1, size), k)
            i, f, o = line[:, : 3 * size].sigmoid_().chunk(3, dim=1)
            g = line[:, 3 * size :].tanh_()
            new = c[t + 1, a:b].view(-1, size)
            torch.mul(f, c[t, a:b].view(-1, size), out=new).addcmul_(i, g)
            torch.mul(o, new.tanh(), out=h[t + 1, a + pad : b + pad].view(-1, size))
        ctx.save_for_backward(gates, weight, c, h)
        ctx.offsets, ctx.lines = offsets, lines
        return h[1:, pad : pad + sites].contiguous()

    @staticmethod
    def backward(ctx, grad):
        gates, weight, c, h = ctx.saved_tensors
        steps, sites, _, wide = gates.shape
        size, pad = wide // 4, (h.shape[1] - sites) // 2
        d_gates = torch.zeros_like(gates)
        d_c = torch.zeros_like(c[0])
        d_h = F.pad(grad, (0, 0, 0, 0, pad, pad))  # a copy, to which what flows back in time is added
        transposed = weight.mT.contiguous()
        for t in reversed(range(steps)):
            a, b = ctx.lines[t]
            i, f, o, g = gates[t, a:b].view(-1, wide).chunk(4, dim=1)
            d = d_gates[t, a:b].view(-1, wide)
            through = d_h[t, a + pad : b + pad].view(-1, size)
            tanh_c = c[t + 1, a:b].view(-1, size).tanh()
            memory = d_c[a:b].view(-1, size)
            memory.addcmul_(through * o, 1 - tanh_c.square())
            before = c[t, a:b].view(-1, size)
            for slot, (gate, with_respect_to) in enumerate(
                ((i, memory * g), (f, memory * before), (o, through * tanh_c))
            ):
                torch.mul(with_respect_to, gate * (1 - gate), out=d[:, slot * size : (slot + 1) * size])
            torch.mul(memory * i, 1 - g.square(), out=d[:, 3 * size :])
            memory.mul_(f)
            if t > 0:
                for offset, k in zip(ctx.offsets, transposed, strict=True):
                    d_h[t - 1, a + pad + offset : b + pad + offset].view(-1, size).addmm_(d, k)
        later = d_gates[1:].flatten(0, 2)
        d_weight = torch.stack([h[1:-1, pad + o : pad + o + sites].reshape(-1, size).T @ later for o in ctx.offsets])
        return d_gates, d_weight, None, None


def skew(x: Tensor) -> Tensor:
    """(..., H, W) -> (..., H, H + W - 1): row r moved r places to the right, so that diagonals become columns."""
    height, width = x.shape[-2:]
    flat = F.pad(x, (0, height)).flatten(-2)  # a row longer by one than the result's: each row slips one place further
    return flat[..., : height * (height + width - 1)].unflatten(-1, (height, height + width - 1))


def unskew(x: Tensor, width: int) -> Tensor:
    """(..., H, H + W - 1) -> (..., H, W): the inverse of `skew`."""
    height = x.shape[-2]
    return F.pad(x.flatten(-2), (0, height)).unflatten(-1, (height, height + width))[..., :width]


def diagonals(height: int, width: int) -> list[tuple[int, int]]:
    """For each diagonal the rows [from, to) that it crosses."""
    return [(max(0, t - width + 1), min(height, t + 1)) for t in range(height + width - 1)]
