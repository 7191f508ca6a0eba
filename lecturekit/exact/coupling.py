"""Couplings: part of an item stays, and any network may say from it what becomes of the rest.

[1] Dinh, Krueger, Bengio (2014). NICE: Non-linear Independent Components Estimation. arXiv:1410.8516
[2] Dinh, Sohl-Dickstein, Bengio (2017). Density Estimation Using Real NVP. arXiv:1605.08803
[3] Kingma, Dhariwal (2018). Glow: Generative Flow with Invertible 1x1 Convolutions. arXiv:1807.03039

    in [1], [2], [3]                 here
    coupling function m; s, t        net
    additive coupling layer [1]      Coupling(net, log_scale=None)
    affine coupling layer [2]        Coupling(net): log s = exponential, sigmoid or a module of what the net says
    masks b [2]                      mask: checkerboard(h, w), channel_mask(c), or 1 minus these
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from lecturekit import checks, nets
from lecturekit.exact.bijections import Bijection, per_item


def exponential(raw: Tensor) -> Tensor:
    """log s of the affine coupling in the papers: s = exp(raw).

    >>> exponential(torch.tensor(0.0)).exp()
    tensor(1.)
    """
    return raw


def sigmoid(raw: Tensor) -> Tensor:
    """log s in the code published with [3]: s = sigmoid(raw + 2), which cannot exceed 1.

    >>> sigmoid(torch.tensor([0.0, 100.0])).exp()
    tensor([0.8808, 1.0000])
    """
    return F.logsigmoid(raw + 2)


class Coupling(Bijection):
    """One part of the item stays; from it a net computes how to scale and shift the other: z = exp(log s) * x + t.

    net: of the part that stays, (B, C', ...) -> (B, 2 C'', ...): raw log scales and then shifts for the part that moves; with
        log_scale=None (the additive coupling of [1]) only the shifts, (B, C'', ...).
    log_scale: raw -> log s, elementwise: exponential, sigmoid, a module, or None.
    mask: what stays, 1 or 0, to be broadcast to an item; the net then sees the item with zeros elsewhere, and what it says of
        places that stay is ignored [2]. Without one, the first half of the channels stays (the larger, if they are odd).

    >>> coupling, x = Coupling(nn.Linear(2, 4)), torch.randn(5, 4)
    >>> z, log_det = coupling(x)
    >>> torch.equal(z[:, :2], x[:, :2]), torch.allclose(coupling.inverse(z), x, atol=1e-5)
    (True, True)
    >>> masked = Coupling(conv_net(1, 4, 2), mask=checkerboard(4, 4))
    >>> image = torch.randn(5, 1, 4, 4)
    >>> torch.equal(masked(image)[0], image)  # the net's last layer is zero: at first the identity
    True
    """

    def __init__(
        self, net: nn.Module, log_scale: Callable[[Tensor], Tensor] | None = exponential, mask: Tensor | None = None
    ):
        super().__init__()
        if not callable(net) or not callable(log_scale or net) or isinstance(net, type) or isinstance(log_scale, type):
            raise TypeError(f"net and log_scale must be modules or functions of tensors, not {net!r} and {log_scale!r}")
        if mask is not None and not ((checks.tensor(mask=mask) == 0) | (mask == 1)).all():
            raise ValueError(f"mask must be 1 where an item stays and 0 elsewhere, not {mask.unique().tolist()}")
        self.net, self.log_scale = net, log_scale
        self.register_buffer("mask", mask if mask is None else mask.to(torch.get_default_dtype()), persistent=False)

    def _part(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if self.mask is None:
            if x.ndim < 2 or x.shape[1] < 2:
                raise ValueError(f"without a mask a coupling needs two channels; here are items {tuple(x.shape[1:])}")
            return x.chunk(2, dim=1)
        stays = checks.sized(*x.shape, **{"x * mask": x * self.mask})
        return stays, x - stays

    def _join(self, stays: Tensor, moves: Tensor) -> Tensor:
        return torch.cat([stays, moves], dim=1) if self.mask is None else stays + moves

    def _of(self, stays: Tensor, moves: Tensor) -> tuple[Tensor, Tensor]:
        """log s and t."""
        size, channels, *places = moves.shape
        wanted = channels if self.log_scale is None else 2 * channels
        out = nets.full_precision(checks.sized(size, wanted, *places, **{"what the net gives": self.net(stays)}))
        if self.log_scale is None:
            log_scale, shift = torch.zeros_like(out), out
        else:
            raw, shift = out.chunk(2, dim=1)
            log_scale = self.log_scale(raw)
        return (log_scale, shift) if self.mask is None else (log_scale * (1 - self.mask), shift * (1 - self.mask))

    def forward(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Float[Tensor, " batch"]]:
        stays, moves = self._part(x)
        log_scale, shift = self._of(stays, moves)
        return self._join(stays, torch.addcmul(shift, moves, log_scale.exp())), per_item(log_scale)

    def inverse(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        stays, moves = self._part(z)
        log_scale, shift = self._of(stays, moves)
        return self._join(stays, (moves - shift) * torch.exp(-log_scale))


def checkerboard(height: int, width: int) -> Float[Tensor, "1 height width"]:
    """1 on the fields where row and column add up to an even number.

    >>> checkerboard(2, 3)
    tensor([[[1., 0., 1.],
             [0., 1., 0.]]])
    """
    height, width = checks.whole(height=height, width=width)
    return ((torch.arange(height)[:, None] + torch.arange(width)) % 2 == 0).float()[None]


def channel_mask(channels: int) -> Float[Tensor, "channels 1 1"]:
    """1 for the first half of the channels.

    >>> channel_mask(4).flatten()
    tensor([1., 1., 0., 0.])
    """
    channels = checks.whole(2, channels=channels)
    return (torch.arange(channels) < channels // 2).float()[:, None, None]


def dense_net(inputs: int, hidden: Sequence[int], outputs: int) -> nn.Sequential:
    """Linear layers with ReLU between, the last of them zero, so that a coupling starts as the identity.

    >>> dense_net(3, (8, 8), 2)(torch.ones(1, 3)).detach()
    tensor([[0., 0.]])
    """
    return zeroed(nets.mlp([inputs, *checks.wholes(empty=True, hidden=hidden), outputs]))


def conv_net(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Convolutions 3 x 3, 1 x 1 and 3 x 3 with ReLU between, as in [3, section 3.3]; the last is zero.

    >>> conv_net(3, hidden=8, outputs=2)(torch.ones(1, 3, 4, 4)).shape
    torch.Size([1, 2, 4, 4])
    """
    hidden = checks.whole(hidden=hidden)
    first = [RowConvolution(inputs, hidden), nn.ReLU(inplace=True), nn.Conv2d(hidden, hidden, 1), nn.ReLU(inplace=True)]
    return zeroed(nn.Sequential(*first, RowConvolution(hidden, outputs)))


def zeroed(net: nn.Sequential) -> nn.Sequential:
    """The net with its last layer's parameters at 0.

    >>> zeroed(nn.Sequential(nn.Linear(3, 2)))(torch.ones(1, 3)).detach()
    tensor([[0., 0.]])
    """
    for parameter in net[-1].parameters():
        nn.init.zeros_(parameter)
    return net


class RowConvolution(nn.Conv2d):
    """A 3 x 3 convolution that on a CPU goes by rows where the channels on one side are few.

    CPU kernels treat channels in blocks of 16, so that few of them cost as much as 16. The three rows of few channels, side by
    side, fill a block: then a 1 x 3 convolution is left to do.

    >>> convolution, x = RowConvolution(3, 8), torch.randn(2, 3, 6, 5)
    >>> torch.allclose(convolution(x), F.conv2d(x, convolution.weight, convolution.bias, padding=1), atol=1e-5)
    True
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__(*checks.whole(inputs=inputs, outputs=outputs), 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu" or 3 * min(self.in_channels, self.out_channels) > 16:
            return super().forward(x)
        height, by_rows = x.shape[2], self.weight.transpose(1, 2)  # (out, row, in, column)
        if self.in_channels < self.out_channels:  # the rows above, at and below each place as channels
            padded = F.pad(x, (0, 0, 1, 1))
            rows = torch.cat([padded[:, :, i : i + height] for i in range(3)], dim=1)
            return F.conv2d(rows, by_rows.flatten(1, 2)[:, :, None], self.bias, padding=(0, 1))
        # what each row adds to the place below it, to its own and to the one above, as channels
        rows = F.conv2d(x, by_rows.transpose(0, 1).flatten(0, 1)[:, :, None], padding=(0, 1))
        below, here, above = rows.chunk(3, dim=1)
        out = here + self.bias[:, None, None]
        return out + F.pad(below[:, :, :-1], (0, 0, 1, 0)) + F.pad(above[:, :, 1:], (0, 0, 0, 1))
