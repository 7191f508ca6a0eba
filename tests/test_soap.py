"""The optimizer of benchmarks/soap.py: Adam where nothing is preconditioned, and blind to rotations where all is."""

import pytest
import torch
from torch.optim import Adam

A, B = torch.randn(2, 30, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
START = torch.randn(4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
TARGET = torch.randn(30, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def soap(benchmark):
    return benchmark("soap").SOAP


def descended(optimizer, loss, start, steps=45):
    p = start.clone().requires_grad_()
    stepper = optimizer([p])
    path = []
    for _ in range(steps):
        stepper.zero_grad()
        loss(p).backward()
        stepper.step()
        path.append(p.detach().clone())
    return path


def loss(w):
    return ((A @ w.T).tanh() - TARGET).square().sum() + (B @ w.T).square().sum() / 10


def test_with_no_side_preconditioned_it_is_adam_one_step_late(soap):
    options = {"lr": 0.03, "betas": (0.9, 0.95), "eps": 1e-8}
    ours = descended(lambda p: soap(p, largest=0, **options), loss, START)
    adams = descended(lambda p: Adam(p, **options), loss, START)
    torch.testing.assert_close(ours[1:], adams[:-1], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("largest", [5, 4])
def test_a_turned_problem_is_solved_by_turned_steps(soap, largest):
    """Adam's steps depend on the axes. In the gradients' own basis they do not: with both sides, or the left alone."""
    u, v = (torch.linalg.qr(torch.randn(n, n, dtype=torch.float64))[0] for n in (4, 5))
    v = v if largest == 5 else torch.eye(5, dtype=torch.float64)
    make = lambda p: soap(p, lr=0.03, largest=largest, frequency=7)
    plain, turned = descended(make, loss, START), descended(make, lambda w: loss(u.T @ w @ v), u @ START @ v.T)
    torch.testing.assert_close(turned, [u @ w @ v.T for w in plain], rtol=1e-5, atol=1e-5)
    adam = lambda p: Adam(p, lr=0.03)
    assert not torch.allclose(
        descended(adam, lambda w: loss(u.T @ w @ v), u @ START @ v.T)[-1],
        u @ descended(adam, loss, START)[-1] @ v.T,
        atol=1e-2,
    )


def test_its_state_is_tensors_so_that_a_training_can_be_resumed(soap):
    p = START.clone().requires_grad_()
    stepper = soap([p], largest=4)
    loss(p).backward()
    stepper.step()
    assert {type(value) for value in stepper.state[p].values()} == {torch.Tensor}
    assert set(stepper.state[p]) == {"step", "mean", "square", "left", "left_basis"}


def test_the_weights_of_a_convolution_are_moved_as_a_matrix_with_a_row_for_each_output(soap):
    start, target = torch.randn(2, 4, 3, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    loss = lambda w: (w.reshape(4, 12) @ A[:12, :].tanh() - target.reshape(4, 12)[:, :5]).square().sum()
    make = lambda p: soap(p, lr=0.03, frequency=7)
    folded, flat = descended(make, loss, start), descended(make, loss, start.flatten(1))
    torch.testing.assert_close([w.flatten(1) for w in folded], flat)
    adam = descended(lambda p: Adam(p, lr=0.03), loss, start)
    assert not torch.allclose(folded[-1], adam[-2], atol=1e-2)
