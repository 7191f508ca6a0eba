"""Toy densities: log_prob is exact, and samples follow it."""

import math

import pytest
import torch

from lecturekit import data
from lecturekit.data.toy2d import DENSITIES, EXTENT, BentGaussians, named, ring_of_gaussians

SIDE, STEP = 6.0, 0.05  # a grid of cell centres over [-6, 6]^2; its lines contain the checkerboard's edges


@pytest.fixture(params=DENSITIES, scope="module")
def density(request):
    return named(request.param)


@pytest.fixture(scope="module")
def cells(density):
    """Probability of every cell by the midpoint rule, (240, 240)."""
    axis = torch.arange(-SIDE + STEP / 2, SIDE, STEP, dtype=torch.float64)
    rows = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1)
    return torch.stack([density.log_prob(row) for row in rows]).exp() * STEP**2


def test_integrates_to_one_nearly_all_in_the_frame(cells):
    edge = round((SIDE - EXTENT) / STEP)
    inside = cells[edge:-edge, edge:-edge].sum()
    assert cells.sum() == pytest.approx(1, abs=1e-3)
    assert inside > 0.9985


def test_samples_follow_log_prob(density, cells):
    n, coarse = 100_000, 10  # bins of side 0.5
    x = density.sample((n,))
    expected = n * cells.unfold(0, coarse, coarse).unfold(1, coarse, coarse).sum((-1, -2))
    edges = torch.linspace(-SIDE, SIDE, len(expected) + 1)
    observed = torch.histogramdd(x, [edges, edges]).hist
    full = expected > 10
    chi2 = ((observed - expected).square() / expected)[full].sum()
    freedom = int(full.sum()) - 1
    assert chi2 < freedom + 5 * math.sqrt(2 * freedom) + 5
    assert observed[~full].sum() < n * 2e-3
    assert density.log_prob(x).isfinite().all()


def test_samples_come_from_the_generator(density):
    def draw(seed):
        return density.sample((2, 3), torch.Generator().manual_seed(seed))

    state = torch.get_rng_state()
    assert draw(1).shape == (2, 3, 2) and draw(1).dtype == torch.float32
    assert torch.equal(draw(1), draw(1)) and not torch.equal(draw(1), draw(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert density.sample().shape == (2,)


@pytest.mark.parametrize("name", sorted(DENSITIES.keys() - {"checkerboard"}))
def test_log_prob_can_be_differentiated(name):
    density = named(name)
    x = density.sample((5,)).double().requires_grad_()
    assert torch.autograd.gradcheck(density.log_prob, x)


def test_one_gaussian_of_the_ring_by_hand():
    ring = named("ring-of-gaussians")
    at_mode = -math.log(8 * 2 * math.pi * 0.25**2)  # the neighbours are seven scales away
    assert ring.log_prob(torch.tensor([2.5, 0.0])).item() == pytest.approx(at_mode, abs=1e-6)
    with pytest.raises(ValueError, match=r"\(\.\.\., 2\), not \(3,\)"):
        ring.log_prob(torch.zeros(3))


def test_loads_as_a_dataset():
    a, b = (data.load("toy2d", density="banana") for _ in range(2))
    assert a.train.x.shape == (10000, 2) and (len(a.valid), len(a.test)) == (2000, 2000)
    assert a.train.y is None and a.event_shape == (2,) and a.train.x.dtype == torch.float32
    assert torch.equal(a.train.x, b.train.x) and not torch.equal(a.valid.x, a.test.x)
    index = torch.tensor([4, 2])
    assert torch.equal(a.train.batch(index)[0], a.train.x[index])
    assert torch.equal(a.train.tensors()[0], a.train.x)
    assert torch.equal(a.density.log_prob(a.test.x), named("banana").log_prob(a.test.x))


def test_a_ring_has_the_scale_and_the_radius_that_it_is_given():
    ring = ring_of_gaussians(scale=0.1, radius=3.0)
    x = ring.sample((20_000,))
    angle = torch.atan2(x[:, 1], x[:, 0]) / (math.pi / 4)
    assert (angle - angle.round()).abs().max() < 0.3 and x.norm(dim=-1).mean().item() == pytest.approx(3.0, abs=0.01)
    near = (x - ring.centres.float()[1]).norm(dim=-1) < 1
    assert x[near].std(0).tolist() == pytest.approx(
        [0.1, 0.1], rel=0.1
    ) and near.float().mean().item() == pytest.approx(1 / 8, abs=0.01)


MOONS, EYE = named("two-moons"), torch.eye(2)
REFUSED = [
    (lambda: data.load("toy2d", density="two-moon"), "did you mean 'two-moons'"),
    (lambda: data.load("toy2d", density=None), "unknown density None"),
    (lambda: data.load("toy2d", view="binary"), "without a view"),
    (lambda: named(["banana"]), r"unknown density \['banana'\]"),
    (lambda: MOONS.sample(5), "sample_shape must be a sequence"),
    (lambda: MOONS.sample((2.5,)), r"sample_shape\[0\] must be a whole number"),
    (lambda: MOONS.sample((-1,)), r"sample_shape\[0\] must be a whole number of at least 0, not -1"),
    (lambda: MOONS.sample((2,), generator=3), "generator"),
    (lambda: MOONS.log_prob(torch.zeros(5, 3)), r"shape \(..., 2\), not \(5, 3\)"),
    (lambda: MOONS.log_prob([0.0, 0.0]), "value must be a tensor"),
    (lambda: named("checkerboard").log_prob(torch.tensor([math.nan, 0.0])), "there is a nan"),
    (lambda: ring_of_gaussians(scale=0.0), "scale must be positive and finite"),
    (lambda: ring_of_gaussians(scale="x"), "scale must be positive and finite"),
    (lambda: ring_of_gaussians(radius=-2.0), "radius must be positive and finite, not -2"),
    (lambda: BentGaussians(torch.zeros(2), EYE), r"centres must be \(batch, 2\), not \(2,\)"),
    (lambda: BentGaussians([[0, 0]], EYE), "centres must be a tensor"),
    (lambda: BentGaussians(torch.zeros(0, 2), EYE), "at least one finite point"),
    (lambda: BentGaussians(torch.zeros(3, 2) / 0, EYE), "finite point"),
    (lambda: BentGaussians(torch.zeros(3, 2), torch.zeros(2, 2)), "invertible"),
    (lambda: BentGaussians(torch.zeros(3, 2), torch.eye(3)), "factors must be"),
    (
        lambda: BentGaussians(torch.zeros(3, 2), EYE.expand(2, 2, 2)),
        r"factors must be.*3, 2, 2.*not \(2, 2, 2\)",
    ),
    (lambda: BentGaussians(torch.zeros(3, 2), EYE, bend=1.0), "bend and straighten must be functions"),
]


@pytest.mark.parametrize("call, message", REFUSED, ids=[message for _, message in REFUSED])
def test_what_it_refuses(call, message, untyped):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_whole_points_and_empty_shapes():
    x = torch.tensor([[1, -1], [0, 2]])
    assert torch.equal(MOONS.log_prob(x), MOONS.log_prob(x.float()))
    assert MOONS.sample((0,)).shape == (0, 2) and MOONS.sample([2, 3]).shape == (2, 3, 2)
