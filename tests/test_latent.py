"""latent.py against a linear-Gaussian model whose evidence and posterior are known."""

import math

import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence
from torch.nn.functional import softmax

from lecturekit import Batch, LatentVariableModel, fit
from lecturekit.evaluate import active_units
from lecturekit.nets import gaussian
from lecturekit.variational import VAE, LinearGaussian


@pytest.fixture
def model():
    model = LinearGaussian(5, 2, noise=0.7).double()
    model.bias.data = torch.linspace(-1, 1, 5, dtype=torch.float64)
    return model


@pytest.fixture
def x(model):
    return torch.randn(4, 5, dtype=torch.float64)


def test_evidence_by_quadrature(model, x):
    """p(x) = int p(z) p(x | z) dz on a fine grid: an oracle that knows nothing of Gaussian algebra."""
    line = torch.linspace(-9, 9, 1201, dtype=torch.float64)
    z = torch.cartesian_prod(line, line)[:, None, :]  # (G, 1, 2)
    log_joint = model.prior().log_prob(z) + model.decode(z).log_prob(x)
    area = (line[1] - line[0]) ** 2
    torch.testing.assert_close(log_joint.logsumexp(0) + area.log(), model.log_prob(x), atol=1e-8, rtol=0)


def test_bayes_rule_holds_at_every_z(model, x):
    """log p(x, z) - log p(z | x) = log p(x), whatever z."""
    z = torch.randn(7, 4, 2, dtype=torch.float64)
    log_joint = model.prior().log_prob(z) + model.decode(z).log_prob(x)
    evidence = log_joint - model.posterior(x).log_prob(z)
    torch.testing.assert_close(evidence, model.log_prob(x).expand(7, 4))


def test_paths_are_the_joint_and_q_at_the_same_z(model, x):
    torch.manual_seed(3)
    log_joint, log_q = model.paths(x, k=6)
    torch.manual_seed(3)
    z = model.encode(x).rsample((6,))
    assert log_joint.shape == log_q.shape == (6, 4)
    torch.testing.assert_close(log_q, model.encode(x).log_prob(z))
    torch.testing.assert_close(log_joint, model.prior().log_prob(z) + model.decode(z).log_prob(x))


def test_elbo_is_the_evidence_less_the_kl_to_the_posterior(model, x):
    """The gap of the bound (Kingma & Welling, eq. 1), in expectation; and no gap where q is the posterior."""
    weights = model.log_weights(x, k=40_000).detach()
    q, p = model.encode(x), model.posterior(x)
    full_q = torch.distributions.MultivariateNormal(q.mean, scale_tril=torch.diag_embed(q.stddev))
    expected = (model.log_prob(x) - kl_divergence(full_q, p)).detach()
    standard_error = weights.std(0) / math.sqrt(len(weights))
    assert ((weights.mean(0) - expected).abs() < 4 * standard_error).all()

    model.weight.data = torch.linalg.qr(model.weight.data).Q * torch.tensor([2.0, 0.5], dtype=torch.float64)
    model.match_posterior()  # orthogonal columns: the posterior is diagonal, and every sample gives the evidence
    torch.testing.assert_close(model.elbo(x), model.log_prob(x))


def test_bound_of_one_sample_is_the_elbo_on_the_same_noise(model, x):
    torch.manual_seed(5)
    elbo = model.elbo(x, 1)
    torch.manual_seed(5)
    torch.testing.assert_close(model.bound(x, 1), elbo)


def test_elbo_and_bound_by_hand(model, x):
    torch.manual_seed(1)
    w = model.log_weights(x, k=3).exp()
    torch.manual_seed(1)
    torch.testing.assert_close(model.elbo(x, 3), w.log().sum(0) / 3)
    torch.manual_seed(1)
    torch.testing.assert_close(model.bound(x, 3), (w.sum(0) / 3).log())


def test_bound_rises_with_k_to_the_evidence(model, x):
    """Burda et al. (2016), theorem 1: E[L_1] <= E[L_4] <= E[L_16] <= E[L_64] <= log p(x), each step beyond its noise."""
    model.match_posterior()
    model.log_scale.data += 0.7  # not too good a q, or there would be nothing to gain
    evidence = model.log_prob(x)
    weights = model.log_weights(x, k=64 * 2000).detach().reshape(64, 2000, 4)
    previous = None
    for k in (1, 4, 16, 64):
        bounds = weights.reshape(64 // k, k, 2000, 4).logsumexp(1).reshape(-1, 4) - math.log(k)
        mean, error = bounds.mean(0), bounds.std(0) / math.sqrt(len(bounds))
        assert (mean < evidence + 4 * error).all()
        if previous is not None:
            assert (mean > previous).all()
        previous = mean
    assert (evidence - previous < 0.05).all()


def test_gradient_of_the_bound_is_the_self_normalized_weighted_sum(model, x):
    """grad L_k = sum_i w_i / sum_j w_j grad log w_i (Burda et al. 2016, eq. 13)."""
    parameters = list(model.parameters())
    torch.manual_seed(2)
    bound = torch.autograd.grad(model.bound(x, 5).sum(), parameters)
    torch.manual_seed(2)
    log_w = model.log_weights(x, 5)
    weighted = torch.autograd.grad((softmax(log_w, 0).detach() * log_w).sum(), parameters)
    for a, b in zip(bound, weighted, strict=True):
        torch.testing.assert_close(a, b)


def test_loss_is_minus_the_mean_elbo(model, x):
    torch.manual_seed(4)
    elbo = model.elbo(x)
    torch.manual_seed(4)
    torch.testing.assert_close(model.loss(Batch(x))["loss"], -elbo.mean())


def test_maximizing_the_elbo_reaches_the_evidence_of_principal_components():
    """With the bound tight, training ends at the maximum-likelihood solution (Tipping & Bishop 1999, section 3.2)."""
    torch.manual_seed(0)
    data = torch.randn(500, 4, dtype=torch.float64) @ torch.diag(torch.tensor([2.0, 1.0, 0.5, 0.5]).double())
    data = data - data.mean(0)
    model = LinearGaussian(4, 1, noise=0.6).double()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(1500):
        optimizer.zero_grad()
        model.loss(Batch(data))["loss"].backward()
        optimizer.step()
    eigenvalues, vectors = torch.linalg.eigh(data.T @ data / 500)
    best = LinearGaussian(4, 1, noise=0.6).double()
    best.weight.data = vectors[:, -1:] * (eigenvalues[-1] - 0.6**2).sqrt()
    assert model.log_prob(data).mean() > best.log_prob(data).mean() - 0.02
    assert model.log_prob(data).mean() < best.log_prob(data).mean() + 1e-9


class Coin(LatentVariableModel):
    """One hidden bit: no reparameterized draw."""

    event_shape = (1,)

    def __init__(self):
        super().__init__()
        self.logit = torch.nn.Parameter(torch.zeros(1))

    def prior(self, y=None):
        return Independent(Bernoulli(logits=torch.zeros(1)), 1)

    def encode(self, x, y=None):
        return Independent(Bernoulli(logits=self.logit.expand(len(x), 1)), 1)

    def decode(self, z, y=None):
        return Independent(Bernoulli(logits=3 * z - 1), 1)


def test_discrete_latents_have_bounds_but_no_pathwise_loss():
    x, model = torch.ones(2, 1), Coin()
    assert model.bound(x, 3).shape == (2,)
    exact = (0.5 * torch.sigmoid(torch.tensor(-1.0)) + 0.5 * torch.sigmoid(torch.tensor(2.0))).log()
    torch.testing.assert_close(model.bound(x, 50_000).detach(), exact.expand(2), atol=0.01, rtol=0)
    with pytest.raises(TypeError, match="score-function"):
        model.loss(Batch(x))


def test_a_model_with_paths_of_its_own_must_say_that_they_are_reparameterized(model, x):
    class Layered(LatentVariableModel):
        event_shape = (5,)

        def paths(self, x, k=1, y=None):
            return model.paths(x, k, y)

    layered = Layered()
    with pytest.raises(TypeError, match="reparameterized = True"):
        layered.loss(Batch(x))
    layered.reparameterized = True
    assert layered.loss(Batch(x))["loss"].isfinite()
    layered.inner = model  # what there is to train
    assert len(fit(layered, x, epochs=1, batch_size=2, progress=False)["model/loss"])


class Labelled(LatentVariableModel):
    """p(z | y) = N(y, 1), p(x | z, y) = N(z + y, 1), q(z | x, y) = N(x - y, 1): every distribution looks at y."""

    event_shape = (1,)

    def __init__(self):
        super().__init__()
        self.shift = torch.nn.Parameter(torch.zeros(1))

    def conditions(self, y, n=None):
        return y

    def prior(self, y=None):
        return gaussian(y[:, None].float(), torch.zeros(len(y), 1))

    def encode(self, x, y=None):
        return gaussian(x - y[:, None] + self.shift, torch.zeros_like(x))

    def decode(self, z, y=None):
        return gaussian(z + y[:, None], torch.zeros_like(z))


def test_labels_reach_every_distribution():
    model, x, y = Labelled(), torch.randn(3, 1), torch.tensor([0, 5, -2])
    torch.manual_seed(1)
    log_joint, log_q = model.paths(x, 4, y)
    torch.manual_seed(1)
    z = Normal(x - y[:, None], 1).rsample((4,))
    expected = Normal(y[:, None].float(), 1).log_prob(z) + Normal(z + y[:, None], 1).log_prob(x)
    torch.testing.assert_close(log_joint, expected[..., 0])
    torch.testing.assert_close(log_q, Normal(x - y[:, None], 1).log_prob(z)[..., 0])
    for quantity in (
        lambda: model.loss(Batch(x, y))["loss"],
        lambda: -model.elbo(x, 1, y).mean(),
        lambda: -model.bound(x, 1, y).mean(),
    ):
        torch.manual_seed(1)
        torch.testing.assert_close(quantity(), -(model_weights(model, x, y)).mean())
    many = model.sample(40_000, torch.tensor([3]).expand(40_000))
    assert many.shape == (40_000, 1) and many.mean().item() == pytest.approx(6, abs=0.05)
    model.check(x, y)
    units = active_units(model, torch.zeros(4, 1), torch.tensor([0, 5, -2, 1]))
    assert units.tolist() == [True]  # the encoder's mean moves with y alone


def model_weights(model, x, y):
    torch.manual_seed(1)
    return model.log_weights(x, 1, y)


def test_codes_are_the_means_of_q(model, x):
    assert torch.equal(model.codes(x), model.encode(x).mean)


def test_with_as_many_samples_as_items_the_average_is_over_the_samples(model, x):
    torch.manual_seed(1)
    log_w = model.log_weights(x, k=4)
    for found, expected in ((model.bound, log_w.logsumexp(0) - math.log(4)), (model.elbo, log_w.mean(0))):
        torch.manual_seed(1)
        torch.testing.assert_close(found(x, 4), expected)
    torch.manual_seed(1)
    many = model.log_weights(x[:1].expand(4, -1), k=4)  # one item: every draw is its own
    assert many.unique().numel() == 16


def test_sample_has_the_moments_of_the_model(model):
    x = model.sample(200_000)
    assert x.shape == (200_000, 5)
    covariance = model.weight @ model.weight.T + 0.49 * torch.eye(5)
    torch.testing.assert_close(torch.cov(x.T), covariance.detach(), atol=0.1, rtol=0.02)


def test_bounds_are_of_data_that_the_model_can_have():
    model, grey = VAE((3,), latent=1, hidden=(4,)), torch.full((2, 3), 0.5)
    for ask in (lambda x: model.log_weights(x, 2), model.elbo, lambda x: model.bound(x, 2)):
        with pytest.raises(ValueError, match="outside the support"):
            ask(grey)
        assert ask(grey.round()).isfinite().all()
