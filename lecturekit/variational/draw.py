"""DRAW: a variational autoencoder that draws its image in many strokes, and looks at it in between.

[1] Gregor, Danihelka, Graves, Rezende, Wierstra (2015). DRAW: A Recurrent Neural Network For Image Generation.
    arXiv:1502.04623

    symbol in [1]                   here
    x-hat = x - sigma(c)            error, in `paths`                                         eq. 3
    read, write                     read, write; whole images, or windows of `read_size`, `write_size`
    h^enc, h^dec, LSTMs             LSTM: encoder, decoder                                    eq. 5, 7
    Q(z_t | h^enc)                  posterior(h)                                              eq. 6, 1, 2
    c_t = c_{t-1} + write(h^dec)    canvas                                                    eq. 8
    D(X | c_T)                      decode(z), Bernoulli
    L^z = sum_t KL(Q || P)          "kl" of `loss`, in closed form                            eq. 10, 11
    gX, gY, delta, sigma, gamma     Window                                                    eq. 19 to 24
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Independent, kl_divergence

from lecturekit import checks, nets
from lecturekit.latent import LatentVariableModel
from lecturekit.model import Batch, Terms


class Window(NamedTuple):
    """N x N Gaussian filters on an image of H rows and W columns, their centres on a grid.

    rows, columns: filters (B, N, H) and (B, N, W), each of which sums to 1. centre: (B, 2), row and column in pixels, from 0.
    stride, width, intensity: (B,): between centres, and a filter's standard deviation, both in pixels; a factor.

    >>> window = Window.of(torch.zeros(1, 5), n=3, height=9, width=9)
    >>> window.centre, window.stride
    (tensor([[4., 4.]]), tensor([4.]))
    >>> torch.allclose(window.read(torch.ones(1, 1, 9, 9)), torch.ones(1, 1, 3, 3))  # every filter sums to 1
    True
    """

    rows: Tensor
    columns: Tensor
    centre: Tensor
    stride: Tensor
    width: Tensor
    intensity: Tensor

    @classmethod
    def of(cls, parameters: Float[Tensor, "batch 5"], n: int, height: int, width: int) -> "Window":
        """From column, row, log variance, log stride, log intensity as a net puts them out [1, eq. 21 to 24].

        Zeros are a grid from edge to edge whose filters are one pixel wide: on a large image there are gaps between them.
        """
        n, height, width = checks.whole(n=n, height=height, width=width)
        parameters = nets.full_precision(checks.ends([5], lead=1, parameters=parameters))
        column, row, log_variance, log_stride, log_intensity = parameters.unbind(1)
        centre = torch.stack([(height - 1 + (height + 1) * row) / 2, (width - 1 + (width + 1) * column) / 2], 1)
        stride = (max(height, width) - 1) / max(n - 1, 1) * log_stride.exp()
        steps = torch.arange(n).to(stride) - (n - 1) / 2

        def filters(middle: Tensor, size: int) -> Tensor:
            means = middle[:, None] + steps * stride[:, None]
            away = torch.arange(size).to(means) - means[..., None]
            # [1, eq. 25, 26]: Gaussians, normalized over the pixels, also where the window lies outside the image
            return (-away.square() / 2 * torch.exp(-log_variance)[:, None, None]).softmax(-1)

        rows, columns = filters(centre[:, 0], height), filters(centre[:, 1], width)
        return cls(rows, columns, centre, stride, torch.exp(log_variance / 2), log_intensity.exp())

    def read(self, x: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch c n n"]:
        """gamma F_Y x F_X' [1, eq. 27]."""
        return self.intensity[:, None, None, None] * (self.rows[:, None] @ x @ self.columns[:, None].mT)

    def write(self, patch: Float[Tensor, "batch c n n"]) -> Float[Tensor, "batch c h w"]:
        """F_Y' patch F_X / gamma [1, eq. 29]."""
        return self.rows[:, None].mT @ patch @ self.columns[:, None] / self.intensity[:, None, None, None]


class LSTM(nn.Module):
    """An LSTM with a learned first state.

    >>> lstm = LSTM(inputs=3, hidden=4)
    >>> h, c = lstm(torch.ones(2, 3), lstm.start(2))
    >>> h.shape, c.shape
    (torch.Size([2, 4]), torch.Size([2, 4]))
    """

    def __init__(self, inputs: int, hidden: int):
        super().__init__()
        inputs, hidden = checks.whole(inputs=inputs, hidden=hidden)
        self.cell, self.first = nn.LSTMCell(inputs, hidden), nn.Parameter(torch.zeros(hidden))

    def start(self, n: int) -> tuple[Tensor, Tensor]:
        """The state (h, c) for n items, each (n, hidden)."""
        h = self.first.expand(n, -1)
        return h, torch.zeros_like(h)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """x (n, inputs) and a state -> the next state."""
        return self.cell(x, state)


class DRAW(LatentVariableModel):
    """Binary images, drawn in `steps` strokes of `latent` numbers each.

    event_shape: (C, H, W). hidden: units of each LSTM.
    read_size, write_size: N of the windows through which it reads and writes, 2 and 5 in [1] for MNIST; None: whole images.

    >>> model, x = DRAW((1, 8, 8), steps=3, latent=2, hidden=4, read_size=2, write_size=5), torch.ones(5, 1, 8, 8)
    >>> model.kl_by_step(x).shape
    torch.Size([5, 3])
    >>> [canvas.shape for canvas, window in model.strokes(torch.randn(1, 3, 2))]
    [torch.Size([1, 1, 8, 8]), torch.Size([1, 1, 8, 8]), torch.Size([1, 1, 8, 8])]
    """

    reparameterized = True

    def __init__(
        self,
        event_shape: Sequence[int] = (1, 28, 28),
        steps: int = 64,
        latent: int = 100,
        hidden: int = 256,
        read_size: int | None = None,
        write_size: int | None = None,
    ):
        super().__init__()
        steps, latent, hidden = checks.whole(steps=steps, latent=latent, hidden=hidden)
        self.event_shape, self.steps, self.latent = checks.shape(event_shape, 3), steps, latent
        self.read_size = None if read_size is None else checks.whole(read_size=read_size)
        self.write_size = None if write_size is None else checks.whole(write_size=write_size)
        channels, pixels = event_shape[0], math.prod(event_shape)
        seen = pixels if read_size is None else channels * read_size**2
        drawn = pixels if write_size is None else channels * write_size**2
        self.encoder, self.decoder = LSTM(2 * seen + hidden, hidden), LSTM(latent, hidden)
        self.to_latent, self.to_patch = nn.Linear(hidden, 2 * latent), nn.Linear(hidden, drawn)
        self.to_read = None if read_size is None else nn.Linear(hidden, 5)
        self.to_write = None if write_size is None else nn.Linear(hidden, 5)
        self.blank = nn.Parameter(torch.zeros(self.event_shape))
        self.register_buffer("origin", torch.zeros(steps, latent), persistent=False)

    def prior(self, y: Tensor | None = None) -> Independent:
        """p(z) = N(0, I) over (steps, latent)."""
        return nets.gaussian(self.origin, self.origin, 2)

    def posterior(self, h: Float[Tensor, "batch hidden"]) -> Independent:
        """q(z_t | h^enc_t), over (latent,)."""
        return nets.gaussian(*self.to_latent(h).chunk(2, dim=1))

    def read(self, x: Tensor, error: Tensor, h: Tensor) -> tuple[Tensor, Window | None]:
        """What the encoder sees of the image and of what is still missing, (B, ...), and its window, if it has one."""
        window = None
        if self.to_read is not None:
            window = Window.of(self.to_read(h), self.read_size, *self.event_shape[1:])
            x, error = window.read(x), window.read(error)
        return torch.cat([x.flatten(1), error.flatten(1)], dim=1), window

    def write(self, h: Tensor) -> tuple[Float[Tensor, "batch c h w"], Window | None]:
        """What is added to the canvas, and the window, if it has one."""
        patch = nets.full_precision(self.to_patch(h))
        if self.to_write is None:
            return patch.reshape(-1, *self.event_shape), None
        window = Window.of(self.to_write(h), self.write_size, *self.event_shape[1:])
        return window.write(patch.reshape(-1, self.event_shape[0], self.write_size, self.write_size)), window

    def strokes(self, z: Float[Tensor, "batch steps latent"]) -> Iterator[tuple[Tensor, Window | None]]:
        """The canvas (B, C, H, W) of logits after each stroke, and the window through which it was drawn."""
        z = checks.ends(self.origin.shape, lead=1, z=z).to(self.origin.dtype)
        canvas, state = self.blank.expand(len(z), *self.event_shape), self.decoder.start(len(z))
        for t in range(self.steps):
            state = self.decoder(z[:, t], state)
            stroke, window = self.write(state[0])
            canvas = canvas + stroke
            yield canvas, window

    def decode(self, z: Float[Tensor, "*lead steps latent"], y: Tensor | None = None) -> Independent:
        """p(x | z): what is on the canvas at the end."""
        checks.ends(self.origin.shape, z=z)
        *_, (canvas, _) = self.strokes(z.reshape(-1, *z.shape[-2:]))
        return nets.bernoulli(canvas.reshape(*z.shape[:-2], *self.event_shape), 3)

    def inference(self, x: Float[Tensor, "batch c h w"]) -> Iterator[tuple[Independent, Tensor, Tensor, Window | None]]:
        """Look, think, draw: at each step q(z_t | x, z_<t), z_t from it, the canvas after it, and the window of the look."""
        x = checks.items(x, self.event_shape, type(self).__name__).to(self.origin.dtype)
        canvas = self.blank.expand(len(x), *self.event_shape)
        state, hand = self.encoder.start(len(x)), self.decoder.start(len(x))
        for _ in range(self.steps):
            seen, window = self.read(x, x - canvas.sigmoid(), hand[0])
            state = self.encoder(torch.cat([seen, hand[0]], dim=1), state)
            q = self.posterior(state[0])
            z = q.rsample()
            hand = self.decoder(z, hand)
            canvas = canvas + self.write(hand[0])[0]
            yield q, z, canvas, window

    def paths(
        self, x: Tensor, k: int = 1, y: Tensor | None = None
    ) -> tuple[Float[Tensor, "k batch"], Float[Tensor, "k batch"]]:
        x, k = checks.items(x, self.event_shape, type(self).__name__), checks.whole(k=k)
        many = x.repeat(k, 1, 1, 1)
        log_q, zs = 0.0, []
        for q, z, canvas, _ in self.inference(many):
            log_q = log_q + q.log_prob(z)
            zs.append(z)
        log_p = self.prior().log_prob(torch.stack(zs, 1)) + nets.bernoulli(canvas, 3).log_prob(many.to(canvas.dtype))
        return log_p.view(k, -1), log_q.view(k, -1)

    def kl_by_step(self, x: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch steps"]:
        """KL(q(z_t | x, z_<t) || p(z_t)) along one path, in nats: when the image is thought of."""
        p = nets.gaussian(self.origin[0], self.origin[0])
        return torch.stack([kl_divergence(q, p) for q, *_ in self.inference(x)], 1)

    def loss(self, batch: Batch) -> Terms:
        """Minus the ELBO, its KL terms in closed form along one path [1, eq. 9 to 12]."""
        p, kl = nets.gaussian(self.origin[0], self.origin[0]), 0.0
        for q, _, canvas, _ in self.inference(batch.x):
            kl = kl + kl_divergence(q, p)
        reconstruction = nets.bernoulli(canvas, 3).log_prob(batch.x.to(canvas.dtype))
        return {"loss": (kl - reconstruction).mean(), "reconstruction": reconstruction.mean(), "kl": kl.mean()}

    def codes(self, x: Tensor, y: Tensor | None = None, draws: int = 20) -> Float[Tensor, "batch codes"]:
        """E_q[z | x] of all steps side by side, an average over `draws` paths."""
        x, draws = checks.items(x, self.event_shape, type(self).__name__), checks.whole(draws=draws)
        means = torch.stack([q.mean for q, *_ in self.inference(x.repeat(draws, 1, 1, 1))], 1)
        return means.view(draws, len(x), -1).mean(0)
