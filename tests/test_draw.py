"""DRAW: one step without attention is a VAE; filters by hand; KL by Monte Carlo."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import kl_divergence

from lecturekit import Batch, nets
from lecturekit.variational import DRAW, VAE
from lecturekit.variational.draw import Window

SHAPE = (2, 5, 7)


pytestmark = pytest.mark.usefixtures("float64")


def drawer(**options):
    model = DRAW(SHAPE, **{"steps": 3, "latent": 2, "hidden": 4} | options)
    for p in model.parameters():
        p.data.add_(0.3 * torch.randn_like(p))
    return model


def bits(n):
    return (torch.rand(n, *SHAPE) < 0.4).double()


ATTENTION = [{}, {"read_size": 2, "write_size": 3}, {"read_size": 1}, {"write_size": 1}]


def test_one_step_without_attention_is_a_vae():
    draw = drawer(steps=1)

    class Encoder(nn.Module):
        def forward(self, x):
            h = draw.decoder.start(len(x))[0]
            seen = torch.cat([x.flatten(1), (x - draw.blank.sigmoid()).flatten(1), h], 1)
            return draw.to_latent(draw.encoder(seen, draw.encoder.start(len(x)))[0])

    class Decoder(nn.Module):
        def forward(self, z):
            return draw.blank.flatten() + draw.to_patch(draw.decoder(z, draw.decoder.start(len(z)))[0])

    vae, x = VAE(SHAPE, latent=2, encoder=Encoder(), decoder=Decoder()), bits(6)
    torch.manual_seed(1)
    ours = draw.log_weights(x, 3)
    torch.manual_seed(1)
    theirs = vae.log_weights(x, 3)
    # the noise of k paths is drawn in one order by both: (k, B, latent)
    torch.testing.assert_close(ours, theirs)


def filters(middle, stride, variance, n, size):
    """[1, eq. 19, 20, 25, 26] with pixels counted from 1, filter by filter: (B, n, size)."""
    rows = []
    for i in range(1, n + 1):
        mean = middle + (i - n / 2 - 0.5) * stride
        row = torch.stack([torch.exp(-((a - mean) ** 2) / (2 * variance)) for a in range(1, size + 1)], -1)
        rows.append(row / row.sum(-1, keepdim=True))
    return torch.stack(rows, 1)


def window_by_hand(parameters, n):
    """F_Y, F_X and gamma of [1, eq. 21 to 24] for images of 5 rows and 7 columns."""
    g_x, g_y = 8 / 2 * (parameters[:, 0] + 1), 6 / 2 * (parameters[:, 1] + 1)
    variance, stride, gamma = parameters[:, 2].exp(), 6 / max(n - 1, 1) * parameters[:, 3].exp(), parameters[:, 4].exp()
    return filters(g_y, stride, variance, n, 5), filters(g_x, stride, variance, n, 7), gamma[:, None, None, None]


@pytest.mark.parametrize("options", [{}, {"read_size": 2, "write_size": 3}, {"read_size": 3}, {"write_size": 1}])
def test_a_pass_by_hand(options):
    """Eqs. 3 to 8 of [1] written out for three items and three steps: the loss's parts, the weights, and every gradient."""
    m, x = drawer(**options), bits(3)
    read, write = options.get("read_size"), options.get("write_size")

    def pass_by_hand():
        torch.manual_seed(5)
        h_enc, c_enc = m.encoder.first.expand(3, 4), torch.zeros(3, 4)
        h_dec, c_dec = m.decoder.first.expand(3, 4), torch.zeros(3, 4)
        canvas, kl, log_q, log_pz = m.blank.expand(3, *SHAPE), 0.0, 0.0, 0.0
        for _ in range(3):
            error = x - 1 / (1 + torch.exp(-canvas))
            if read is None:
                seen = torch.cat([x.flatten(1), error.flatten(1)], 1)
            else:
                f_y, f_x, gamma = window_by_hand(m.to_read(h_dec), read)
                patches = [gamma * torch.einsum("bnh,bchw,bmw->bcnm", f_y, image, f_x) for image in (x, error)]
                seen = torch.cat([patch.flatten(1) for patch in patches], 1)
            h_enc, c_enc = m.encoder.cell(torch.cat([seen, h_dec], 1), (h_enc, c_enc))
            mean, log_scale = m.to_latent(h_enc)[:, :2], m.to_latent(h_enc)[:, 2:]
            noise = torch.randn(3, 2)
            z = mean + log_scale.exp() * noise
            kl = kl + 0.5 * (mean**2 + (2 * log_scale).exp() - 1 - 2 * log_scale).sum(1)
            log_q = log_q - (noise**2 / 2 + log_scale + math.log(2 * math.pi) / 2).sum(1)
            log_pz = log_pz - (z**2 / 2 + math.log(2 * math.pi) / 2).sum(1)
            h_dec, c_dec = m.decoder.cell(z, (h_dec, c_dec))
            if write is None:
                canvas = canvas + m.to_patch(h_dec).reshape(3, *SHAPE)
            else:
                f_y, f_x, gamma = window_by_hand(m.to_write(h_dec), write)
                patch = m.to_patch(h_dec).reshape(3, 2, write, write)
                canvas = canvas + torch.einsum("bnh,bcnm,bmw->bchw", f_y, patch, f_x) / gamma
        log_px = (x * canvas - torch.log1p(canvas.exp())).sum((1, 2, 3))
        return kl, log_px, log_pz - log_q

    kl, log_px, log_ratio = pass_by_hand()
    torch.manual_seed(5)
    terms = m.loss(Batch(x))
    torch.testing.assert_close(terms["kl"], kl.mean())
    torch.testing.assert_close(terms["reconstruction"], log_px.mean())
    torch.testing.assert_close(terms["loss"], (kl - log_px).mean())
    parameters = list(m.parameters())
    ours, theirs = (torch.autograd.grad(loss, parameters) for loss in (terms["loss"], (kl - log_px).mean()))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)
    torch.manual_seed(5)
    weights = m.log_weights(x, 1)
    torch.testing.assert_close(weights[0], log_px + log_ratio)
    kl, log_px, log_ratio = pass_by_hand()
    ours, theirs = (torch.autograd.grad(w.sum(), parameters) for w in (weights, log_px + log_ratio))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("options", ATTENTION)
def test_the_loss_is_minus_the_elbo_with_the_kl_in_closed_form(options):
    model, x = drawer(**options), bits(3)
    many = x.repeat(4000, 1, 1, 1)
    with torch.no_grad():
        sampled = model.elbo(many)
        closed = -model.loss(Batch(many))["loss"]
        kl = model.kl_by_step(many)
    error = sampled.std() / len(sampled) ** 0.5
    assert abs(sampled.mean() - closed) < 6 * error  # each has its own noise; the closed form has less
    assert kl.shape == (len(many), 3) and (kl >= 0).all()


def test_the_sum_of_the_steps_kl_is_the_losss():
    model, x = drawer(read_size=2, write_size=3), bits(5)
    torch.manual_seed(2)
    kl = model.loss(Batch(x))["kl"]
    torch.manual_seed(2)
    steps = model.kl_by_step(x)
    torch.testing.assert_close(kl, steps.sum(1).mean())
    torch.manual_seed(2)
    q = next(model.inference(x))[0]
    torch.testing.assert_close(steps[:, 0], kl_divergence(q, nets.gaussian(torch.zeros(2), torch.zeros(2))))


@pytest.mark.parametrize("options", ATTENTION)
def test_what_is_drawn_with_a_picture_in_sight_is_what_the_prior_path_draws(options):
    """The canvas depends on z alone: the same z, by `drawn` and by `decode`, give the same picture."""
    model, x = drawer(**options), bits(4)
    steps = list(model.inference(x))
    z = torch.stack([z for _, z, _, _ in steps], 1)
    torch.testing.assert_close(model.decode(z).base_dist.logits, steps[-1][2])
    for (canvas, _), (_, _, seen, _) in zip(model.strokes(z), steps, strict=True):
        torch.testing.assert_close(canvas, seen)


def test_filters_by_hand():
    parameters = torch.tensor([[0.2, -0.4, math.log(0.49), math.log(0.5), math.log(2.0)]])
    window = Window.of(parameters, 3, 5, 7)
    # the paper counts pixels from 1: gX = (A + 1) / 2 (0.2 + 1), gY = (B + 1) / 2 (-0.4 + 1), with A = 7 and B = 5
    x, y, stride = 8 / 2 * 1.2, 6 / 2 * 0.6, 6 / 2 * 0.5
    torch.testing.assert_close(window.centre, torch.tensor([[y - 1, x - 1]]))
    for found, centre, size in ((window.rows, y, 5), (window.columns, x, 7)):
        for i in range(1, 4):
            mu = centre + (i - 3 / 2 - 0.5) * stride
            weights = [math.exp(-((a - mu) ** 2) / (2 * 0.49)) for a in range(1, size + 1)]
            torch.testing.assert_close(found[0, i - 1], torch.tensor(weights) / sum(weights))
    image, patch = torch.randn(1, 2, 5, 7), torch.randn(1, 2, 3, 3)
    for c in range(2):
        seen = 2 * window.rows[0] @ image[0, c] @ window.columns[0].T
        torch.testing.assert_close(window.read(image)[0, c], seen)
        torch.testing.assert_close(window.write(patch)[0, c], window.rows[0].T @ patch[0, c] @ window.columns[0] / 2)
    torch.testing.assert_close(window.width, torch.tensor([0.7]))
    torch.testing.assert_close(window.intensity, torch.tensor([2.0]))


def test_filters_sum_to_one_wherever_they_are():
    parameters = torch.tensor([[50.0, -50.0, -8.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0], [-1.0, 1.0, 3.0, -9.0, 2.0]])
    window = Window.of(parameters, 4, 5, 7)
    for filters in (window.rows, window.columns):
        assert filters.isfinite().all()
        torch.testing.assert_close(filters.sum(-1), torch.ones(3, 4))


def test_a_window_reaches_every_corner_and_covers_all_at_zero():
    for row, column in ((0, 0), (0, 6), (4, 0), (4, 6)):
        # (size + 1) / 2 (g + 1) = place + 1
        g = [2 * (column + 1) / 8 - 1, 2 * (row + 1) / 6 - 1]
        window = Window.of(torch.tensor([[*g, -12.0, -12.0, 0.0]]), 2, 5, 7)
        image = torch.zeros(1, 1, 5, 7)
        image[..., row, column] = 1
        torch.testing.assert_close(window.read(image), torch.ones(1, 1, 2, 2))
        torch.testing.assert_close(window.write(torch.full((1, 1, 2, 2), 0.25)), image)
    whole = Window.of(torch.zeros(1, 5), 7, 7, 7)
    torch.testing.assert_close(whole.stride, torch.ones(1))
    assert whole.rows[0].argmax(-1).tolist() == list(range(7))


def test_codes_are_means_over_paths():
    model, x = drawer(steps=2), bits(3)
    first = next(model.inference(x))[0].mean
    codes = model.codes(x)
    assert codes.shape == (3, 4)
    torch.testing.assert_close(codes[:, :2], first)  # the first step's mean does not depend on any draw
    assert not torch.allclose(model.codes(x, draws=1)[:, 2:], codes[:, 2:])


def test_items_that_are_no_bits_are_refused():
    with pytest.raises(ValueError, match="support"):
        drawer().check(torch.full((2, *SHAPE), 0.5))
