"""Glow: steps of three bijections each, the same on every level, from images to noise.

[1] Kingma, Dhariwal (2018). Glow: Generative Flow with Invertible 1x1 Convolutions. arXiv:1807.03039

    symbol in [1]                              here
    L, K                                       levels, steps
    s * x + b (actnorm), then W x              NormalizedConvolution: both in one product
      (invertible 1x1 convolution)
    (log s, t) = NN(x_b)                       Coupling; NN is conv_net, `hidden` wide
    split, with a prior learned from           Coupling with one convolution, then Split: the half that is done with is
      the half that goes on (published code)     standardized by what the other half says of it
    prior of the top, given y                  Affine: a mean and a deviation for each channel, and class
    temperature T                              sample(n, temperature=T)

>>> model, x = Glow((1, 8, 8), levels=2, steps=1, hidden=4), torch.rand(5, 1, 8, 8)
>>> z, log_det = model(x)
>>> torch.allclose(model.inverse(z), x, atol=1e-4), [part.shape for part in model.parts(z)]
(True, [torch.Size([5, 8, 2, 2]), torch.Size([5, 2, 4, 4])])
>>> model.sample(2, temperature=0.7).shape
torch.Size([2, 1, 8, 8])
"""

from collections.abc import Sequence

from torch import nn

from lecturekit import checks
from lecturekit.exact.bijections import Affine, Bijection, Flatten, NormalizedConvolution, Squeeze
from lecturekit.exact.coupling import Coupling, RowConvolution, conv_net, exponential, sigmoid, zeroed
from lecturekit.exact.flow import Flow
from lecturekit.exact.realnvp import multiscale, require_divisible

COUPLINGS = {"additive": None, "exp": exponential, "sigmoid": sigmoid}


class Glow(Flow):
    """A multi-scale flow over images of any C, H and W that the levels divide.

    event_shape: (C, H, W), both sides divisible by 2^levels.
    levels: each halves the sides, and all but the last let half of the channels go.
    steps: on each level: an ActNorm, a 1x1 convolution and a coupling.
    hidden: channels within the couplings' nets, 512 in [1].
    coupling: "additive", or affine with s = "exp" of what the net says, as in [1], or "sigmoid"
        of that and 2, as in the published code: at most 1, so that what is narrow, such as a
        background, is widened by the norms alone, and slowly.
    lu: whether the 1x1 convolutions are parametrized by their LU decomposition.
    classes: how many, for p(x | y); None or 0 for p(x).
    """

    def __init__(
        self,
        event_shape: Sequence[int] = (1, 32, 32),
        levels: int = 2,
        steps: int = 8,
        hidden: int = 64,
        coupling: str = "exp",
        lu: bool = True,
        classes: int | None = None,
    ):
        require_divisible(event_shape, levels, levels)
        steps, log_scale = checks.whole(steps=steps), COUPLINGS[checks.one_of(COUPLINGS, coupling=coupling)]

        def flow(shape: Sequence[int]) -> list[Bijection]:
            channels = 4 * shape[0]
            half, parts = channels // 2, [Squeeze()]
            for _ in range(steps):
                net = conv_net(half, hidden, half if log_scale is None else channels)
                parts += [NormalizedConvolution(channels, lu), Coupling(net, log_scale)]
            return parts

        def level(shape: Sequence[int]) -> list[Bijection]:
            half = 2 * shape[0]
            prior = zeroed(nn.Sequential(RowConvolution(half, 2 * half)))
            return [*flow(shape), Coupling(prior, exponential)]

        def top(shape: Sequence[int]) -> list[Bijection]:
            c, h, w = shape
            return [*flow(shape), Affine(4 * c, classes), Flatten((4 * c, h // 2, w // 2))]

        super().__init__(event_shape, multiscale(event_shape, levels, level, top))
        self.coupling = coupling
