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


@pytest.mark.parametrize(
    "a, b", [(1e-3, 0.0), (1e3, 0.0), (1.0, 1000.0), (1e-3, 1.0), (1e3, -1e6), ([1e-3, 1e3], [1.0, 0.0])]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_on_another_scale_it_learns_the_same(a, b, dtype, covariance, untyped):
    """On a x + b, with another a for each dimension too; the default floor is needed in both."""
    groups = [torch.randn(200, 2) @ torch.tensor([[1.0, 0.3], [0, 0.5]]) + 2, torch.randn(150, 2) - 2]
    flat = torch.randn(40, 2) * torch.tensor([1.0, 0.0]) + torch.tensor([9.0, 0.5])  # has no second extent
    a, b = torch.tensor(a) * torch.ones(2), torch.tensor(b) * torch.ones(2)
    there = (a * torch.cat([*groups, flat]) + b).to(dtype)
    here = (there.double() - b) / a  # what b has cost is lost to both
    learned = []
    for x in here, there:
        torch.manual_seed(3)
        model = GaussianMixture(2, 3, covariance=covariance).to(x.dtype)
        with torch.no_grad():
            model.start(lambda n, x=x: Batch(x[:n]))
            start = model.means.double().clone()
            model.means.copy_(x[[0, 200, 350]])
        learned.append((model, start, torch.stack([model.em_step(x).double() for _ in range(10)])))
    (model, start, values), (twin, other, others) = learned
    error = 20 * torch.finfo(dtype).eps * (10 + (b / a).abs().max().item())  # the points reach to 10
    if a[0] == a[1]:  # or else other items are far away
        torch.testing.assert_close((other - b) / a, start, atol=error, rtol=0)
    torch.testing.assert_close((twin.means.double() - b) / a, model.means, atol=error, rtol=0)
    found = covariances(twin).double() / (a[:, None] * a)
    torch.testing.assert_close(found, covariances(model), atol=error, rtol=0)
    torch.testing.assert_close(twin.prior().probs.double(), model.prior().probs, atol=error, rtol=0)
    torch.testing.assert_close(twin.encode(there).probs.double(), model.encode(here).probs, atol=10 * error, rtol=0)
    torch.testing.assert_close(others + a.log().sum(), values, atol=10 * error, rtol=0)
    unit = here.std(0, correction=0)
    assert math.isclose(torch.linalg.eigvalsh(covariances(model) / unit.outer(unit)).min().item(), 1e-3, rel_tol=1e-4)


@pytest.mark.parametrize("a", [1e-3, 1.0, 1e3])
def test_groups_that_lie_apart_are_told_apart_on_any_scale(a):
    x = a * torch.cat([torch.randn(200, 1) - 4, torch.randn(200, 1) + 4]).float()
    torch.manual_seed(0)
    model = GaussianMixture(1, 2).float()
    with torch.no_grad():
        model.start(lambda n: Batch(x[:n]))
    for _ in range(30):
        model.em_step(x)
    torch.testing.assert_close(
        model.means[:, 0].double().sort().values / a, torch.tensor([-4.0, 4.0]), atol=0.2, rtol=0
    )
    torch.testing.assert_close(covariances(model).double().flatten() / a**2, torch.ones(2), atol=0.3, rtol=0)


def test_means_start_far_from_each_other_by_squared_distance(untyped):
    """k-means++ by hand: the second mean falls on an item with a chance that grows with the square of its distance."""
    x, runs = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0]]).float(), 900
    pairs, model = torch.zeros(3, 3), GaussianMixture(2, 2).float()
    for _ in range(runs):
        with torch.no_grad():
            model.start(lambda n: Batch(x[:n]))
        first, second = (x[:, None] == model.means).all(-1).int().argmax(0).tolist()
        pairs[first, second] += 1
    squares = torch.cdist(x.double(), x.double()).square()
    expected = squares / squares.sum(1, keepdim=True) / 3
    error = (expected * (1 - expected) / runs).sqrt()
    assert ((pairs / runs - expected).abs() <= 4 * error).all()  # and never twice on the same item
    for _ in range(20):
        model = GaussianMixture(2, 3).float()
        with torch.no_grad():
            model.start(lambda n: Batch(x.repeat(50, 1)[:n]))  # many equal items: each still serves once
        assert model.means.unique(dim=0).shape == (3, 2)


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_every_component_starts_with_the_covariance_of_the_whole(x, covariance):
    model = started(x + 100, components=3, covariance=covariance)
    wanted = torch.from_numpy(np.cov((x + 100).T, bias=True))
    wanted = wanted if covariance == "full" else wanted.diagonal().diag_embed()
    torch.testing.assert_close(covariances(model).detach(), wanted.expand(3, 2, 2))
    torch.testing.assert_close(model.prior().probs.detach(), torch.full((3,), 1 / 3))
    with torch.no_grad():  # what `fit` may move: a diagonal covariance stays one
        model.factors.copy_(torch.randn_like(model.factors))
    factor = model.factors[1].detach()
    below = factor.tril(-1) if covariance == "full" else 0 * factor
    factor = below + factor.diagonal().exp().diag_embed()
    torch.testing.assert_close(covariances(model)[1].detach(), factor @ factor.T)
    wanted = MultivariateNormal(model.means[1], factor @ factor.T).log_prob(x) - math.log(3)
    torch.testing.assert_close(model.log_joint(x)[:, 1], wanted)


def test_what_is_refused_changes_nothing(x):
    model = started(x)
    bad = x.index_fill(0, torch.tensor([5]), math.nan)
    before = copy.deepcopy(model.state_dict())
    for call in (
        lambda: model.em_step(bad),
        lambda: next(model.em(bad)),
        lambda: model.m_step(bad, model.log_joint(x)),
        lambda: model.start(lambda n: Batch(bad)),
        lambda: model.em_step(x[:0]),
        lambda: model.start(lambda n: Batch(x[:1].expand(50, -1))),
    ):
        with pytest.raises(ValueError, match="not finite|no items|1 different items"), torch.no_grad():
            call()
    model.floor = 0.0  # a component of one item has no volume
    with pytest.raises(ValueError, match="component 1 has no volume left"), torch.no_grad():
        model.m_step(
            x, torch.tensor([0.0, -800.0]).expand(100, 2).index_put((torch.tensor(7),), torch.tensor([-800.0, 0]))
        )
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


POINTS = torch.randn(64, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float32)
MODEL = GaussianMixture(3, 2).float()


def trained(points, components=2, **options):
    return fit(GaussianMixture(3, components, **options).float(), points, epochs=1, progress=False)


REFUSED = [
    (lambda: GaussianMixture(2, 2, covariance="spherical"), "full.*diagonal"),
    (lambda: GaussianMixture(2, 2, covariance=None), "unknown covariance None"),
    (lambda: GaussianMixture(2, 0), "components must be a whole number of at least 1, not 0"),
    (lambda: GaussianMixture(2.5, 2), "dimensions must be a whole number"),
    (lambda: GaussianMixture((3,), 2), "dimensions must be a whole number"),
    (lambda: GaussianMixture(2, 2, floor=-1e-3), "floor must be a finite number of at least 0"),
    (lambda: GaussianMixture(2, 2, floor=math.nan), "floor must be a finite number of at least 0, not nan"),
    (lambda: GaussianMixture(2, 2, floor="0.1"), "floor must be a finite number"),
    (lambda: trained(torch.randn(20, 2)), "shape"),
    (lambda: trained(POINTS, 100), "64 different items, too few for 100 means: fewer components="),
    (lambda: trained(POINTS.repeat(3, 1), 65), "64 different items, too few for 65 means"),
    (lambda: trained(POINTS * 0), "1 different items, too few for 2"),
    (lambda: trained(POINTS * 0, 1), r"dimension 0 of the data is constant \(3 of 3 are, over 64 items\).*floor="),
    (lambda: trained(POINTS[:1], 1), r"constant \(3 of 3 are, over 1 items\).*take more items"),
    (
        lambda: trained(POINTS * torch.tensor([1.0, 0, 1]) + 0.1),
        r"dimension 1 of the data is constant \(1 of 3.*leave out",
    ),
    (lambda: MODEL.em_step(POINTS * torch.tensor([1.0, 0, 1])), "dimension 1 of the data is constant"),
    (lambda: MODEL.em_step(POINTS[0]), r"x\[None\]"),
    (lambda: MODEL.em_step(POINTS / 0), "not finite"),
    (lambda: next(MODEL.em(POINTS[:, :2])), r"items of shape \(3,\), not \(2,\)"),
    (lambda: MODEL.m_step(POINTS, torch.zeros(64, 1)), r"log_joint must be \(..., 64, 2\), not \(64, 1\)"),
    (lambda: MODEL.log_prob(POINTS[0]), r"x\[None\]"),
    (lambda: MODEL.log_joint(POINTS.tolist()), "x must be a tensor"),
    (lambda: MODEL.encode(POINTS[:, :1]), r"items of shape \(3,\), not \(1,\)"),
    (lambda: MODEL.bound(POINTS[0], 3), r"x\[None\]"),
    (lambda: MODEL.decode(torch.tensor([0, -1])), "z must be whole numbers from 0 to 1"),
    (lambda: MODEL.decode(torch.tensor([2])), "z must be whole numbers from 0 to 1"),
    (lambda: MODEL.decode(torch.tensor([0.0])), "z must be whole numbers from 0 to 1"),
    (lambda: MODEL.decode(torch.tensor([True, False])), "z must be whole numbers from 0 to 1"),
]


@pytest.mark.parametrize("call, message", REFUSED, ids=[message for _, message in REFUSED])
def test_what_it_refuses(call, message, untyped):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


@pytest.mark.parametrize("points", [POINTS * torch.tensor([1.0, 0, 1]), POINTS[:1], POINTS * 0])
def test_with_a_floor_of_ones_own_constant_data_are_no_problem(points):
    model = GaussianMixture(3, 1, floor=0.01).float()
    with torch.no_grad():
        model.start(lambda n: Batch(points[:n]))
    model.em_step(points)
    assert math.isclose(torch.linalg.eigvalsh(covariances(model)).min().item(), 0.01, rel_tol=1e-5)


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
