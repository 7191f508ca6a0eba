"""The mixture of Gaussians beside the sum over its components, scikit-learn's EM, and calculus."""

import copy
import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture as Reference
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from lecturekit import data, fit
from lecturekit.model import Batch, Player
from lecturekit.variational import GaussianMixture


@pytest.fixture(autouse=True)
def _double():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def x():
    return torch.cat([torch.randn(60, 2) @ torch.tensor([[1.0, 0.3], [0, 0.5]]) + 2, torch.randn(40, 2) - 2])


def started(x, **options):
    model = GaussianMixture(x.shape[1], **{"components": 2, "floor": 1e-6} | options)
    with torch.no_grad():
        model.start(lambda n: Batch(x[:n]))
    return model


def covariances(model):
    return model.decode(torch.arange(model.components)).covariance_matrix


def test_the_evidence_is_the_mixture(x):
    model = started(x, components=3)
    with torch.no_grad():
        model.logits.copy_(torch.tensor([0.3, -1.0, 0.5]))
        model.factors.add_(0.3 * torch.randn_like(model.factors))
    reference = MixtureSameFamily(Categorical(logits=model.logits), MultivariateNormal(model.means, covariances(model)))
    torch.testing.assert_close(model.log_prob(x), reference.log_prob(x))


def test_it_integrates_to_one(x):
    model = started(x)
    line = torch.linspace(-12, 12, 241)
    plane = torch.cartesian_prod(line, line)
    assert abs((model.log_prob(plane).exp().sum() * 0.1**2).item() - 1) < 1e-5  # the rest lies outside


def test_with_the_exact_posterior_every_log_weight_is_the_evidence(x):
    model = started(x)
    expected = model.log_prob(x).expand(4, -1)
    torch.testing.assert_close(model.log_weights(x, 4), expected)
    torch.testing.assert_close(model.bound(x, 4), expected[0])


@pytest.mark.parametrize("covariance, name", [("full", "full"), ("diagonal", "diag")])
def test_em_is_scikit_learns(x, covariance, name):
    model = started(x, covariance=covariance)
    inverse = covariances(model).detach().inverse()
    if covariance == "diagonal":
        inverse = inverse.diagonal(dim1=-2, dim2=-1)
    reference = Reference(
        2,
        covariance_type=name,
        tol=0,
        reg_covar=0,
        max_iter=3,  # few, so that where it goes is compared, and not only where it ends
        weights_init=[0.5, 0.5],
        means_init=model.means.detach().numpy(),
        precisions_init=inverse.numpy(),
    )
    with pytest.warns(Warning, match="converge"):
        reference.fit(x.numpy())
    values = [model.em_step(x).item() for _ in range(3)]
    assert all(b > a - 1e-12 for a, b in pairwise(values)) and values[-1] > values[0] + 0.1
    np.testing.assert_allclose(model.means.detach(), reference.means_, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(model.prior().probs.detach(), reference.weights_, rtol=1e-6)
    expected = reference.covariances_ if name == "full" else torch.tensor(reference.covariances_).diag_embed()
    np.testing.assert_allclose(covariances(model).detach(), expected, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(model.encode(x).probs.detach(), reference.predict_proba(x.numpy()), atol=1e-6)


def test_em_without_end_takes_the_same_steps(x):
    model = started(x)
    twin = copy.deepcopy(model)
    values = [twin.em_step(x) for _ in range(3)]
    for value, step in zip(values, model.em(x), strict=False):
        assert torch.equal(value, step)
        assert torch.equal(step, model.log_prob(x).mean())


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_where_em_stands_still_the_gradient_is_zero(x, covariance):
    model = started(x, floor=0.0, covariance=covariance)
    before = torch.autograd.grad(model.loss(Batch(x))["loss"], model.means)[0]
    for _ in range(400):
        model.em_step(x)
    slopes = torch.autograd.grad(model.loss(Batch(x))["loss"], [model.logits, model.means, model.factors])
    assert before.abs().max() > 1e-2 and all(slope.abs().max() < 1e-6 for slope in slopes)


def test_the_gradient_is_that_of_the_expected_log_joint(x):
    """Fisher's identity: grad log p(x) = E[grad log p(x, z)] under the posterior, which is why EM works."""
    model = started(x)
    exact = torch.autograd.grad(model.log_prob(x).sum(), model.means)[0]
    joint = (model.encode(x).probs.detach() * model.log_joint(x)).sum()
    torch.testing.assert_close(torch.autograd.grad(joint, model.means)[0], exact)


def test_fit_climbs_to_where_em_goes(x):
    model, twin = started(x), started(x)
    model.load_state_dict(twin.state_dict())
    model.started.fill_(True)
    for _ in range(100):
        best = twin.em_step(x).item()
    faster = lambda parameters: torch.optim.Adam(parameters, lr=0.03)
    model.players = lambda: [Player(name="model", moves=model, loss=model.loss, optimizer=faster)]
    fit(model, x, epochs=300, batch_size=100, progress=False)
    assert abs(model.log_prob(x).mean().item() - best) < 1e-3


def test_samples_have_the_moments_of_the_mixture(x):
    model = started(x)
    for _ in range(20):
        model.em_step(x)
    torch.manual_seed(1)
    sample = model.sample(200_000)
    torch.testing.assert_close(sample.mean(0), x.mean(0), atol=0.02, rtol=0)  # EM matches the data's mean
    torch.testing.assert_close(sample.T.cov(), x.T.cov(correction=0), atol=0.06, rtol=0)  # and covariance


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_with_a_floor_too_the_likelihood_never_falls(x, covariance):
    model = started(x, components=4, floor=0.5, covariance=covariance)
    values = [model.em_step(x).item() for _ in range(200)]
    assert all(b > a - 1e-12 for a, b in pairwise(values))
    smallest = torch.linalg.eigvalsh(covariances(model)).min().item()
    assert math.isclose(smallest, 0.5, rel_tol=1e-9)  # it was needed
    # and among the covariances that it allows, no neighbour is better
    best = model.log_prob(x).mean()
    for _ in range(50):
        noise = 1e-3 * torch.randn_like(model.factors)
        with torch.no_grad():
            model.factors.add_(noise)
            allowed = torch.linalg.eigvalsh(covariances(model)).min() >= 0.5
            better = model.log_prob(x).mean() > best + 1e-7
            model.factors.sub_(noise)
        assert not (allowed and better)


def test_the_floor_is_the_smallest_variance():
    point = torch.randn(50, 2) * torch.tensor([1.0, 0.0])  # no extent in the second direction
    model = started(point, components=1, floor=0.01)
    model.em_step(point)
    assert math.isclose(torch.linalg.eigvalsh(covariances(model)).min().item(), 0.01, rel_tol=1e-9)
    with pytest.raises(ValueError, match="component 0 has no volume left.*floor"):
        started(point, components=1, floor=0.0)


def test_a_component_without_any_item_is_left_alone(x):
    model = started(x)
    with torch.no_grad():
        model.means[1] += 1e6
    model.em_step(x)
    assert model.log_prob(x).isfinite().all() and all(p.isfinite().all() for p in model.parameters())


def test_bad_requests():
    with pytest.raises(ValueError, match="full.*diagonal"):
        GaussianMixture(2, 2, covariance="spherical")
    with pytest.raises(ValueError, match="components >= 1"):
        GaussianMixture(2, 0)
    same = torch.ones(20, 2)
    with pytest.raises(ValueError, match="1 different items, too few for 2"):
        started(same)
    with pytest.raises(ValueError, match="shape"):
        fit(GaussianMixture(2, 2), torch.randn(20, 3), epochs=1, progress=False)


def test_it_finds_the_eight_gaussians():
    """Of the ring, whose density is known: the mixture's likelihood reaches it."""
    ring = data.load("toy2d", density="ring-of-gaussians")
    x, _ = ring.train.tensors()
    torch.manual_seed(0)
    models = [started(x.double(), components=8) for _ in range(4)]  # EM ends in the nearest of many summits
    best = max(models, key=lambda model: [model.em_step(x).item() for _ in range(40)][-1])
    test, _ = ring.test.tensors()
    gap = (ring.density.log_prob(test) - best.log_prob(test.double())).mean().item()
    assert abs(gap) < 0.02
