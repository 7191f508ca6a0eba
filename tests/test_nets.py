"""Heads and blocks: distributions with the right numbers, shapes and precision."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Categorical, Normal, kl_divergence
from torch.nn import functional as F

from lecturekit import nets


def test_gaussian_scale_is_a_standard_deviation():
    d = nets.gaussian(torch.tensor([[1.0, -2.0]]), torch.tensor([[0.5, -1.0]]))
    assert d.batch_shape == (1,) and d.event_shape == (2,)
    torch.testing.assert_close(d.stddev, torch.tensor([[0.5, -1.0]]).exp())
    by_hand = sum(
        -0.5 * ((0.3 - m) / s) ** 2 - math.log(s) - 0.5 * math.log(2 * math.pi)
        for m, s in ((1.0, math.exp(0.5)), (-2.0, math.exp(-1.0)))
    )
    assert d.log_prob(torch.tensor([[0.3, 0.3]])).item() == pytest.approx(by_hand, rel=1e-5)


def test_bernoulli_by_hand_and_finite_at_large_logits():
    logits = torch.tensor([[2.0, -1.0, 100.0, -100.0]])
    x = torch.tensor([[1.0, 0.0, 0.0, 1.0]])
    expected = math.log(1 / (1 + math.exp(-2))) + math.log(1 - 1 / (1 + math.exp(1))) - 200
    assert nets.bernoulli(logits, 1).log_prob(x).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("head", ["gaussian", "bernoulli", "discretized-logistic"])
def test_heads_cast_up_to_float32_and_keep_float64(head):
    for given, expected in ((torch.bfloat16, torch.float32), (torch.float64, torch.float64)):
        p = torch.zeros(2, 3, dtype=given)
        d = {
            "gaussian": lambda p=p: nets.gaussian(p, p),
            "bernoulli": lambda p=p: nets.bernoulli(p, 1),
            "discretized-logistic": lambda p=p: nets.discretized_logistic(p, p, 4, 1),
        }[head]()
        assert d.log_prob(torch.ones(2, 3, dtype=expected)).dtype == expected
        assert d.mean.dtype == expected


def test_folded_applies_a_net_under_any_leading_dimensions():
    net = nn.Conv2d(2, 3, 3, padding=1)
    x = torch.randn(4, 5, 2, 6, 7)
    out = nets.folded(net, x, 3)
    assert out.shape == (4, 5, 3, 6, 7)
    torch.testing.assert_close(out[2, 3], net(x[2, 3][None])[0])
    torch.testing.assert_close(nets.folded(net, x[0], 3), net(x[0]))
    torch.testing.assert_close(nets.folded(net, x[0, 0], 3), net(x[0, :1])[0])


def test_mlp_has_activations_between_layers_only():
    kinds = [type(m).__name__ for m in nets.mlp([3, 4, 5], nn.Tanh)]
    assert kinds == ["Linear", "Tanh", "Linear"]


# --- the discretized logistic ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", [2, 5, 256])
@pytest.mark.parametrize("log_scale", [-7.0, -2.0, 1.0])
@pytest.mark.parametrize("loc", [-0.3, 0.41, 1.2])
def test_masses_sum_to_one_and_the_mean_is_their_mean(levels, log_scale, loc):
    p = nets.DiscretizedLogistic(torch.tensor(loc).double(), torch.tensor(log_scale).double(), levels)
    values = torch.arange(levels, dtype=torch.float64)
    masses = p.log_prob(values).exp()
    assert masses.sum().item() == pytest.approx(1, abs=1e-9)
    assert p.mean.item() == pytest.approx((masses * values).sum().item(), abs=1e-6)


def test_masses_are_differences_of_the_distribution_function():
    loc, scale, levels = torch.tensor(0.4).double(), torch.tensor(0.1).double(), 8
    p = nets.DiscretizedLogistic(loc, scale.log(), levels)

    def cdf(level):
        return torch.sigmoid((torch.tensor(level / 7).double() - loc) / scale)

    assert p.log_prob(torch.tensor(0.0)).exp().item() == pytest.approx(cdf(0.5).item())
    assert p.log_prob(torch.tensor(3.0)).exp().item() == pytest.approx((cdf(3.5) - cdf(2.5)).item())
    assert p.log_prob(torch.tensor(7.0)).exp().item() == pytest.approx(1 - cdf(6.5).item())


def test_far_tails_stay_finite_and_have_gradients():
    loc = torch.tensor([0.0, 1.0], requires_grad=True)
    p = nets.DiscretizedLogistic(loc, torch.tensor(-7.0), 256)
    log_mass = p.log_prob(torch.tensor([200.0, 50.0]))
    log_mass.sum().backward()
    assert log_mass.isfinite().all() and loc.grad.isfinite().all() and (loc.grad.abs() > 100).all()


def test_samples_follow_the_masses():
    p = nets.DiscretizedLogistic(torch.tensor(0.3), torch.tensor(-1.0), 6)
    counts = torch.bincount(p.sample((100_000,)).long(), minlength=6) / 100_000
    torch.testing.assert_close(counts, p.log_prob(torch.arange(6.0)).exp(), atol=0.006, rtol=0)


def test_the_distribution_can_be_printed():
    assert "DiscretizedLogistic" in repr(nets.DiscretizedLogistic(torch.zeros(2), torch.zeros(2)))


def test_the_scale_has_a_floor():
    assert nets.SMALLEST_LOG_SCALE == -7
    location, log_scale = nets.location_and_scale(torch.full((1, 4), -50.0), 1)
    assert location.tolist() == [[-50, -50]] and log_scale.tolist() == [[nets.SMALLEST_LOG_SCALE] * 2]


def test_location_and_scale_split_the_channels():
    parameters = torch.arange(2.0 * 3 * 4).reshape(1, 2, 3, 4)
    location, log_scale = nets.location_and_scale(parameters, 3)
    assert torch.equal(location, parameters[:, :1]) and torch.equal(log_scale, parameters[:, 1:])


def test_a_correlated_gaussian_is_made_by_its_factor():
    mean, factor = torch.tensor([1.0, -2.0]), torch.tensor([[2.0, 0.0], [0.5, 1.5]])
    p = nets.correlated_gaussian(mean, factor)
    torch.testing.assert_close(p.covariance_matrix, factor @ factor.T)
    assert torch.equal(p.mean, mean)


def test_heads_do_not_validate():
    assert Normal.has_rsample
    nets.gaussian(torch.tensor([math.nan]), torch.zeros(1))  # validation would wait for the device, and raise here


@pytest.mark.parametrize("independent", [False, True])
@pytest.mark.parametrize(
    "a, b", [(17, -17), (-17, 17), (20, -20), (200, -200), (-200, 200), (0.3, 17), (-1, 20), (20, 17), (5, 200)]
)
@pytest.mark.parametrize("head", ["bernoulli", "categorical"])
def test_kl_from_large_logits_is_that_of_float64_with_its_gradient(head, a, b, independent):
    """torch's own is inf, with finite wrong gradients, from a logit of 17 (bits) or 104 (categories) on."""
    found = []
    for dtype in (torch.float32, torch.float64):
        logits = [torch.tensor([[float(x), x / 3, 0.5]], dtype=dtype, requires_grad=True) for x in (a, b)]
        if head == "bernoulli":
            p, q = (nets.bernoulli(one, int(independent)) for one in logits)
        else:
            p, q = (torch.distributions.Independent(nets.categorical(one), int(independent)) for one in logits)
        kl = kl_divergence(p, q)
        assert kl.shape == p.batch_shape
        found.append([kl.sum(), *torch.autograd.grad(kl.sum(), logits)])
    for single, double in zip(*found, strict=True):
        torch.testing.assert_close(single.double(), double, rtol=2e-5, atol=1e-6)
    p, q = (one.detach().double() for one in logits)
    if head == "bernoulli":  # by its definition: the expectation of log p - log q, over the two values
        values = torch.stack(
            [p.sigmoid() * (F.logsigmoid(p) - F.logsigmoid(q)), (-p).sigmoid() * (F.logsigmoid(-p) - F.logsigmoid(-q))]
        )
        expected = values.sum()
    else:
        expected = (p.softmax(-1) * (p.log_softmax(-1) - q.log_softmax(-1))).sum()
    torch.testing.assert_close(found[1][0].detach(), expected)


def test_kl_of_usual_logits_is_torchs():
    a, b = torch.randn(2, 5, 4, dtype=torch.float64)
    torch.testing.assert_close(
        kl_divergence(nets.bernoulli(a, 1), nets.bernoulli(b, 1)),
        kl_divergence(Bernoulli(logits=a), Bernoulli(logits=b)).sum(-1),
    )
    torch.testing.assert_close(
        kl_divergence(nets.categorical(a), nets.categorical(b)),
        kl_divergence(Categorical(logits=a), Categorical(logits=b)),
    )
    masked = nets.categorical(torch.tensor([0.0, 1.0, -math.inf]))  # a category that cannot be costs nothing
    assert kl_divergence(masked, nets.categorical(torch.zeros(3))).isfinite()
    assert kl_divergence(nets.categorical(torch.zeros(3)), masked) == math.inf
    assert isinstance(nets.categorical(a), Categorical) and isinstance(nets.bernoulli(a, 1).base_dist, Bernoulli)
    assert repr(nets.categorical(a)).startswith("Categorical(")


def test_entropies_from_large_logits_are_finite():
    """torch's own: from logits of 17 on wrong by less than float32 resolves beside 1, so they stay as they are."""
    for logit in (17.0, 20.0, 200.0, -17.0, -200.0):
        for head in (lambda x: nets.bernoulli(x, 1), nets.categorical):
            single, double = (
                torch.tensor([logit, 0.0], dtype=t, requires_grad=True) for t in (torch.float32, torch.float64)
            )
            ours, exact = head(single).entropy(), head(double).entropy()
            torch.testing.assert_close(ours.double(), exact, atol=2e-6, rtol=1e-6)
            slopes = torch.autograd.grad(ours, single)[0], torch.autograd.grad(exact, double)[0]
            torch.testing.assert_close(slopes[0].double(), slopes[1], atol=2e-6, rtol=1e-6)
