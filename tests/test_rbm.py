import math

import pytest
import torch
from torch.distributions import Normal

from lecturekit import Batch, fit
from lecturekit.belief import RBM
from lecturekit.belief.belief_net import states
from lecturekit.evaluate import log_partition, log_ratio
from lecturekit.evaluate.partition import LogZ, anneal, temperatures
from lecturekit.variational import VAE


def small(pixels=3, hidden=3, scale=1.0, seed=0, **options):
    """Random weights, offsets and base rates, float64."""
    torch.manual_seed(seed)
    rbm = RBM((pixels,), hidden=hidden, **options).double()
    for parameter in rbm.parameters():
        parameter.data = scale * torch.randn_like(parameter)
    rbm.base = 0.7 * torch.randn_like(rbm.base)
    if rbm.centred:
        rbm.visible_offset = torch.rand_like(rbm.base)
    return rbm


def joint(rbm):
    """v and h of every state, and minus the energy by its definition, (states of v, states of h)."""
    v, h = states(len(rbm.visible_bias), rbm.weight), states(rbm.hidden, rbm.weight)
    mu, lam = rbm.visible_offset, rbm.hidden_offset
    pairs = torch.einsum("vi,ij,hj->vh", v - mu, rbm.weight, h - lam)
    return v, h, pairs + ((v - mu) @ rbm.visible_bias)[:, None] + (h - lam) @ rbm.hidden_bias


@pytest.mark.parametrize("centred", [False, True])
def test_energies_and_log_z_are_sums_over_all_states(centred):
    for pixels, hidden in ((3, 4), (5, 2)):
        rbm = small(pixels, hidden, centred=centred)
        v, h, score = joint(rbm)
        everyone = rbm.energy(v[:, None].expand(-1, len(h), -1), h.expand(len(v), -1, -1))
        assert torch.allclose(everyone, -score)
        assert torch.allclose(rbm.free_energy(v), -score.logsumexp(1))
        assert torch.allclose(rbm.log_z(), score.logsumexp((0, 1)))
        assert torch.allclose(rbm.log_prob(v).logsumexp(0), torch.zeros((), dtype=torch.float64), atol=1e-12)
        assert torch.allclose(rbm.hidden_given(v).mean, score.softmax(1) @ h)
        assert torch.allclose(rbm.visible_given(h).mean, score.softmax(0).T @ v)


def test_log_z_is_the_same_by_either_kind_of_units(monkeypatch):
    rbm = small(6, 4, centred=True)
    by_hidden = rbm.log_z()
    monkeypatch.setattr("lecturekit.belief.rbm.LARGEST", 6)
    wide = small(6, 7, centred=True)
    _, _, score = joint(wide)
    assert torch.allclose(wide.log_z(), score.logsumexp((0, 1)))  # by visible units: 7 hidden ones are too many
    assert torch.allclose(by_hidden, joint(rbm)[2].logsumexp((0, 1)))
    with pytest.raises(ValueError, match="7 visible and 8 hidden units cannot be enumerated .*log_partition"):
        small(7, 8).log_z()


@pytest.mark.parametrize("centred", [False, True])
def test_gaussian_visible_units_integrate_to_one(centred):
    rbm = small(1, 3, visible="gaussian", centred=centred)
    grid = torch.linspace(-60, 60, 400_001, dtype=torch.float64)[:, None]
    with torch.no_grad():
        log_p = rbm.log_prob(grid)
        assert abs(torch.trapezoid(log_p.exp(), grid[:, 0]) - 1) < 1e-8
        h = states(3, rbm.weight)
        energies = rbm.energy(grid[:, None].expand(-1, 8, -1), h.expand(len(grid), -1, -1))
        assert torch.allclose(rbm.free_energy(grid), -(-energies).logsumexp(1))
        # p(v | h), normalized by a sum over the grid, is the Gaussian that visible_given says
        given = (-energies).softmax(0)
        said = rbm.visible_given(h)
        assert torch.allclose(given.T @ grid, said.mean, atol=1e-6)
        spread = (given * (grid - said.mean.T).square()).sum(0).sqrt()
        assert torch.allclose(spread, said.stddev[:, 0], atol=1e-6)


def test_gaussian_log_z_of_several_units_by_a_mixture():
    rbm = small(3, 2, visible="gaussian")
    h = states(2, rbm.weight)
    mean, scale = (h - rbm.hidden_offset) @ rbm.weight.T + rbm.visible_bias, rbm.log_scale.exp()
    v = torch.randn(5, 3, dtype=torch.float64)
    # p(v) = sum_h p(h) N(v; b + W h, sigma^2), with p(h) from the energy integrated over v
    marginal = h @ rbm.hidden_bias + ((mean**2 - rbm.visible_bias**2) / (2 * scale**2)).sum(1)
    log_p = (marginal.log_softmax(0) + Normal(mean, scale).log_prob(v[:, None]).sum(-1)).logsumexp(1)
    assert torch.allclose(rbm.log_prob(v), log_p)


@pytest.mark.parametrize("centred", [False, True])
def test_the_loss_has_the_gradient_of_minus_log_p_where_its_chains_are_exact(centred):
    rbm = small(3, 2, centred=centred)
    v, _, _ = joint(rbm)
    p = rbm.log_prob(v).exp().detach()
    rbm.negative = lambda data: torch.cat([states_.expand(int(n), -1) for states_, n in zip(v, counts, strict=True)])
    counts = (p * 100_000).round()
    x = v[[0, 3, 5, 5]]
    found = torch.autograd.grad(rbm.loss(Batch(x))["loss"], list(rbm.parameters()))
    wanted = torch.autograd.grad(-rbm.log_prob(x).mean(), list(rbm.parameters()))
    for a, b in zip(found, wanted, strict=True):
        assert torch.allclose(a, b, atol=1e-4)


def transition(rbm, beta):
    """p(v' | v) of one sweep at beta, by enumeration of the hidden units."""
    v, h, _ = joint(rbm)
    on = torch.sigmoid(rbm.at(v).inputs * beta)
    to_h = torch.where(h.bool(), on[:, None], 1 - on[:, None]).prod(-1)
    up = torch.sigmoid((1 - beta) * rbm.base + beta * rbm.visible_inputs(h))
    to_v = torch.where(v.bool(), up[:, None], 1 - up[:, None]).prod(-1)
    return to_h @ to_v


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("centred", [False, True])
def test_a_sweep_is_in_detailed_balance_with_p_beta(centred, beta):
    rbm = small(3, 3, centred=centred)
    v, _, _ = joint(rbm)
    p = (-rbm.at(v).free_energy(beta)).softmax(0)
    flow = p[:, None] * transition(rbm, beta)
    assert torch.allclose(flow, flow.T)
    # and `step` draws by that matrix
    torch.manual_seed(0)
    with torch.no_grad():
        after = rbm.at(v.repeat_interleave(20_000, 0)).step(beta)
    index = (after @ torch.tensor([4.0, 2, 1], dtype=torch.float64)).long().view(8, -1)
    counted = torch.stack([torch.bincount(row, minlength=8) for row in index]) / 20_000
    assert (counted - transition(rbm, beta)).abs().max() < 0.02


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_beta_leads_from_the_base_rates_to_the_model(visible):
    rbm = small(4, 3, visible=visible, centred=True)
    v = torch.bernoulli(torch.full((6, 4), 0.5, dtype=torch.float64))
    here = rbm.at(v)
    assert torch.allclose(here.free_energy(1.0), rbm.free_energy(v))
    flat = -here.free_energy(0.0) - rbm.base_log_z()
    u = v - rbm.visible_offset
    if visible == "bernoulli":
        wanted = torch.distributions.Bernoulli(logits=rbm.base).log_prob(v).sum(1)
    else:
        wanted = Normal(rbm.base, rbm.log_scale.exp()).log_prob(u).sum(1)
    assert torch.allclose(flat, wanted)
    for a, b in ((0.2, 0.7), (1.0, 0.99)):
        assert torch.allclose(here.difference(a, b), here.free_energy(a) - here.free_energy(b))
    betas = torch.tensor([0.1, 0.6], dtype=torch.float64)[:, None, None]
    both = rbm.at(v.expand(2, -1, -1)).free_energy(betas)
    assert torch.allclose(both[1], here.free_energy(0.6)) and torch.allclose(both[0], here.free_energy(0.1))


def test_tempered_chains_keep_each_temperature_as_it_is():
    rbm = small(3, 2, gradient="tempered", temperatures=4, chains=40_000, scale=1.5)
    v, _, _ = joint(rbm)
    betas = torch.linspace(0, 1, 4, dtype=torch.float64)
    log_p = torch.stack([(-rbm.at(v).free_energy(beta)).log_softmax(0) for beta in betas.tolist()])
    torch.manual_seed(1)
    rbm.chain = torch.stack([v[torch.multinomial(p.exp().detach(), 40_000, replacement=True)] for p in log_p])
    for _ in range(3):
        rbm.negative(rbm.chain[0])
    index = (rbm.chain @ torch.tensor([4.0, 2, 1], dtype=torch.float64)).long()
    counted = torch.stack([torch.bincount(row, minlength=8) for row in index]) / 40_000
    assert (counted - log_p.exp()).abs().max() < 0.012
    # swaps happen: with a chain of ones above and one of zeros below, both are found in both
    rbm.chain[:2], rbm.chain[2:] = 0.0, 1.0
    swapped = rbm._swapped(rbm.chain, betas[:, None, None], 1)
    assert torch.equal(swapped.sum(0), rbm.chain.sum(0)) and not torch.equal(swapped, rbm.chain)


def test_where_the_chains_of_each_gradient_begin():
    x = torch.ones(5, 3, dtype=torch.float64)
    strong = {name: small(3, 2, gradient=name, chains=7) for name in ("cd", "pcd")}
    for rbm in strong.values():
        rbm.weight.data.zero_()
        rbm.visible_bias.data.fill_(-50.0)
    assert torch.equal(strong["cd"].negative(x), torch.zeros_like(x))  # k sweeps from the batch
    assert strong["cd"].chain.numel() == 0
    pcd = strong["pcd"]
    pcd.chain.fill_(1.0)
    pcd.eval()
    pcd.negative(x)
    assert (pcd.chain == 1).all()  # looking at a model moves no chain
    pcd.train()
    assert torch.equal(pcd.negative(x), torch.zeros(7, 3, dtype=torch.float64))
    assert (pcd.chain == 0).all()


def test_a_centred_gradient_does_not_care_which_value_is_called_one():
    """Flipping visible units in data and model flips the centred gradient's signs; the plain one is another."""
    torch.manual_seed(0)
    x = torch.bernoulli(torch.full((200, 4), 0.9, dtype=torch.float64))
    slopes = {}
    for centred in (True, False):
        for flipped in (False, True):
            rbm = small(4, 3, gradient="cd", centred=centred, scale=0.0)
            torch.manual_seed(1)
            rbm.weight.data = torch.randn_like(rbm.weight)
            data = x
            if flipped:  # h' = 1 - h: the same distribution of v
                if centred:
                    rbm.weight.data = -rbm.weight.data
                else:
                    rbm.visible_bias.data += rbm.weight.data.sum(1)
                    rbm.weight.data = -rbm.weight.data
            if centred:
                rbm.visible_offset = x.mean(0)
            loss = -rbm.log_prob(data).mean()
            slopes[centred, flipped] = torch.autograd.grad(loss, rbm.weight)[0]
    assert torch.allclose(slopes[True, True], -slopes[True, False])
    assert not torch.allclose(slopes[False, True], -slopes[False, False], atol=0.01)


def test_start_gives_each_unit_its_mean():
    torch.manual_seed(0)
    x = torch.bernoulli(torch.tensor([0.2, 0.9, 0.0]).expand(400, 3))
    for centred in (False, True):
        rbm = RBM((3,), hidden=2, centred=centred)
        rbm.weight.data.zero_()
        with torch.no_grad():
            rbm.start(lambda n: Batch(x[:n]))
        mean = (x.sum(0) + 0.5) / 401
        assert torch.allclose(rbm.visible_given(torch.ones(2)).mean, mean, atol=1e-6)
        assert torch.allclose(rbm.visible_offset, mean if centred else torch.zeros(3))
        assert rbm.chain.shape == (1, 100, 3) and set(rbm.chain.unique().tolist()) == {0.0, 1.0}
    points = torch.randn(400, 3) * torch.tensor([1.0, 2.0, 0.0]) + 5
    for centred in (False, True):
        rbm = RBM((3,), hidden=2, visible="gaussian", centred=centred)
        rbm.weight.data.zero_()
        with torch.no_grad():
            rbm.start(lambda n: Batch(points[:n]))
        given = rbm.visible_given(torch.zeros(2))
        assert torch.allclose(given.mean, points.mean(0), atol=1e-5)
        assert torch.allclose(given.stddev, points.std(0, correction=0).clamp(min=1e-3), atol=1e-5)


@pytest.mark.parametrize("gradient", ["cd", "pcd", "tempered"])
def test_each_gradient_learns_bars_and_stripes(gradient):
    lines = states(2, torch.zeros(()))
    bars = torch.cat([lines.repeat_interleave(2, 1), lines.repeat(1, 2)]).unique(dim=0)  # six images of 2 x 2
    assert len(bars) == 6
    torch.manual_seed(0)
    adam = lambda parameters: torch.optim.Adam(parameters, lr=0.02)
    rbm = RBM((4,), hidden=6, gradient=gradient, k=2, temperatures=4, centred=True, optimizer=adam)
    fit(rbm, bars.repeat(50, 1), epochs=150, batch_size=100, progress=False)
    with torch.no_grad():
        reached = rbm.log_prob(bars).mean().item()
    assert -2.3 < reached < -math.log(6)  # of 6 equal images; coins have -2.77
    torch.manual_seed(0)
    known = (rbm.sample(500)[:, None] == bars).all(2).any(1)
    assert known.float().mean() > 0.75


def test_ais_covers_log_z_in_95_of_100_seeds():
    rbm = small(8, 8, scale=0.6)
    truth, inside, errors = rbm.log_z().item(), 0, []
    for seed in range(100):
        found = log_partition(rbm, chains=100, betas=60, seed=seed, progress=False)
        inside += abs(found.value - truth) < 1.96 * found.standard_error + 1e-12
        errors.append(found.value - truth)
    assert inside >= 88 and abs(torch.tensor(errors).mean()) < 0.02  # 88: three deviations of a binomial below 95
    assert abs(log_partition(rbm, chains=500, betas=1000, progress=False).value - truth) < 0.02


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_forward_and_backward_chains_meet_at_log_z(visible):
    rbm = small(4, 5, scale=1.5 if visible == "bernoulli" else 0.8, visible=visible, centred=True)
    truth = rbm.log_z().item()
    h = states(5, rbm.weight)
    with torch.no_grad():
        v = torch.zeros(len(h), 4, dtype=torch.float64)
        # exact draws: h from its marginal, then v given h
        inputs = rbm.visible_inputs(h)
        shifted = h - rbm.hidden_offset
        if visible == "bernoulli":
            log_h = shifted @ rbm.hidden_bias + rbm._log_sum(inputs)
        else:
            scale = rbm.log_scale.exp()
            log_h = shifted @ rbm.hidden_bias + ((inputs**2 - rbm.visible_bias**2) / (2 * scale**2)).sum(1)
        torch.manual_seed(0)
        chosen = h[torch.multinomial(log_h.softmax(0), 2000, replacement=True)]
        v = rbm.draw_visible(chosen)
    lower = [log_partition(rbm, 20, 3, seed=s, progress=False).value for s in range(60)]
    upper = [
        log_partition(rbm, betas=3, exact=v[20 * s : 20 * s + 20], seed=s, progress=False).value for s in range(60)
    ]
    assert sum(lower) / 60 < truth < sum(upper) / 60
    many = log_partition(rbm, betas=400, exact=v, progress=False)
    assert many.low < truth < many.high and abs(many.value - truth) < 0.3


def test_weights_of_annealing_by_hand():
    rbm = small(3, 2)
    v = torch.tensor([[1.0, 0, 1], [0, 0, 1]], dtype=torch.float64)
    torch.manual_seed(3)
    path = list(anneal(rbm, v, [0.0, 0.4, 1.0]))
    first = rbm.at(v).free_energy(0.0) - rbm.at(v).free_energy(0.4)
    middle = path[1][1]
    second = rbm.at(middle).free_energy(0.4) - rbm.at(middle).free_energy(1.0)
    assert torch.allclose(path[1][2], first) and torch.allclose(path[2][2], first + second)
    assert [beta for beta, _, _ in path] == [0.0, 0.4, 1.0] and torch.equal(path[0][1], v)


def test_what_an_estimate_says():
    log_w = torch.tensor([0.0, math.log(3.0)], dtype=torch.float64)
    found = LogZ.of(log_w, 10.0)
    assert abs(found.value - (10 + math.log(2))) < 1e-12  # the mean of 1 and 3
    assert abs(found.standard_error - 0.5) < 1e-12 and abs(found.effective - 16 / 10) < 1e-12
    assert found.low == -math.inf and abs(found.high - (10 + math.log(5))) < 1e-12
    huge = LogZ.of(torch.tensor([5000.0, 5000.0]), 0.0)
    assert huge.value == 5000 and huge.standard_error == 0
    assert LogZ.of(torch.zeros(1), 0.0).standard_error == math.inf


def test_temperatures_stand_as_published():
    betas = temperatures(14_501)
    assert betas[0] == 0 and abs(betas[500] - 0.5) < 1e-9 and abs(betas[4500] - 0.9) < 1e-9 and betas[-1] == 1
    assert (betas.diff() > 0).all() and len(temperatures(2)) == 2


def test_bennett_between_two_machines():
    a, b = small(4, 3, seed=1, scale=0.7), small(4, 3, seed=2, scale=0.7)
    v, _, _ = joint(a)
    torch.manual_seed(0)
    with torch.no_grad():
        from_a, from_b = (v[torch.multinomial(m.log_prob(v).exp(), 20_000, replacement=True)] for m in (a, b))
        found = log_ratio(
            -a.free_energy(from_a), -b.free_energy(from_a), -a.free_energy(from_b), -b.free_energy(from_b)
        )
        assert abs(found - (b.log_z() - a.log_z())) < 0.03
        fewer = from_b[:500]  # of one kind fewer draws
        found = log_ratio(-a.free_energy(from_a), -b.free_energy(from_a), -a.free_energy(fewer), -b.free_energy(fewer))
        assert abs(found - (b.log_z() - a.log_z())) < 0.1


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: RBM((4,), visible="poisson"), "visible"),
        (lambda: RBM((4,), gradient="exact"), "gradient"),
        (lambda: RBM((4,), hidden=0), "hidden must be a whole number"),
        (lambda: RBM((4,), k=0), "k, the sweeps in each step, must be"),
        (lambda: RBM((4,), temperatures=1), "temperatures must be"),
        (lambda: RBM((4,), hidden=2).check(torch.full((2, 4), 0.5)), "units are 0 or 1"),
        (lambda: RBM((4,), hidden=2).log_prob(torch.zeros(2, 3)), r"\(4,\)"),
        (lambda: log_partition(RBM((4,), hidden=2), chains=0), "chains must be"),
        (lambda: log_partition(RBM((4,), hidden=2), betas=[0.1, 1.0]), "betas must rise from 0 to 1"),
        (lambda: log_partition(RBM((4,), hidden=2), betas=[0.0, 0.7, 0.5, 1.0]), "betas must rise from 0 to 1"),
    ],
)
def test_bad_arguments_are_named(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_what_cannot_be_annealed_is_named():
    with pytest.raises(TypeError, match="VAE cannot be annealed: it has no at, base_sample, base_log_z; an RBM has"):
        log_partition(VAE((4,), latent=2, hidden=(3,)), progress=False)
