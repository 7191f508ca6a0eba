"""The chain of Gaussian layers beside a pass written out by hand, and the evidence by quadrature."""

import pytest
import torch
from torch.distributions import Bernoulli, Normal

from lecturekit import Batch
from lecturekit.evaluate import active_units, importance_bound
from lecturekit.variational import IWAE, HierarchicalVAE

X = torch.bernoulli(torch.full((4, 1, 2, 3), 0.4, dtype=torch.float64), generator=torch.Generator().manual_seed(0))


def model(latents=(3, 2), seed=0):
    torch.manual_seed(seed)
    return HierarchicalVAE((1, 2, 3), latents=latents, hidden=((5,), (4,))).double()


def gaussian(out):
    mean, log_scale = out.chunk(2, -1)
    return Normal(mean, log_scale.exp())


@pytest.mark.parametrize("latents, hidden", [((3, 2), ((5,), (4,))), ((3, 2, 4), ((6, 5), (4,), ()))])
def test_paths_by_hand(latents, hidden):
    """log p(h_L) + ... + log p(h1 | h2) + log p(x | h1), and log q(h1 | x) + log q(h2 | h1) + ..., at the same draws, with
    the gradients of all nets: every draw has a path."""
    torch.manual_seed(0)
    m = HierarchicalVAE((1, 2, 3), latents=latents, hidden=hidden).double()
    torch.manual_seed(1)
    log_p, log_q = m.paths(X, 5)
    torch.manual_seed(1)
    below, expected_p, expected_q = X.flatten(1), 0.0, 0.0
    for layer, n in enumerate(latents):
        mean, log_scale = m.up[layer](below)[..., :n], m.up[layer](below)[..., n:]
        noise = torch.randn(5, 4, n, dtype=torch.float64)
        h = mean + log_scale.exp() * noise
        expected_q = expected_q + Normal(mean, log_scale.exp()).log_prob(h).sum(-1)
        out = m.down[layer](h)
        p = Bernoulli(logits=out) if layer == 0 else gaussian(out)
        expected_p = expected_p + p.log_prob(below).sum(-1)
        below = h
    expected_p = expected_p + Normal(0.0, 1.0).log_prob(below).sum(-1)
    torch.testing.assert_close(log_q, expected_q)
    torch.testing.assert_close(log_p, expected_p)
    each = [
        torch.autograd.grad((p - q).sum(), list(m.parameters())) for p, q in ((log_p, log_q), (expected_p, expected_q))
    ]
    for ours, theirs in zip(*each, strict=True):
        torch.testing.assert_close(ours, theirs)
    sizes = [[net.in_features, net.out_features] for net in m.modules() if isinstance(net, torch.nn.Linear)]
    if len(latents) == 3:  # up, with the hidden layers as given, and down, in reverse
        up = [[6, 6], [6, 5], [5, 6], [3, 4], [4, 4], [2, 8]]
        assert sizes == up + [[3, 5], [5, 6], [6, 6], [2, 4], [4, 6], [4, 4]]


def test_the_bound_rises_to_the_evidence():
    """With one unit per layer the evidence is an integral over a plane."""
    m = model(latents=(1, 1))
    line = torch.linspace(-9, 9, 401, dtype=torch.float64)
    with torch.no_grad():
        top = m.prior().log_prob(line[:, None])  # (G,)
        between = gaussian(m.down[1](line[:, None])).log_prob(line)  # (G above, G below)
        h1 = (top[:, None] + between).logsumexp(0) + line.diff()[0].log()  # log p(h1)
        pixels = m.generate(0, line[:, None, None]).log_prob(X)  # (G, 4)
        log_p = (h1[:, None] + pixels).logsumexp(0) + line.diff()[0].log()
        torch.manual_seed(0)
        elbo, tight = m.elbo(X, 4000), m.bound(X, 20_000)
    assert (elbo < log_p).all()
    torch.testing.assert_close(tight, log_p, atol=0.02, rtol=0)


def test_samples_follow_the_chain():
    m = model()
    m.down[0][0].weight.data *= 10  # so steep that a draw and a mean above it make different pictures
    torch.manual_seed(2)
    found = m.sample(100_000).mean(0)
    torch.manual_seed(3)
    with torch.no_grad():
        h1 = gaussian(m.down[1](torch.randn(100_000, 2, dtype=torch.float64))).sample()
        expected = m.down[0](h1).sigmoid().mean(0).reshape(1, 2, 3)
    torch.testing.assert_close(found, expected, atol=0.01, rtol=0)


def test_codes_are_the_means_of_all_layers():
    m = model()
    with torch.no_grad():
        torch.manual_seed(0)
        codes = m.codes(X, draws=40_000)
        q1 = gaussian(m.up[0](X.flatten(1)))
        torch.testing.assert_close(codes[:, :3], q1.mean)
        second = gaussian(m.up[1](q1.sample((40_000,)))).mean.mean(0)
    torch.testing.assert_close(codes[:, 3:], second, atol=0.02, rtol=0)
    assert active_units(m, X).shape == (5,)


def test_it_is_trained_by_the_same_loss_and_measured_by_the_same_bound():
    m = model()
    assert importance_bound(m, X, k=3, progress=False).values.shape == (4,)
    torch.manual_seed(0)
    expected = -m.bound(X, 4).mean()
    torch.manual_seed(0)
    torch.testing.assert_close(IWAE(m, 4).loss(Batch(X))["loss"], expected)
