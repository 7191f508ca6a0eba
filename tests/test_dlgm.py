"""The deep latent Gaussian model beside dense matrices, closed forms, and a hand-written pass."""

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from lecturekit import Batch, nets
from lecturekit.variational import DLGM, IWAE
from lecturekit.variational.dlgm import Concatenated, _kl_to_standard

X = torch.bernoulli(torch.full((5, 1, 3, 2), 0.4, dtype=torch.float64), generator=torch.Generator().manual_seed(0))


def rank_one():
    torch.manual_seed(0)
    mean, log_d, u = torch.randn(3, 4, 3, dtype=torch.float64)
    dense = MultivariateNormal(mean, precision_matrix=torch.diag_embed(log_d.exp()) + u[..., None] * u[..., None, :])
    return nets.rank_one_gaussian(mean, log_d, 1.0 * u), dense


def model(**options):
    torch.manual_seed(0)
    return DLGM((1, 3, 2), **{"latents": (3, 2, 2), "hidden": 5} | options).double()


def test_rank_one_is_the_dense_gaussian():
    q, dense = rank_one()
    z = torch.randn(7, 4, 3, dtype=torch.float64)
    torch.testing.assert_close(q.log_prob(z), dense.log_prob(z))
    torch.testing.assert_close(q.variance, dense.variance)
    torch.testing.assert_close(q.mean, dense.mean)
    standard = MultivariateNormal(torch.zeros(3).double(), torch.eye(3).double())
    torch.testing.assert_close(_kl_to_standard(q), kl_divergence(dense, standard))


def test_rank_one_draws_have_its_covariance():
    """The factor times its transpose is the covariance: by the Jacobian of a draw with respect to its noise."""
    q, dense = rank_one()
    for item in range(4):
        one = nets.rank_one_gaussian(q.loc[item], q.log_d[item], q.u[item])
        columns = []
        for direction in torch.eye(3, dtype=torch.float64):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(torch, "randn", lambda *shape, direction=direction, **how: direction.reshape(shape))
                columns.append(one.rsample() - one.mean)
        factor = torch.stack(columns, -1)
        torch.testing.assert_close(factor @ factor.T, dense.covariance_matrix[item])


def test_rank_one_without_u_is_diagonal_and_its_gradient_finite():
    mean, log_d = torch.randn(2, 4, 3, dtype=torch.float64)
    u = torch.zeros(4, 3, dtype=torch.float64, requires_grad=True)
    q = nets.rank_one_gaussian(mean, log_d, u)
    z = q.rsample((2,))
    torch.testing.assert_close(q.log_prob(z), Normal(mean, (-log_d / 2).exp()).log_prob(z).sum(-1))
    (q.log_prob(z.detach()).sum() + z.square().sum()).backward()
    assert u.grad.isfinite().all()


def test_side_by_side_is_the_product():
    a, b = (nets.gaussian(torch.randn(4, n), torch.randn(4, n)) for n in (3, 2))
    q = Concatenated([a, b])
    torch.manual_seed(1)
    z = q.rsample((6,))
    torch.manual_seed(1)
    torch.testing.assert_close(z, torch.cat([a.rsample((6,)), b.rsample((6,))], -1))
    torch.testing.assert_close(q.log_prob(z), a.log_prob(z[..., :3]) + b.log_prob(z[..., 3:]))
    assert q.mean.shape == (4, 5)


@pytest.mark.parametrize("skips", [False, True])
def test_decode_is_the_chain_of_the_paper(skips):
    """Eqs. 1 to 4 written out: h_3 = G_3 xi_3, h_2 = T_2(h_3) + G_2 xi_2, h_1 = T_1(h_2) + G_1 xi_1."""
    m = model(skips=skips)
    xi = torch.randn(4, 7, dtype=torch.float64)
    h3 = m.noise[2](xi[:, 5:])
    h2 = m.between[1](h3) + m.noise[1](xi[:, 3:5])
    h1 = m.between[0](h2) + m.noise[0](xi[:, :3])
    logits = m.out(h1)
    if skips:
        logits = logits + m.direct[1](h3) + m.direct[0](h2)
    torch.testing.assert_close(m.decode(xi).base_dist.logits.flatten(1), logits)


@pytest.mark.parametrize("covariance", ["diagonal", "rank-one"])
def test_the_bound_rises_to_the_evidence(covariance):
    """log p(x) by importance sampling from the prior with very many draws; the bounds stay below and come near."""
    m = model(covariance=covariance, latents=(1, 1))
    with torch.no_grad():
        line = torch.linspace(-7, 7, 281, dtype=torch.float64)
        z = torch.cartesian_prod(line, line)[:, None]
        log_p = (m.prior().log_prob(z) + m.decode(z).log_prob(X)).logsumexp(0) + 2 * (line[1] - line[0]).log()
        torch.manual_seed(0)
        elbo, tight = m.elbo(X, 2000), m.bound(X, 20_000)
    assert (elbo < log_p).all()
    torch.testing.assert_close(tight, log_p, atol=0.02, rtol=0)


@pytest.mark.parametrize("covariance", ["diagonal", "rank-one"])
def test_the_loss_is_minus_the_elbo(covariance):
    m = model(covariance=covariance)
    torch.manual_seed(0)
    with torch.no_grad():
        sampled = m.log_weights(X, 20_000).mean(1)  # as many estimates for the batch
        closed = -torch.stack([m.loss(Batch(X))["loss"] for _ in range(2000)])
    error = (sampled.var() / len(sampled) + closed.var() / len(closed)).sqrt()
    assert abs(sampled.mean() - closed.mean()) < 5 * error


def test_a_pass_by_hand():
    """The diagonal q from its nets' own numbers, eqs. 1 to 4 and 7: the loss's parts and the weights, with all gradients."""
    m = model(skips=True)
    torch.manual_seed(1)
    noise = [torch.randn(5, n, dtype=torch.float64) for n in (3, 2, 2)]  # the layers' draws come one after the other
    outs = [net(X.flatten(1)) for net in m.recognition]
    means, log_scales = ([out.chunk(2, -1)[half] for out in outs] for half in (0, 1))
    xi = [mean + log_scale.exp() * eps for mean, log_scale, eps in zip(means, log_scales, noise, strict=True)]
    kl = [0.5 * (a**2 + (2 * s).exp() - 1 - 2 * s).sum(-1) for a, s in zip(means, log_scales, strict=True)]
    logits = m.decode(torch.cat(xi, -1)).base_dist.logits.flatten(1)
    log_px = (X.flatten(1) * logits - torch.log1p(logits.exp())).sum(1)
    log_ratio = sum(
        (Normal(0.0, 1.0).log_prob(z) - Normal(a, s.exp()).log_prob(z)).sum(-1)
        for z, a, s in zip(xi, means, log_scales, strict=True)
    )
    torch.manual_seed(1)
    terms = m.loss(Batch(X))
    torch.manual_seed(1)
    weights = m.log_weights(X, 1)[0]
    for i in range(3):
        torch.testing.assert_close(terms[f"kl_{i + 1}"], kl[i].mean())
        torch.testing.assert_close(m.kl(X)[:, i], kl[i])
    torch.testing.assert_close(terms["reconstruction"], log_px.mean())
    for ours, theirs in ((terms["loss"], (sum(kl) - log_px).mean()), (weights.sum(), (log_px + log_ratio).sum())):
        slopes = [torch.autograd.grad(one, list(m.parameters()), retain_graph=True) for one in (ours, theirs)]
        torch.testing.assert_close(ours, theirs)
        for a, b in zip(*slopes, strict=True):
            torch.testing.assert_close(a, b)
    torch.testing.assert_close(m.codes(X), torch.cat(means, -1))


def test_free_bits_are_of_the_batchs_mean_and_of_each_layer():
    """Items on both sides of the free bits, layers too; and with warm-up the weight falls on what is paid."""
    m = model(latents=(3, 2))
    m.recognition[0][-1].weight.data *= 6  # so that items differ
    kl = m.kl(X)
    free = kl.mean(0)[0].item() - 0.05
    assert (kl[:, 0] < free).any() and (kl[:, 0] > free).any() and kl[:, 1].max() < free
    paid = kl.mean(0)[0] + free  # the second layer pays for what it may have
    for warm_up, progress, weight in ((0.0, 0.2, 1.0), (0.5, 0.2, 0.4), (0.5, 0.0, 0.0), (1.0, 0.2, 0.2)):
        m.free_bits, m.warm_up = free, warm_up
        terms = m.loss(Batch(X, progress=torch.tensor(progress)))
        torch.testing.assert_close(terms["loss"], weight * paid - terms["reconstruction"])
        torch.testing.assert_close(torch.stack([terms["kl_1"], terms["kl_2"]]), kl.mean(0))


def test_the_nets_are_those_of_the_docstring():
    m = DLGM((1, 3, 2), latents=(4, 3, 2), hidden=5, activation=torch.nn.ReLU, skips=True, covariance="rank-one")
    kinds = lambda net: [
        (one.in_features, one.out_features) if isinstance(one, torch.nn.Linear) else type(one).__name__
        for one in net.modules()
        if not list(one.children())
    ]
    assert kinds(m.noise) == [(4, 5), (3, 5), (2, 5)] and kinds(m.direct) == [(5, 6), (5, 6)]
    assert kinds(m.between) == [(5, 5), "ReLU", (5, 5)] * 2 and kinds(m.out) == ["ReLU", (5, 5), "ReLU", (5, 6)]
    assert [kinds(net) for net in m.recognition] == [[(6, 5), "ReLU", (5, 5), "ReLU", (5, 3 * n)] for n in (4, 3, 2)]


def test_warm_up_weighs_the_kl_and_free_bits_forgive_it():
    def terms(progress=None, **options):
        torch.manual_seed(0)
        m = model(**options)
        torch.manual_seed(1)
        found = m.loss(Batch(X, progress=None if progress is None else torch.tensor(progress)))
        return found, torch.stack([found[f"kl_{i}"] for i in (1, 2, 3)])

    plain, kl = terms()
    torch.testing.assert_close(plain["loss"], kl.sum() - plain["reconstruction"])
    torch.testing.assert_close(kl, model().kl(X).mean(0))
    half, _ = terms(0.25, warm_up=0.5)
    torch.testing.assert_close(half["loss"], 0.5 * kl.sum() - plain["reconstruction"])
    done, _ = terms(0.75, warm_up=0.5)
    torch.testing.assert_close(done["loss"], plain["loss"])
    free = (kl.min() + kl.max()).item() / 2
    forgiven, _ = terms(free_bits=free)
    torch.testing.assert_close(forgiven["loss"], kl.clamp(min=free).sum() - plain["reconstruction"])
    torch.manual_seed(5)
    elbo = model(free_bits=9.0, warm_up=1.0).elbo(X)
    torch.manual_seed(5)
    torch.testing.assert_close(elbo, model().elbo(X))


@pytest.mark.parametrize("covariance", ["diagonal", "rank-one"])
def test_dreg_keeps_the_whole_of_q_fixed(covariance):
    m = model(covariance=covariance)
    q = m.encode(X)
    z = q.sample((2,))
    assert q.log_prob(z).requires_grad and not nets.detached(q).log_prob(z).requires_grad
    torch.testing.assert_close(nets.detached(q).log_prob(z), q.log_prob(z))
    torch.testing.assert_close(q.variance, torch.cat([part.variance for part in q.parts], -1))
    assert IWAE(m, 3, "dreg").loss(Batch(X))["loss"].isfinite()
