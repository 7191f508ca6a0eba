"""Evaluation: L_k in bounded memory equals L_k at once, approaches a known evidence, and disturbs nothing."""

import math

import pytest
import torch

from lecturekit.evaluate import Estimate, active_units, importance_bound, log_likelihood
from lecturekit.variational import VAE, LinearGaussian


@pytest.fixture
def model():
    return LinearGaussian(5, 2, noise=0.7)


def estimate(model, x, k, **options):
    return importance_bound(model, x, k, progress=False, **options)


def test_one_chunk_is_bound_itself(model):
    x = model.sample(3)
    torch.manual_seed(7)
    expected = model.bound(x, 50)
    torch.testing.assert_close(estimate(model, x, 50, seed=7, rows=150).values.float(), expected.detach())


@pytest.mark.parametrize("rows", [1, 7, 64, 1000])
def test_chunks_of_any_size_count_every_sample_of_every_item_once(rows):
    """Log-weights that are known numbers, a run of them per item: uneven chunks must sum them all."""

    class Known(LinearGaussian):
        drawn = dict.fromkeys(range(5), 0)

        def paths(self, x, k=1, y=None):
            log_w = torch.empty(k, len(x))
            for column, item in enumerate(x[:, 0].long().tolist()):
                log_w[:, column] = item + 0.01 * torch.arange(self.drawn[item], self.drawn[item] + k)
                self.drawn[item] += k
            return log_w, torch.zeros_like(log_w)

    x = torch.arange(5.0)[:, None].expand(-1, 2).contiguous()
    run = 0.01 * torch.arange(100)
    expected = torch.arange(5.0) + run.logsumexp(0) - math.log(100)
    torch.testing.assert_close(estimate(Known(2, 1), x, 100, rows=rows).values.float(), expected)


def test_the_bound_approaches_a_known_evidence(model):
    model.weight.data = torch.linalg.qr(model.weight.data).Q
    model.match_posterior()
    model.log_scale.data += 0.1
    x = model.sample(5)
    result = estimate(model, x, 5000)
    torch.testing.assert_close(result.values.float(), model.log_prob(x).detach(), atol=0.01, rtol=0)


def test_memory_is_bounded_whatever_k(model):
    largest = 0

    class Watched(LinearGaussian):
        def paths(self, x, k=1, y=None):
            nonlocal largest
            largest = max(largest, k * len(x))
            return super().paths(x, k, y)

    watched = Watched(5, 2)
    assert estimate(watched, torch.randn(20, 5), 1000, rows=64).values.shape == (20,)
    assert largest <= 64
    largest = 0
    assert estimate(watched, torch.randn(20, 5), 30, rows=100).values.shape == (20,)
    assert largest == 90  # three items at a time: four would be too many, and two too slow


def test_mean_and_standard_error_over_items(model):
    result = estimate(model, model.sample(40), 10)
    assert result.mean == pytest.approx(result.values.mean().item())
    assert result.standard_error == pytest.approx(result.values.std().item() / math.sqrt(40))
    assert "±" in str(result) and "nats" in str(result)
    assert Estimate.of(torch.tensor([3.0])).standard_error == math.inf
    assert Estimate.of(torch.tensor([1.0, 2.0, 6.0])).standard_error == pytest.approx(math.sqrt(7 / 3))


def test_looking_leaves_mode_and_random_numbers_alone_and_repeats(model):
    x, before = model.sample(4), torch.random.get_rng_state()
    model.train()
    model.requires_grad_(True)
    first = estimate(model, x, 5)
    assert torch.equal(torch.random.get_rng_state(), before) and model.training
    assert not first.values.requires_grad
    assert torch.equal(estimate(model, x, 5).values, first.values)
    assert not torch.equal(estimate(model, x, 5, seed=1).values, first.values)


def test_labels_go_with_their_items():
    class Labelled(LinearGaussian):
        def paths(self, x, k=1, y=None):
            assert torch.equal(y.float(), x[:, 0])
            return super().paths(x, k, y)

    x = torch.arange(20.0)[:, None].expand(-1, 3).contiguous()
    estimate(Labelled(3, 1), x, 10, y=torch.arange(20), rows=30)


def test_active_units_by_burdas_definition(model):
    """Var_x(E_q[z | x]) is exact for a linear encoder: recognize Cov(x) recognize'."""
    model.recognize.data = torch.tensor([[0.2, 0, 0, 0, 0], [0.05, 0, 0, 0, 0]])
    x = torch.randn(4000, 5)
    x[:, 0] *= 1 / x[:, 0].std()
    assert active_units(model, x).tolist() == [True, False]  # variances 0.04 and 0.0025 beside 0.01
    assert active_units(model, x, threshold=0.002).tolist() == [True, True]
    assert active_units(model, x, rows=7).tolist() == [True, False]
    two = torch.tensor([[0.0] * 5, [1.0, 0, 0, 0, 0]])  # the unbiased variance of 0 and 0.2: 0.02, not 0.01
    assert active_units(model, two, threshold=0.015).tolist() == [True, False]


def test_every_evaluation_looks_in_eval_mode_and_leaves_the_mode_alone():
    modes = []

    class Watched(LinearGaussian):
        def paths(self, x, k=1, y=None):
            modes.append((self.training, torch.is_grad_enabled()))
            return super().paths(x, k, y)

        def log_prob(self, x, y=None):
            modes.append((self.training, torch.is_grad_enabled()))
            return super().log_prob(x, y)

        def codes(self, x, y=None):
            modes.append((self.training, torch.is_grad_enabled()))
            return super().codes(x, y)

    model, x = Watched(3, 1).train(), torch.randn(4, 3)
    estimate(model, x, 2), log_likelihood(model, x, progress=False), active_units(model, x)
    assert modes == [(False, False)] * 3 and model.training and torch.is_grad_enabled()


def test_a_model_that_guesses_gets_one_bit_per_pixel():
    model = VAE((1, 4, 4), latent=2, hidden=(8,))
    for p in model.parameters():
        p.data.zero_()  # every pixel is even, and q is the prior
    x = torch.bernoulli(torch.full((10, 1, 4, 4), 0.5))
    assert estimate(model, x, 7).mean == pytest.approx(-16 * math.log(2), rel=1e-6)


def test_bad_input():
    model = VAE((1, 4, 4), latent=2, hidden=(8,))
    with pytest.raises(ValueError, match="k, the number of samples, must be a whole number of at least 1, not 0"):
        estimate(model, torch.zeros(2, 1, 4, 4), 0)
    with pytest.raises(ValueError, match="0 items"):
        estimate(model, torch.zeros(0, 1, 4, 4), 3)
    with pytest.raises(ValueError, match="support"):
        estimate(model, torch.rand(2, 1, 4, 4), 3)
    bad = torch.zeros(9, 1, 4, 4)
    bad[7, 0, 0, 0] = 3.7  # not in the first chunk
    with pytest.raises(ValueError, match="support"):
        estimate(model, bad, 10, rows=20)
    with pytest.raises(ValueError, match="support"):
        active_units(model, bad, rows=4)
    with pytest.raises(ValueError, match="at least two|two of them"):
        active_units(model, torch.zeros(1, 1, 4, 4))


def test_exact_likelihoods_are_the_models_own():
    model = LinearGaussian(5, 2, noise=0.7)
    x = model.sample(23)
    found = log_likelihood(model, x, rows=10, progress=False)
    torch.testing.assert_close(found.values.float(), model.log_prob(x).detach())
    assert found.mean == found.values.mean().item()
    assert found.standard_error == pytest.approx(found.values.std().item() / math.sqrt(23))


def test_a_bound_is_no_likelihood():
    with pytest.raises(TypeError, match="importance_bound"):
        log_likelihood(VAE((1, 2, 2), latent=2, hidden=(3,)), torch.zeros(2, 1, 2, 2))
    with pytest.raises(ValueError, match="at least one item"):
        log_likelihood(LinearGaussian(5, 2), torch.zeros(0, 5))
