"""The proposals of benchmarks/proposals.py: fitted to each image, they leave the evidence what it is, and find it sooner."""

import math

import pytest
import torch

from lecturekit.belief import SigmoidBeliefNet
from lecturekit.evaluate import importance_bound

ALL = torch.arange(4)


@pytest.fixture
def proposals(benchmark):
    return benchmark("proposals")


def net_with_bad_guesses(layers):
    """A net of strong couplings, whose recognition net knows nothing of them; items; and their exact log p."""
    torch.manual_seed(0)
    net = SigmoidBeliefNet((1, 2, 4), layers, estimator="vimco", k=2).double()
    for p in net.parameters():
        torch.nn.init.normal_(p, std=1.5)
    for p in net.recognition.parameters():
        torch.nn.init.normal_(p, std=0.3)
    x = net.sample(len(ALL))
    return net, x, net.as_belief_net().log_prob(x.flatten(1)).detach()


@pytest.mark.parametrize("layers", [(5,), (5, 4)])
def test_the_weights_average_to_the_exact_evidence(proposals, layers):
    net, x, exact = net_with_bad_guesses(layers)
    better = proposals.Refitted(net, x, rounds=4, samples=200, effective=20)
    torch.manual_seed(1)
    with torch.no_grad():
        ratio = (better.log_weights(x, 40_000, ALL) - exact).exp()
    error = ratio.std(0) / math.sqrt(len(ratio))
    assert (error < 0.05).all()
    assert ((ratio.mean(0) - 1).abs() < 4 * error).all()


@pytest.mark.parametrize("layers", [(5,), (5, 4)])
def test_few_samples_come_nearer_to_the_evidence(proposals, layers):
    net, x, exact = net_with_bad_guesses(layers)
    better = proposals.Refitted(net, x, rounds=4, samples=200, effective=20)
    gap = lambda model, y: (
        exact - torch.stack([importance_bound(model, x, 10, y, seed=s).values for s in range(50)])
    ).mean()
    assert 0 < gap(better, ALL) < gap(net, None) / 2


def test_weights_are_flattened_until_enough_count(proposals):
    torch.manual_seed(2)
    log_w = torch.randn(1000, 3) * torch.tensor([0.1, 3.0, 30.0])
    flat = proposals.flattened(log_w, effective=50)
    effective = (2 * flat.logsumexp(0) - (2 * flat).logsumexp(0)).exp()
    assert effective[0] > 900 and torch.allclose(flat[:, 0], log_w[:, 0], rtol=1e-5)
    assert torch.allclose(effective[1:], torch.tensor(50.0), rtol=0.01)


def test_an_odd_number_of_samples_is_refused(proposals):
    net, x, _ = net_with_bad_guesses((5,))
    better = proposals.Refitted(net, x, rounds=1, samples=10, effective=5)
    with pytest.raises(ValueError, match="must be even, not 3"):
        better.log_weights(x, 3, ALL)
