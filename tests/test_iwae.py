"""The importance-weighted objective on a model whose evidence and posterior are known."""

import pytest
import torch

from lecturekit import Batch, LatentVariableModel, nets
from lecturekit.variational import IWAE, VAE, LinearGaussian, SemiSupervisedVAE


@pytest.fixture
def model():
    torch.manual_seed(0)
    return LinearGaussian(4, 2, noise=0.8).double()


@pytest.fixture
def x():
    return torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def slopes(objective, x, seed=0):
    """{name: gradient of the loss}, with given noise."""
    torch.manual_seed(seed)
    loss = objective.loss(Batch(x))["loss"]
    names, parameters = zip(*objective.model.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(loss, parameters, allow_unused=True), strict=True))


DECODER, ENCODER = ("weight", "bias"), ("recognize", "offset", "log_scale")


def test_the_loss_is_minus_the_bound(model, x):
    for k in (1, 7):
        torch.manual_seed(2)
        bound = model.bound(x, k).mean()
        torch.manual_seed(2)
        torch.testing.assert_close(IWAE(model, k).loss(Batch(x))["loss"], -bound)
        torch.manual_seed(2)
        torch.testing.assert_close(IWAE(model, k, "dreg").loss(Batch(x))["loss"], -bound)
    torch.manual_seed(2)
    elbo = model.elbo(x, 7).mean()
    torch.manual_seed(2)
    torch.testing.assert_close(IWAE(model, 7, "vae").loss(Batch(x))["loss"], -elbo)


def test_its_gradient_is_the_weighted_sum(model, x):
    """Burda et al., eq. 14: sum of w~_i grad log w_i, w~ held fixed."""
    found = slopes(IWAE(model, 6), x)
    torch.manual_seed(0)
    log_w = model.log_weights(x, 6)
    weighted = -(log_w.detach().softmax(0) * log_w).sum(0).mean()
    expected = torch.autograd.grad(weighted, list(model.parameters()))
    for slope, other in zip(found.values(), expected, strict=True):
        torch.testing.assert_close(slope, other)


def test_dreg_leaves_the_decoders_gradient_as_it_is(model, x):
    plain, doubly = slopes(IWAE(model, 6), x), slopes(IWAE(model, 6, "dreg"), x)
    for name in DECODER:
        torch.testing.assert_close(doubly[name], plain[name])


def test_dreg_by_its_formula(model, x):
    """Tucker et al., item by item: sum of w~_i^2 (d log w_i / d z_i) (d z_i / d phi), with q fixed in log w_i."""
    k = 5
    found = slopes(IWAE(model, k, "dreg"), x)
    torch.manual_seed(0)
    q = model.encode(x)
    z = q.rsample((k,))
    leaf = z.detach().requires_grad_()
    fixed = torch.distributions.Independent(torch.distributions.Normal(q.mean.detach(), q.stddev.detach()), 1)
    log_w = model.prior().log_prob(leaf) + model.decode(leaf).log_prob(x) - fixed.log_prob(leaf)
    d_z = torch.autograd.grad(log_w.sum(), leaf)[0]
    squared = log_w.detach().softmax(0).square()[..., None]
    expected = torch.autograd.grad(-(squared * d_z * z).sum() / len(x), [getattr(model, n) for n in ENCODER])
    for name, slope in zip(ENCODER, expected, strict=True):
        torch.testing.assert_close(found[name], slope)


class Shifted(LinearGaussian):
    """Whose q is moved by a vector per item, so that one backward pass gives a gradient for each."""

    shift = 0

    def encode(self, x, y=None):
        q = super().encode(x)
        return nets.gaussian(q.mean + self.shift, q.base_dist.scale.log())


@pytest.mark.parametrize("k, largest", [(2, 0.9), (16, 0.5)])
def test_dreg_has_the_same_mean_and_less_noise(x, k, largest):
    """Of the encoder's gradient, over many draws: copies of one item are as many independent ones."""
    torch.manual_seed(0)
    model, found = Shifted(4, 2, noise=0.8).double(), {}
    for estimator in ("iwae", "dreg"):
        each = []
        for seed in range(10):
            model.shift = torch.zeros(4000, 2, dtype=torch.float64, requires_grad=True)
            torch.manual_seed(seed)
            loss = IWAE(model, k, estimator).loss(Batch(x[:1].expand(4000, -1)))["loss"]
            each.append(torch.autograd.grad(4000 * loss, model.shift)[0])
        found[estimator] = torch.cat(each)
    difference = found["iwae"] - found["dreg"]  # drawn together
    assert (difference.mean(0).abs() < 4.5 * difference.std(0) / 40_000**0.5).all()
    assert (found["dreg"].std(0) < largest * found["iwae"].std(0)).all()


def test_where_q_is_the_posterior_dreg_has_no_noise_at_all(x):
    model = LinearGaussian(4, 1, noise=0.8).double()
    model.match_posterior()  # exact with one latent
    found = slopes(IWAE(model, 5, "dreg"), x)
    assert all(found[name].abs().max() < 1e-12 for name in ENCODER)
    assert slopes(IWAE(model, 5), x)["log_scale"].abs().max() > 1e-3


def test_it_answers_as_its_model(model, x):
    objective = IWAE(model, 3)
    torch.manual_seed(0)
    expected = model.bound(x, 9)
    torch.manual_seed(0)
    torch.testing.assert_close(objective.bound(x, 9), expected)
    torch.manual_seed(0)
    sample = model.sample(5)
    torch.manual_seed(0)
    torch.testing.assert_close(objective.sample(5), sample)
    assert objective.event_shape == (4,)
    with pytest.raises(ValueError, match='view="binary"'):
        IWAE(VAE((1, 2, 2), latent=1, hidden=(3,))).check(torch.full((2, 1, 2, 2), 0.3))


def test_what_it_refuses(model):
    class Layered(LinearGaussian):
        def paths(self, x, k=1, y=None):
            return LatentVariableModel.paths(self, x, k, y)

    with pytest.raises(TypeError, match="one layer of latents"):
        IWAE(Layered(4, 2), 2, "dreg")
    with pytest.raises(TypeError, match="SemiSupervisedVAE"):
        IWAE(SemiSupervisedVAE(), 2)


def test_detached_is_the_same_distribution():
    mean = torch.randn(3, 2, requires_grad=True)
    q = nets.gaussian(mean, mean / 2)
    twin, z = nets.detached(q), torch.randn(3, 2)
    torch.testing.assert_close(twin.log_prob(z), q.log_prob(z))
    assert q.log_prob(z).requires_grad and not twin.log_prob(z).requires_grad
