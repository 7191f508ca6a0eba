"""Transport beside what is known: the line, assignments, a closed form; and the dual beside the primal."""

import math

import pytest
import torch
from scipy.optimize import linear_sum_assignment

from lecturekit.evaluate import divergences, optimal_transport

RANDOM = torch.Generator().manual_seed(0)
A, B = (torch.randn(n, 2, generator=RANDOM, dtype=torch.float64) * s for n, s in ((9, 1.0), (13, 2.0)))
P, Q = (torch.rand(n, generator=RANDOM, dtype=torch.float64).softmax(0) for n in (9, 13))


def close(a, b, tolerance=1e-8):
    torch.testing.assert_close(a, b, atol=tolerance, rtol=0)


def test_the_plan_has_its_margins_and_its_cost():
    found = optimal_transport(A, B, P, Q)
    assert (found.plan >= 0).all()
    close(found.plan.sum(1), P)
    close(found.plan.sum(0), Q)
    close((found.plan * torch.cdist(A, B)).sum().item(), found.distance)
    assert (found.plan > 0).sum() <= 9 + 13 - 1


def test_equal_shares_by_default_and_masses_of_any_sum():
    even, many = optimal_transport(A, B), optimal_transport(A, B, 3e4 * P, 3e4 * Q)
    close(even.plan.sum(1), torch.full((9,), 1 / 9).double())
    close(even.plan.sum(0), torch.full((13,), 1 / 13).double())
    close(many.plan.sum(1) / 3e4, P)
    close(many.distance / 3e4, optimal_transport(A, B, P, Q).distance)
    close((P @ many.u + Q @ many.v).item(), many.distance / 3e4)


def test_the_dual_reaches_the_primal_and_is_tight_where_mass_moves():
    found = optimal_transport(A, B, P, Q)
    close((P @ found.u + Q @ found.v).item(), found.distance)
    room = torch.cdist(A, B) - found.u[:, None] - found.v
    assert room.min() > -1e-9 and room[found.plan > 1e-9].max() < 1e-9


def test_the_critic_is_1_lipschitz_and_reaches_the_distance():
    found = optimal_transport(A, B, P, Q)
    close((P @ found.critic(A) - Q @ found.critic(B)).item(), found.distance)
    x = torch.randn(200, 2, generator=RANDOM, dtype=torch.float64) * 3
    rise = (found.critic(x)[:, None] - found.critic(x)).abs()
    assert (rise <= torch.cdist(x, x) + 1e-9).all() and rise.max() > 1


def test_the_critics_slope_is_1_along_every_path():
    found = optimal_transport(A, B, P, Q)
    i, j = (found.plan > 1e-9).nonzero().T
    on_the_way = (0.7 * A[i] + 0.3 * B[j]).requires_grad_()
    (slope,) = torch.autograd.grad(found.critic(on_the_way).sum(), on_the_way)
    close(slope, (A[i] - B[j]) / (A[i] - B[j]).norm(dim=1, keepdim=True), 1e-6)


def test_on_the_line_it_is_the_area_between_the_distribution_functions():
    x = torch.rand(20, generator=RANDOM, dtype=torch.float64).sort()[0]
    p, q = torch.rand(2, 20, generator=RANDOM, dtype=torch.float64).softmax(-1)
    close(optimal_transport(x, x, p, q).distance, divergences.wasserstein(p, q, x).item())


def test_as_many_points_of_equal_mass_are_assigned():
    a, b = torch.randn(2, 15, 3, 2, generator=RANDOM)  # items of any shape, float32
    cost = torch.cdist(a.flatten(1).double(), b.flatten(1).double()).numpy()
    close(optimal_transport(a, b).distance, cost[linear_sum_assignment(cost)].mean())


def test_a_shift_costs_its_length_far_from_the_origin():
    close(optimal_transport(A + 1e6, A + 1e6 + torch.tensor([3.0, 4.0]), P, P).distance, 5.0, 1e-6)


def test_masses_of_any_sum_and_empty_points():
    one = torch.tensor([[0.0], [7.0]]), torch.tensor([[2.0]])
    close(optimal_transport(*one, torch.tensor([3.0, 0.0]), torch.tensor([3.0])).distance, 6.0)
    assert optimal_transport(A, A).distance < 1e-12
    thirds = torch.full((3,), 1 / 3)  # float32: their sum is not 1
    close(optimal_transport(A[:3], A[:3] + torch.tensor([1.0, 0.0]), thirds, thirds).distance, 1.0, 1e-6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((A, torch.zeros(3, 3)), "one shape"),
        ((A, B[:0]), "one shape"),
        ((A, B * math.nan), "b has points"),
        ((A, B, Q), "p needs a mass for each of the 9"),
        ((A, B, P, -Q), "q needs"),
        ((A, B, P * math.nan, Q), "p needs"),
        ((A, B, P, 2 * Q), "what leaves must arrive"),
        ((A, B, P, 1.001 * Q), "what leaves must arrive"),
    ],
)
def test_what_no_plan_can_have_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        optimal_transport(*arguments)
