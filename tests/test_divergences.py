"""Divergences beside closed forms, SciPy, and a linear program."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, wasserstein_distance
from torch.distributions import Normal, kl_divergence

from lecturekit.evaluate import divergences as d

RANDOM = torch.Generator().manual_seed(0)
POINTS = torch.rand(12, generator=RANDOM, dtype=torch.float64).mul(10).sort()[0]
P, Q = torch.rand(2, 5, 12, generator=RANDOM, dtype=torch.float64).softmax(-1)
HALVES = torch.tensor([[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]], dtype=torch.float64)


def test_kl_of_gaussians_on_a_grid():
    line = torch.linspace(-30, 30, 6001, dtype=torch.float64)
    a, b = Normal(torch.tensor(0.5).double(), 1.5), Normal(torch.tensor(-1.0).double(), 2.0)
    p, q = (x.log_prob(line).exp() * 0.01 for x in (a, b))
    torch.testing.assert_close(d.kl(p, q), kl_divergence(a, b), atol=1e-8, rtol=0)
    shifted = Normal(torch.tensor(2.0).double(), 1.5).log_prob(line).exp() * 0.01
    assert math.isclose(d.wasserstein(p, shifted, line).item(), 1.5, rel_tol=1e-9)


def test_beside_scipy():
    np.testing.assert_allclose(d.kl(P, Q), entropy(P, Q, axis=-1))
    np.testing.assert_allclose(d.jensen_shannon(P, Q), jensenshannon(P, Q, axis=-1) ** 2)
    expected = [wasserstein_distance(POINTS, POINTS, p, q) for p, q in zip(P, Q, strict=True)]
    np.testing.assert_allclose(d.wasserstein(P, Q, POINTS), expected)
    np.testing.assert_allclose(d.kl(P, Q[0]), entropy(P, Q[0], axis=-1))  # many beside one


def test_wasserstein_is_the_cheapest_transport_plan():
    """The definition itself: the least cost over all joint distributions with the two margins."""
    n = len(POINTS)
    cost = (POINTS[:, None] - POINTS).abs().flatten()
    margins = torch.cat([torch.eye(n).repeat_interleave(n, 1), torch.eye(n).repeat(1, n)])
    plan = linprog(cost.numpy(), A_eq=margins.numpy(), b_eq=torch.cat([P[0], Q[0]]).numpy())
    assert math.isclose(plan.fun, d.wasserstein(P[0], Q[0], POINTS).item(), rel_tol=1e-6)


def test_disjoint_supports():
    p, q = HALVES
    assert d.kl(p, q) == math.inf and not d.kl(p, p)
    torch.testing.assert_close(d.jensen_shannon(p, q).item(), math.log(2))
    assert d.total_variation(p, q) == 1
    for gap in (1.0, 5.0):
        assert d.wasserstein(p, q, torch.tensor([0, 1, 1 + gap, 2 + gap], dtype=torch.float64)) == 1 + gap


def test_total_variation_is_the_largest_difference_of_an_event():
    events = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 6)
    p, q = P[0, :6] / P[0, :6].sum(), Q[0, :6] / Q[0, :6].sum()
    torch.testing.assert_close(d.total_variation(p, q), (events @ (p - q)).max())


def test_mmd_is_the_distance_of_mean_embeddings():
    """With points 0 and 1 and one unit of mass each: k(0,0) + k(1,1) - 2 k(0,1)."""
    p, q, points = *torch.eye(2), torch.tensor([0.0, 1.0])
    expected = math.sqrt(2 - 2 * math.exp(-0.5 / 0.7**2))
    assert math.isclose(d.mmd(p, q, points, 0.7).item(), expected, rel_tol=1e-6)


def test_mmd_of_gaussians_in_closed_form():
    """E k(x, y) for x ~ N(0, 1), y ~ N(m, 1), bandwidth b: b / sqrt(b^2 + 2) exp(-m^2 / (2 (b^2 + 2)))."""
    line = torch.linspace(-12, 14, 1301, dtype=torch.float64)
    p, q = (Normal(m, 1.0).log_prob(line).exp() * 0.02 for m in (0.0, 2.0))
    mean = lambda m, b: b / math.sqrt(b**2 + 2) * math.exp(-(m**2) / (2 * (b**2 + 2)))
    expected = math.sqrt(2 * mean(0, 1.3) - 2 * mean(2, 1.3))
    assert math.isclose(d.mmd(p, q, line, 1.3).item(), expected, rel_tol=1e-6)
    plane = torch.stack([line, torch.zeros_like(line)], -1)  # the same points in the plane
    torch.testing.assert_close(d.mmd(p, q, plane, 1.3), d.mmd(p, q, line, 1.3))


def test_samples_are_masses():
    """Two samples on their joint points; W1 of equally many is the mean distance of the sorted ones."""
    a, b = torch.randn(2, 50, generator=RANDOM, dtype=torch.float64)
    points, order = torch.cat([a, b + 1]).sort()
    masses = torch.zeros(2, 100, dtype=torch.float64)
    masses[0, :50] = masses[1, 50:] = 1 / 50
    p, q = masses[:, order]
    expected = (a.sort()[0] - (b + 1).sort()[0]).abs().mean()
    torch.testing.assert_close(d.wasserstein(p, q, points), expected)


def test_points_may_coincide_and_sums_may_be_rounded():
    where = torch.tensor([0.0, 2, 2, 5], dtype=torch.float64)
    assert d.wasserstein(*HALVES, where) == 2.5  # half from 0 to 2, half from 2 to 5
    assert d.total_variation(1.0005 * HALVES[0], HALVES[1]) == pytest.approx(1, abs=1e-3)
    with pytest.raises(ValueError, match="sums from 1.002 to 1.002"):
        d.kl(1.002 * HALVES[0], HALVES[0])


def test_gradients_are_finite_where_masses_are_zero():
    p = HALVES[0].clone().requires_grad_()
    d.jensen_shannon(p, HALVES[1]).backward()
    assert p.grad[:2].isfinite().all()


def test_what_are_no_masses():
    with pytest.raises(ValueError, match="p must be masses.*grid's step"):
        d.kl(torch.ones(4), torch.full((4,), 0.25))
    with pytest.raises(ValueError, match="q must be masses"):
        d.kl(torch.tensor([0.5, 0.5]), torch.tensor([1.5, -0.5]))
    with pytest.raises(ValueError, match="same points"):
        d.check(torch.full((4,), 0.25), torch.full((2,), 0.5))
    with pytest.raises(ValueError, match="ascend"):
        d.wasserstein(*HALVES, torch.tensor([3.0, 2, 1, 0]))
    with pytest.raises(ValueError, match="bandwidth"):
        d.mmd(*HALVES, POINTS[:4], 0.0)
