"""RealNVP: couplings that also scale, masks that alternate, and levels that let go of half the components each.

[1] Dinh, Sohl-Dickstein, Bengio (2017). Density Estimation Using Real NVP. arXiv:1605.08803

    in [1]                                            here
    s, t                                              a Coupling's log s and t, both by one net
    s by tanh with a learned scale                    Tanh
    b, checkerboard or channel-wise                   Coupling's mask
    3 checkerboard couplings, squeezing, 3            `level`; half of the channels is then factored out
      channel-wise ones
    4 checkerboard couplings on the last level        `top`
    batch normalization                               ActNorm: the density of an item is its own matter
    logit(alpha + (1 - alpha) x), alpha = 0.05        Logit: alpha + (1 - 2 alpha) x, as in the published code
    residual networks                                 `net`; by default three convolutions, as in Glow
"""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from lecturekit import checks
from lecturekit.exact.bijections import ActNorm, Bijection, Chain, Flatten, Split, Squeeze, per_item
from lecturekit.exact.coupling import Coupling, channel_mask, checkerboard, conv_net, dense_net
from lecturekit.exact.flow import Flow


class Logit(Bijection):
    """z = logit(alpha + (1 - 2 alpha) x): images in [0, 1) spread out, so that no draw can leave the range by much.

    >>> z, log_det = Logit(alpha=0.05)(torch.ones(1, 1))
    >>> z.sigmoid(), torch.allclose(Logit(alpha=0.05).inverse(z), torch.ones(1, 1), atol=1e-5)  # far from infinity
    (tensor([[0.9500]]), True)
    """

    def __init__(self, alpha: float = 0.05):
        super().__init__()
        self.alpha = checks.number(0, below=0.5, alpha=alpha)

    def forward(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Float[Tensor, " batch"]]:
        if not checks.trusting() and (~((x >= 0) & (x <= 1))).any():
            raise ValueError(f"a logit is of images in [0, 1], not from {x.min():.4g} to {x.max():.4g}")
        z = torch.logit(self.alpha + (1 - 2 * self.alpha) * x)
        # d logit(u) / du = 1 / (u (1 - u)), and log u (1 - u) = log sigmoid(z) + log sigmoid(-z)
        return z, per_item(math.log(1 - 2 * self.alpha) - F.logsigmoid(z) - F.logsigmoid(-z))

    def inverse(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return (torch.sigmoid(z) - self.alpha) / (1 - 2 * self.alpha)


class Tanh(nn.Module):
    """log s = factor * tanh(raw), one factor for each channel, at first 1.

    >>> Tanh(1)(torch.tensor([[-100.0], [0.0], [100.0]])).flatten().tolist()
    [-1.0, 0.0, 1.0]
    """

    def __init__(self, channels: int):
        super().__init__()
        self.factor = nn.Parameter(torch.ones(checks.whole(channels=channels)))

    def forward(self, raw: Tensor) -> Tensor:
        return self.factor.reshape(-1, *[1] * (raw.ndim - 2)) * raw.tanh()


class RealNVP(Flow):
    """Affine couplings with alternating masks, on points or, in levels, on images.

    event_shape: (D,) with D > 1, best of deviations of about 1, or (C, H, W) with H and W divisible by 2^(levels - 1).
    levels: of images.
    couplings: with each kind of mask on a level, by default 3; on points, in all, by default 8.
    hidden: the width of the default nets.
    net: (channels in, channels out) -> a net of maps, or of points, of the same size.

    >>> model, x = RealNVP((1, 8, 8), levels=2, couplings=1, hidden=4), torch.rand(5, 1, 8, 8)
    >>> z, log_det = model(x)
    >>> torch.allclose(model.inverse(z), x, atol=1e-4), [part.shape for part in model.parts(z)]
    (True, [torch.Size([5, 2, 4, 4]), torch.Size([5, 2, 4, 4])])
    """

    def __init__(
        self,
        event_shape: Sequence[int] = (1, 28, 28),
        levels: int = 2,
        couplings: int | None = None,
        hidden: int = 64,
        net: Callable[[int, int], nn.Module] | None = None,
    ):
        points = len(checks.shape(event_shape)) == 1
        couplings = (8 if points else 3) if couplings is None else couplings
        couplings, levels = checks.whole(couplings=couplings, levels=levels)
        if points:
            net = checks.made_by(net=net or (lambda inputs, outputs: dense_net(inputs, (hidden, hidden), outputs)))
        else:
            net = checks.made_by(net=net or (lambda inputs, outputs: conv_net(inputs, hidden, outputs)))

        def alternating(mask: Tensor, channels: int, times: int) -> list[Bijection]:
            parts = []
            for i in range(times):
                keep = mask if i % 2 == 0 else 1 - mask
                parts += [Coupling(net(channels, 2 * channels), Tanh(channels), keep), ActNorm(channels)]
            return parts

        if points:
            (size,) = event_shape
            if size < 2:
                raise ValueError("a coupling needs two components at least, one that stays and one that moves")
            bijection = Chain(*alternating((torch.arange(size) % 2).float(), size, couplings))
        else:
            require_divisible(event_shape, levels, levels - 1)

            def level(shape):
                c, h, w = shape
                before = alternating(checkerboard(h, w), c, couplings)
                return [*before, Squeeze(), *alternating(channel_mask(4 * c), 4 * c, couplings)]

            def top(shape):
                return [*alternating(checkerboard(*shape[1:]), shape[0], couplings + 1), Flatten(shape)]

            bijection = Chain(Logit(), multiscale(event_shape, levels, level, top))
        super().__init__(event_shape, bijection)


def multiscale(shape: Sequence[int], levels: int, level: Callable, top: Callable) -> Chain:
    """Maps (C, H, W) to noise: each level squeezes, and lets go of half of its channels.

    level: shape -> the bijections of every level but the last, of which one is a Squeeze. top: shape -> those of the last, to
        the end with a Flatten.

    >>> flow = multiscale((1, 8, 8), 2, level=lambda shape: [Squeeze()], top=lambda shape: [Flatten(shape)])
    >>> flow(torch.zeros(5, 1, 8, 8))[0].shape
    torch.Size([5, 64])
    """
    if checks.whole(levels=levels) == 1:
        return Chain(*top(shape))
    c, h, w = shape
    half = (2 * c, h // 2, w // 2)
    return Chain(*level(shape), Split(half, multiscale(half, levels - 1, level, top)))


def require_divisible(event_shape: Sequence[int], levels: int, halvings: int) -> None:
    """ValueError unless event_shape is an image whose sides can be halved so often.

    >>> require_divisible((1, 28, 28), levels=3, halvings=2)
    >>> require_divisible((2,), levels=1, halvings=0)
    Traceback (most recent call last):
        ...
    ValueError: levels are for images (C, H, W), not for items of shape (2,)
    """
    if len(event_shape := checks.shape(event_shape)) != 3:
        raise ValueError(f"levels are for images (C, H, W), not for items of shape {event_shape}")
    sides, levels = event_shape[1:], checks.whole(levels=levels)
    if any(side % 2**halvings for side in sides):
        raise ValueError(
            f"{levels} levels halve both sides {halvings} times, which {sides[0]} x {sides[1]} does not allow: take fewer "
            f"levels, or pad the images to multiples of {2**halvings}"
        )
