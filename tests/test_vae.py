"""The VAE: its terms by hand, the closed-form KL against sampling and autograd, a decoder whose evidence is known."""

import math

import pytest
import torch
from torch import nn

from lecturekit import Batch, fit
from lecturekit.variational import VAE, LinearGaussian


def tiny(**options):
    return VAE(**{"event_shape": (1, 3, 4), "latent": 2, "hidden": (5,)} | options).double()


def bits(n=6, shape=(1, 3, 4)):
    return torch.bernoulli(torch.full((n, *shape), 0.5, dtype=torch.float64))


def test_elbo_by_hand():
    """log p(x | z) + log p(z) - log q(z | x), written out with the nets' own numbers."""
    model, x = tiny(), bits()
    torch.manual_seed(1)
    elbo = model.elbo(x)
    torch.manual_seed(1)
    mean, log_scale = model.encoder(x).chunk(2, dim=1)
    epsilon = torch.randn(1, 6, 2, dtype=torch.float64)[0]
    z = mean + log_scale.exp() * epsilon
    logits = model.decoder(z).reshape(x.shape)
    log_px = (x * logits - torch.log1p(logits.exp())).sum((1, 2, 3))
    log_pz = (-0.5 * z**2 - 0.5 * math.log(2 * math.pi)).sum(1)
    log_qz = (-0.5 * epsilon**2 - log_scale - 0.5 * math.log(2 * math.pi)).sum(1)
    torch.testing.assert_close(elbo, log_px + log_pz - log_qz)


def test_loss_terms_by_hand():
    model, x = tiny(), bits()
    torch.manual_seed(1)
    terms = model.loss(Batch(x))
    mean, log_scale = model.encoder(x).chunk(2, dim=1)
    kl = 0.5 * (mean**2 + (2 * log_scale).exp() - 1 - 2 * log_scale).sum(1)  # Kingma & Welling, appendix B
    torch.testing.assert_close(terms["kl"], kl.mean())
    torch.testing.assert_close(terms["loss"], terms["kl"] - terms["reconstruction"])
    torch.manual_seed(1)
    z = mean + log_scale.exp() * torch.randn_like(mean)
    torch.testing.assert_close(terms["reconstruction"], model.decode(z).log_prob(x).mean())


def test_sampled_and_closed_form_kl_agree_in_expectation_with_gradients():
    """The closed form is a variance option: same value, same gradient, less noise in the KL term."""
    model, x = tiny(), bits(2)
    closed = VAE.loss(model, Batch(x))["kl"]
    grads = torch.autograd.grad(closed, list(model.encoder.parameters()))
    model.closed_form_kl = False
    many = x.repeat_interleave(20_000, 0)
    sampled = model.loss(Batch(many))["kl"]
    torch.testing.assert_close(sampled, closed, atol=0.02, rtol=0)
    for a, b in zip(torch.autograd.grad(sampled, list(model.encoder.parameters())), grads, strict=True):
        torch.testing.assert_close(a, b, atol=0.05, rtol=0)
    with torch.no_grad():
        torch.manual_seed(0)
        noise = [model.loss(Batch(x))["kl"].item() for _ in range(5)]
        model.closed_form_kl = True
        still = [model.loss(Batch(x))["kl"].item() for _ in range(5)]
    assert len(set(noise)) == 5 and len(set(still)) == 1


def test_loss_without_closed_form_is_minus_the_elbo_on_the_same_noise():
    model, x = tiny(closed_form_kl=False), bits()
    torch.manual_seed(2)
    elbo = model.elbo(x).mean()
    torch.manual_seed(2)
    torch.testing.assert_close(model.loss(Batch(x))["loss"], -elbo)


def test_a_vae_with_linear_nets_is_probabilistic_pca():
    """A decoder whose evidence is known: with the posterior as encoder the bound equals log p(x) on every sample."""
    oracle = LinearGaussian(4, 2, noise=0.5).double()
    oracle.weight.data = torch.linalg.qr(oracle.weight.data).Q * torch.tensor([1.5, 0.7], dtype=torch.float64)
    oracle.bias.data = torch.randn(4, dtype=torch.float64)
    oracle.match_posterior()
    encoder, decoder = nn.Linear(4, 4), nn.Linear(2, 8)
    model = VAE((4,), latent=2, likelihood="gaussian", encoder=encoder, decoder=decoder).double()
    with torch.no_grad():
        encoder.weight.copy_(torch.cat([oracle.recognize, torch.zeros(2, 4)]))
        encoder.bias.copy_(torch.cat([oracle.offset, oracle.log_scale]))
        decoder.weight.copy_(torch.cat([oracle.weight, torch.zeros(4, 2)]))
        decoder.bias.copy_(torch.cat([oracle.bias, torch.full((4,), math.log(0.5))]))
    x = oracle.sample(5)
    evidence = oracle.log_prob(x)
    torch.testing.assert_close(model.elbo(x), evidence)
    torch.testing.assert_close(model.bound(x, 7), evidence)


def test_a_tiny_vae_by_enumerating_every_image():
    """The evidence, by quadrature over one latent, sums to 1 over all 16 images of four pixels; L_k stays below it."""
    torch.manual_seed(3)
    model = tiny(event_shape=(1, 2, 2), latent=1)
    for p in model.decoder.parameters():
        p.data.mul_(3)
    for p in model.encoder.parameters():
        p.data.zero_()  # q is the prior, so that the weights are bounded
    images = torch.cartesian_prod(*[torch.tensor([0.0, 1.0]).double()] * 4).reshape(16, 1, 2, 2)
    line = torch.linspace(-10, 10, 4001, dtype=torch.float64)
    z = line[:, None, None].expand(-1, 16, 1)
    log_joint = model.prior().log_prob(z) + model.decode(z).log_prob(images)
    evidence = log_joint.logsumexp(0) + (line[1] - line[0]).log()
    assert evidence.exp().sum().item() == pytest.approx(1, abs=1e-9)
    bound = torch.stack([model.bound(images, 2000) for _ in range(10)]).mean(0)
    torch.testing.assert_close(bound, evidence, atol=0.01, rtol=0)


@pytest.mark.parametrize(
    ("likelihood", "x"),
    [
        ("bernoulli", bits(4)),
        ("gaussian", torch.randn(4, 1, 3, 4).double()),
        ("discretized-logistic", torch.randint(0, 256, (4, 1, 3, 4))),
    ],
)
def test_every_likelihood_trains_samples_and_keeps_its_range(likelihood, x):
    model = VAE((1, 3, 4), latent=2, hidden=(8,), likelihood=likelihood)
    data = x.float() if x.is_floating_point() else x
    losses = fit(model, data, epochs=60, batch_size=4, progress=False)["model/loss"]
    assert sum(losses[-10:]) < sum(losses[:10])
    sample = model.sample(6)
    assert sample.shape == (6, 1, 3, 4)
    if likelihood == "bernoulli":
        assert set(sample.unique().tolist()) <= {0, 1}
    if likelihood == "discretized-logistic":
        assert torch.equal(sample, sample.round()) and 0 <= sample.min() and sample.max() <= 255


def test_nets_of_your_own_with_more_than_one_channel():
    encoder = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Flatten(), nn.Linear(4 * 5 * 6, 14))
    decoder = nn.Sequential(nn.Linear(7, 2 * 5 * 6), nn.Unflatten(1, (2, 5, 6)), nn.ConvTranspose2d(2, 6, 3, padding=1))
    model = VAE((3, 5, 6), latent=7, likelihood="gaussian", encoder=encoder, decoder=decoder)
    x = torch.rand(4, 3, 5, 6)
    assert model.bound(x, 3).shape == (4,)
    location = decoder(torch.ones(1, 7))[:, :3]
    torch.testing.assert_close(model.decode(torch.ones(1, 7)).mean, location)


def test_the_default_nets_are_those_of_the_figure():
    sizes = [m.weight.shape for m in VAE().modules() if isinstance(m, nn.Linear)]
    assert sizes == [(500, 784), (500, 500), (100, 500), (500, 50), (500, 500), (784, 500)]
    narrowing = [m.weight.shape[0] for m in VAE((6,), 2, (5, 4)).modules() if isinstance(m, nn.Linear)]
    assert narrowing == [5, 4, 4, 4, 5, 6]


def test_what_the_options_choose():
    """Levels and activation reach the nets and the likelihood."""
    model = VAE((2,), latent=1, hidden=(3,), activation=nn.Tanh, likelihood="discretized-logistic", levels=4).double()
    assert isinstance(model.encoder[1][1], nn.Tanh) and isinstance(model.decoder[1], nn.Tanh)
    z = torch.tensor([[0.7]], dtype=torch.float64)
    location, log_scale = model.decoder(z).chunk(2, -1)
    masses = model.decode(z.expand(4, 1)).base_dist.log_prob(torch.arange(4.0).double()[:, None]).exp()
    edges = (torch.arange(3).double() + 0.5)[:, None] / 3
    below = torch.cat([torch.zeros(1, 2), torch.sigmoid((edges - location) / log_scale.exp()), torch.ones(1, 2)])
    torch.testing.assert_close(masses, below.diff(dim=0))
    with pytest.raises(ValueError, match="support"):
        model.check(torch.tensor([[3, 4]]))


def test_the_encoder_sees_levels_as_numbers_between_0_and_1():
    class Spy(nn.Module):
        def forward(self, x):
            self.seen = x
            return torch.zeros(len(x), 4)

    spy = Spy()
    model = VAE((3,), latent=2, likelihood="discretized-logistic", levels=16, encoder=spy)
    model.encode(torch.tensor([[0, 5, 15]]))
    torch.testing.assert_close(spy.seen, torch.tensor([[0, 1 / 3, 1.0]]))


def test_data_outside_the_support_are_refused_with_the_view_to_use():
    model = VAE((1, 3, 4), latent=2, hidden=(5,))
    with pytest.raises(ValueError, match='view="binary"'):
        fit(model, torch.rand(8, 1, 3, 4), epochs=1, progress=False)
    mostly = bits()
    mostly[-1, 0, 0, 0] = 2
    with pytest.raises(ValueError, match="support"):  # one pixel of all is enough
        model.check(mostly.float())
    with pytest.raises(ValueError, match="support"):
        VAE((1, 3, 4), 2, (5,), likelihood="discretized-logistic").check(torch.full((2, 1, 3, 4), 256))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool, torch.float32, torch.float64])
def test_bits_of_any_type_are_bits(dtype):
    model, x = VAE((1, 3, 4), latent=2, hidden=(5,)), bits().to(dtype)
    model.check(x)
    assert model.bound(x, 2).isfinite().all()
    fit(model, x, epochs=1, batch_size=3, progress=False)


def test_an_empty_net_of_your_own_stays():
    assert len(VAE((4,), latent=2, encoder=nn.Sequential()).encoder) == 0


def test_a_latent_without_a_path_is_refused():
    class Discrete(VAE):
        def encode(self, x, y=None):
            return torch.distributions.Independent(torch.distributions.Bernoulli(logits=self.encoder(x)[:, :2]), 1)

    with pytest.raises(TypeError, match="score-function"):
        Discrete((1, 3, 4), latent=2, hidden=(5,)).loss(Batch(bits().float()))


def test_labels_are_handed_on_by_the_loss():
    class Watch(VAE):
        def prior(self, y=None):
            assert y is not None
            return super().prior(y)

        def encode(self, x, y=None):
            assert y is not None
            return super().encode(x, y)

        def decode(self, z, y=None):
            assert y is not None
            return super().decode(z, y)

    Watch((1, 3, 4), latent=2, hidden=(5,)).loss(Batch(bits().float(), torch.arange(6)))
