"""NICE: a few additive couplings make data into independent noise, and a diagonal decides which components matter.

[1] Dinh, Krueger, Bengio (2014). NICE: Non-linear Independent Components Estimation. arXiv:1410.8516

    symbol in [1]             here
    h = f(x)                  forward(x)
    p_H, factorial            noise: "logistic" or "gaussian"
    m, a ReLU network         dense_net: `hidden` layers; the last one starts at zero
    partition odd / even      Permutation, then halves; exchanged between couplings
    S, S_ii > 0               ActNorm, which also shifts, and starts from the deviations in the first batch
"""

import math
from collections.abc import Sequence

import torch

from lecturekit import checks
from lecturekit.exact.bijections import ActNorm, Chain, Flatten, Permutation
from lecturekit.exact.coupling import Coupling, dense_net
from lecturekit.exact.flow import Flow


class NICE(Flow):
    """Additive couplings between dense nets, on points or flattened images, and one scale for each component.

    event_shape: (D,) with D > 1, or (C, H, W). The nets see points as they are: let their deviations be about 1.
    couplings: how many; four in [1], and three are needed for every component to move every other.
    hidden: layers of each net; five of 1000 in [1] for MNIST.
    noise: "logistic" (in [1] for MNIST and SVHN) or "gaussian".

    >>> model, x = NICE((4,), hidden=(8,)), torch.randn(5, 4)
    >>> z, log_det = model(x)
    >>> torch.allclose(model.inverse(z), x, atol=1e-5), log_det.detach()  # additive couplings preserve volume
    (True, tensor([0., 0., 0., 0., 0.]))
    """

    def __init__(
        self,
        event_shape: Sequence[int] = (1, 28, 28),
        couplings: int = 4,
        hidden: Sequence[int] = (1000,) * 5,
        noise: str = "logistic",
    ):
        event_shape, couplings = checks.shape(event_shape), checks.whole(couplings=couplings)
        size = math.prod(event_shape)
        if size < 2:
            raise ValueError("a coupling needs two components at least, one that stays and one that moves")
        part = lambda: Coupling(dense_net((size + 1) // 2, hidden, size // 2), log_scale=None)
        swap = lambda: Permutation(torch.arange(size).roll(size // 2))
        even_first = torch.cat([torch.arange(0, size, 2), torch.arange(1, size, 2)])
        parts = [Flatten(event_shape), Permutation(even_first)]
        for _ in range(couplings):
            parts += [part(), swap()]
        super().__init__(event_shape, Chain(*parts, ActNorm(size)), noise)
