"""Sigmoid belief nets: sums over all states, Gibbs sampling and mean field beside them, and the layered net's parts."""

import copy
from itertools import islice, pairwise

import pytest
import torch
from torch.distributions import Bernoulli

from lecturekit import Batch, fit
from lecturekit.belief import BeliefNet, SigmoidBeliefNet, estimators, exact
from lecturekit.belief.belief_net import states
from lecturekit.evaluate import active_units, importance_bound
from lecturekit.variational import IWAE

X = torch.bernoulli(torch.full((4, 1, 2, 3), 0.4, dtype=torch.float64), generator=torch.Generator().manual_seed(0))


def general(units=7, hidden=(0, 1, 3), seed=0, scale=2.0, **options):
    """A net with skips, hidden units among the visible ones, and weights that matter."""
    torch.manual_seed(seed)
    net = BeliefNet(units, hidden, **options).double()
    net.weight.data *= scale
    net.weight.data[~net.mask] = 3.0  # where no unit is a parent, a weight has no say
    net.bias.data.normal_()
    return net


def layered(layers=(3, 2), seed=0, **options):
    torch.manual_seed(seed)
    net = SigmoidBeliefNet((1, 2, 3), layers, **options).double()
    for parameter in net.parameters():
        parameter.data += 0.5 * torch.randn_like(parameter)
    return net


def by_loops(net, state):
    """log P(state) unit by unit, as in Neal (1992)."""
    total = 0.0
    for i in range(net.units):
        input = net.bias[i] + sum(net.weight[i, j] * state[j] for j in range(i) if net.mask[i, j])
        on = 1 / (1 + torch.exp(-input))
        total = total + torch.log(on if state[i] == 1 else 1 - on)
    return total


def test_states_count():
    assert states(2, X).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert states(0, X).shape == (1, 0)


def test_the_joint_is_a_product_of_coins_given_their_parents():
    mask = torch.rand(7, 7, generator=torch.Generator().manual_seed(1)) < 0.6
    net = general(mask=mask.tril(-1))
    every = states(7, net.bias)
    log_p = net.log_joint(every)
    torch.testing.assert_close(log_p.exp().sum(), torch.tensor(1.0, dtype=torch.float64))
    for i in (0, 31, 77, 127):
        torch.testing.assert_close(log_p[i], by_loops(net, every[i]))


def test_weights_outside_the_mask_have_no_say():
    net = general(mask=torch.zeros(7, 7, dtype=torch.bool))
    net.weight.data.fill_(5.0)
    every = states(7, net.bias)
    torch.testing.assert_close(net.log_joint(every), Bernoulli(logits=net.bias).log_prob(every).sum(-1))


def test_hidden_units_are_summed_out():
    net = general()
    every = states(7, net.bias)
    joint = net.log_joint(every).exp()
    visible = [2, 4, 5, 6]
    x = states(4, net.bias)
    for item, log_p in zip(x, net.log_prob(x), strict=True):
        here = (every[:, visible] == item).all(-1)
        torch.testing.assert_close(log_p.exp(), joint[here].sum())
    torch.testing.assert_close(net.log_prob(x).exp().sum(), torch.tensor(1.0, dtype=torch.float64))


def test_marginals_given_any_units():
    """By conditioning the table of all states, whatever is clamped."""
    net = general()
    every = states(7, net.bias)
    joint = net.log_joint(every).exp()
    state = torch.tensor([[1, 0, 0, 1, 1, 0, 1], [0, 1, 1, 0, 0, 0, 1]]).double()
    for known in ([2, 4, 5, 6], [0], [6], [1, 3], list(range(7))):
        clamped = torch.zeros(7, dtype=torch.bool)
        clamped[known] = True
        found = net.marginals(state, clamped)
        for item, marginal in zip(state, found, strict=True):
            here = (every[:, known] == item[known]).all(-1)
            torch.testing.assert_close(marginal, (joint[here, None] * every[here]).sum(0) / joint[here].sum())
    torch.testing.assert_close(net.marginals(state), net.marginals(state, net.visible))


def test_explaining_away():
    """Two rare causes of one effect: the effect makes both likely, the first cause then makes the second unlikely."""
    net = BeliefNet(3, hidden=(0, 1), mask=torch.tensor([[0, 0, 0], [0, 0, 0], [1, 1, 0]]).bool()).double()
    net.weight.data[2, :2] = 20.0
    net.bias.data = torch.tensor([-3.0, -3.0, -10.0]).double()
    effect = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 1.0]]).double()
    with torch.no_grad():
        seen = net.marginals(effect[:1])[0]
        explained = net.marginals(effect[1:], torch.tensor([True, False, True]))[0]
    assert seen[1] > 0.4 and explained[1] == pytest.approx(torch.sigmoid(torch.tensor(-3.0)).item(), abs=1e-3)


def test_drawing_follows_the_joint():
    mask = torch.rand(5, 5, generator=torch.Generator().manual_seed(1)) < 0.6
    for net in (general(5, (1,)), general(5, (1,), mask=mask.tril(-1))):
        net.float()
        drawn = net.draw(200_000)
        index = (drawn @ torch.tensor([16.0, 8.0, 4.0, 2.0, 1.0])).long()
        share = torch.bincount(index, minlength=32) / len(drawn)
        expected = net.log_joint(states(5, net.bias)).exp()
        error = (expected * (1 - expected) / len(drawn)).sqrt()
        assert ((share - expected).abs() < 4.5 * error + 1e-9).all()
    torch.manual_seed(1)
    drawn = net.draw(50)
    torch.manual_seed(1)
    assert torch.equal(net.sample(50), drawn[:, [0, 2, 3, 4]]) and net.event_shape == (4,)


def test_layers_are_drawn_together():
    assert layered().as_belief_net()._levels == [[0, 1], [2, 3, 4], [5, 6, 7, 8, 9, 10]]
    assert len(general()._levels) == 7  # every unit has all earlier ones as parents


@pytest.mark.parametrize("known", [None, [0, 6]])
def test_gibbs_sampling_leaves_the_posterior_as_it_is(known):
    """Begun at the exact posterior it stays there, and begun elsewhere it comes there: 16 states, by counting."""
    net = general()
    clamped = net.visible if known is None else torch.tensor([i in known for i in range(7)])
    one = torch.tensor([[0, 0, 1, 0, 1, 1, 0]]).double()
    every = net.every(one, clamped)[:, 0]
    posterior = net.log_joint(every).softmax(0).detach()
    n = 60_000
    for start, sweeps in ((every[torch.multinomial(posterior, n, replacement=True)], 1), (one.expand(n, -1), 60)):
        found = net.gibbs(start, clamped, sweeps)
        assert torch.equal(found[:, clamped], one[:, clamped].expand(n, -1))
        share = (found[:, None] == every).all(-1).double().mean(0)
        error = (posterior * (1 - posterior) / n).sqrt()
        assert ((share - posterior).abs() < 4.5 * error + 1e-9).all()


def test_the_chain_goes_through_what_gibbs_ends_in():
    net, one = general(), torch.ones(20, 7).double()
    torch.manual_seed(3)
    path = list(islice(net.gibbs_chain(one), 4))
    torch.manual_seed(3)
    assert torch.equal(net.gibbs(one, sweeps=4), path[-1]) and not torch.equal(path[0], path[1])
    assert torch.equal(net.gibbs(one, sweeps=0), one)


def test_gibbs_does_not_touch_what_it_was_given():
    net, one = general(), torch.ones(50, 7).double()
    found = net.gibbs(one, sweeps=3)
    assert one.min() == 1 and found.min() == 0


def test_mean_field_is_a_bound_that_rises_and_ends_where_it_is_flat():
    for seed in range(2):
        net = general(seed=seed, scale=1.5)
        state = net.place(states(4, net.bias))
        log_p = net.log_prob(states(4, net.bias))
        previous = None
        for sweeps in (1, 2, 4, 40):
            mu, bound = net.mean_field(state, sweeps=sweeps)
            assert (bound <= log_p + 1e-9).all()
            assert previous is None or (bound >= previous - 1e-9).all()
            previous = bound
        assert (log_p - bound).mean() < 0.3  # and not a loose one
        assert torch.equal(mu[:, net.visible], state[:, net.visible])
        torch.testing.assert_close(net.mean_field(state, sweeps=50)[0], mu, atol=1e-4, rtol=0)


def test_mean_field_of_rivals_does_not_swing():
    """Five causes of one effect, each enough for a part of it: all at once they would switch on and off together."""
    net = BeliefNet(6, hidden=range(5)).double()
    net.weight.data.zero_()[5, :5] = 4.0
    net.bias.data = torch.tensor([0.0, 0, 0, 0, 0, -8]).double()
    bounds = [net.mean_field(net.place(states(1, net.bias)), sweeps=sweeps)[1] for sweeps in range(1, 9)]
    assert (torch.stack(bounds).diff(dim=0) >= -1e-9).all()


def test_mean_fields_bound_by_hand():
    """Saul, Jaakkola, Jordan: E_q[log p] with log(1 + e^z) bounded, and the entropy; sums over the states of q."""
    net = general()
    state = net.place(states(4, net.bias))[5:6]
    mu, bound = net.mean_field(state, sweeps=3)
    every = net.every(state)[:, 0]
    q = Bernoulli(mu[0, [0, 1, 3]].clamp(1e-12, 1 - 1e-12)).log_prob(every[:, [0, 1, 3]]).sum(-1).exp()
    z = net.logits(every).detach()
    grid = torch.linspace(0, 1, 2001, dtype=torch.float64)[:, None, None]
    upper = (grid * z).mul(q[:, None]).sum(1) + (q[:, None] * (torch.exp(-grid * z) + torch.exp((1 - grid) * z))).sum(
        1
    ).log()
    elbo = (q[:, None] * every * z).sum() - upper.amin(0).sum() - (q * q.log()).sum()
    torch.testing.assert_close(bound[0], elbo, atol=1e-5, rtol=0)
    exact_elbo = (q * (net.log_joint(every) - q.log())).sum()
    assert bound[0] < exact_elbo


def test_where_nothing_is_hidden_or_coupled_mean_field_is_exact():
    net = general(scale=0.0)
    x = states(4, net.bias)
    mu, bound = net.mean_field(net.place(x))
    torch.testing.assert_close(bound, net.log_prob(x).detach())
    torch.testing.assert_close(mu[0, [0, 1, 3]], net.bias[[0, 1, 3]].sigmoid().detach())
    everything = torch.ones(7, dtype=torch.bool)
    net = general()
    state = states(7, net.bias)[50:60]
    torch.testing.assert_close(net.mean_field(state, everything)[1], net.log_joint(state).detach())


def test_a_small_net_learns_by_its_exact_likelihood():
    """A visible net with an edge between any two units can hold the noisy copy of a bit; without hidden units, too."""
    torch.manual_seed(0)
    first = torch.randint(2, (500, 1)).float()
    data = torch.cat([first, (first + (torch.rand(500, 1) < 0.1)) % 2], 1)
    net = BeliefNet(2)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        net.loss(Batch(data))["loss"].backward()
        optimizer.step()
    torch.testing.assert_close(net.loss(Batch(data))["loss"], -net.log_prob(data).mean())
    counts = torch.bincount((data @ torch.tensor([2.0, 1.0])).long(), minlength=4) / 500
    torch.testing.assert_close(net.log_prob(states(2, data)).exp(), counts, atol=2e-3, rtol=0)


NET = general().float()
OFF = torch.zeros(2, 7)
REFUSED = [
    (lambda: BeliefNet(0), "units must be a whole number of at least 1, not 0"),
    (lambda: BeliefNet(2.5), "units must be a whole number"),
    (lambda: BeliefNet(2, (0, 1)), "some, not all"),
    (lambda: BeliefNet(3, (3,)), r"some, not all, of the units 0..2, each once, not \(3,\)"),
    (lambda: BeliefNet(3, (1, 1)), "each once"),
    (lambda: BeliefNet(3, 1), "hidden must be a sequence"),
    (lambda: BeliefNet(3, (-1,)), r"hidden\[0\] must be"),
    (lambda: BeliefNet(3, mask=torch.ones(3, 3).bool()), "parents come before children"),
    (lambda: BeliefNet(3, mask=torch.eye(3).bool()), "parents come before children"),
    (lambda: BeliefNet(3, mask=torch.ones(3, 3).tril(-1)), r"mask must be bool \(units, units\)"),
    (lambda: BeliefNet(3, mask=torch.zeros(3, 2).bool()), r"mask must be bool \(units, units\)"),
    (lambda: BeliefNet(3, mask=[[0, 0, 0]] * 3), "mask must be a tensor"),
    (lambda: BeliefNet(30, range(25)).log_prob(torch.ones(1, 5)), "too many to enumerate"),
    (lambda: BeliefNet(2).check(torch.tensor([[0, 0.5]])), "0 or 1, but x runs from 0 to 0.5"),
    (lambda: NET.log_prob(torch.full((2, 4), 0.3)), "0 or 1, but state runs from 0 to 0.3"),
    (lambda: NET.log_prob(torch.zeros(4)), r"x\[None\]"),
    (lambda: NET.log_prob(torch.zeros(2, 7)), r"items of shape \(4,\), not \(7,\)"),
    (lambda: NET.log_prob([[0, 1, 0, 1]]), "x must be a tensor"),
    (lambda: NET.place(torch.zeros(4)), r"x\[None\]"),
    (lambda: NET.logits(torch.zeros(2, 4)), r"state, of all 7 units, must be \(..., 7\), not \(2, 4\)"),
    (lambda: NET.log_joint(OFF + 0.5), "0 or 1, but state runs from 0.5"),
    (lambda: NET.marginals(OFF[0]), r"state must be \(batch, 7\), not \(7,\)"),
    (lambda: NET.marginals(OFF, known=NET.visible.float()), "known must be bool.*float32"),
    (lambda: NET.every(OFF, known=[True] * 7), "known must be a tensor"),
    (lambda: NET.every(OFF / 0), "from nan to nan"),
    (lambda: NET.gibbs(OFF, known=NET.visible.long()), "known must be bool.*int64"),
    (lambda: NET.gibbs(OFF, known=NET.visible[:6]), r"True for each of the 7 units.*\(6,\)"),
    (lambda: NET.gibbs(OFF[:, :4]), "all 7 units"),
    (lambda: NET.gibbs(OFF[:, :4], sweeps=0), "all 7 units"),
    (lambda: NET.gibbs(OFF + 2), "0 or 1, but state runs from 2"),
    (lambda: NET.gibbs(OFF, sweeps=-1), "sweeps must be a whole number of at least 0, not -1"),
    (lambda: NET.gibbs(OFF, sweeps=2.5), "sweeps must be"),
    (lambda: next(NET.gibbs_chain(OFF - 1)), "0 or 1, but state runs from -1"),
    (lambda: NET.mean_field(OFF, sweeps=-1), "sweeps must be"),
    (lambda: NET.mean_field(OFF, known=NET.visible.int()), "known must be bool"),
    (lambda: NET.mean_field(OFF[0]), r"state must be \(batch, 7\), not \(7,\)"),
    (lambda: NET.draw(-1), "n must be"),
    (lambda: NET.sample(2.5), "n must be a whole number of at least 0, not 2.5"),
    (lambda: NET.sample(2, torch.zeros(2).long()), "without y"),
    (lambda: states(-1, OFF), "bits must be"),
    (lambda: states(2, 1.0), "like must be a tensor"),
]


@pytest.mark.parametrize("call, message", REFUSED, ids=[message for _, message in REFUSED])
def test_what_the_general_net_refuses(call, message, untyped):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_whole_numbers_of_any_kind_are_bits(untyped):
    """And a net that was loaded into one of another order is drawn in its own."""
    x, state = states(4, OFF), states(7, OFF)[::5]
    for kind in (torch.long, torch.bool, torch.float64):
        torch.testing.assert_close(NET.log_prob(x.to(kind)), NET.log_prob(x))
        torch.testing.assert_close(NET.log_joint(state.to(kind)), NET.log_joint(state))
        assert torch.equal(NET.gibbs(state.to(kind), torch.ones(7).bool()), state)
    flat = BeliefNet(7, (0, 1, 3), mask=torch.zeros(7, 7, dtype=torch.bool))
    assert len(flat._levels) == 1
    flat.load_state_dict(NET.state_dict())
    assert len(flat._levels) == 7


# --- layers -----------------------------------------------------------------------------------------------------------


def test_paths_by_hand():
    net = layered()
    net.centre.uniform_(0, 1)
    torch.manual_seed(1)
    log_p, log_q = net.paths(X, 5)
    torch.manual_seed(1)
    x = X.flatten(1)
    q1 = Bernoulli(logits=net.recognition[0](x - net.centre))
    h1 = (torch.rand(5, 4, 3, dtype=torch.float64) < q1.probs).double()
    q2 = Bernoulli(logits=net.recognition[1](h1))
    h2 = (torch.rand(5, 4, 2, dtype=torch.float64) < q2.probs).double()
    torch.testing.assert_close(log_q, q1.log_prob(h1).sum(-1) + q2.log_prob(h2).sum(-1))
    expected = Bernoulli(logits=net.top).log_prob(h2).sum(-1)
    expected = expected + Bernoulli(logits=net.generative[1](h2)).log_prob(h1).sum(-1)
    torch.testing.assert_close(log_p, expected + Bernoulli(logits=net.generative[0](h1)).log_prob(x).sum(-1))


@pytest.mark.parametrize("layers", [(4,), (3, 2), (2, 2, 1)])
def test_a_layered_net_is_a_belief_net(layers):
    """log p(x) is the same, by enumeration of the one and of the other, and sums to 1 over all x."""
    net = layered(layers)
    every = states(6, X)
    log_p = exact.every_path(net, every)[0].logsumexp(0)
    torch.testing.assert_close(log_p.exp().sum(), torch.tensor(1.0, dtype=torch.float64))
    torch.testing.assert_close(net.as_belief_net().log_prob(every), log_p)


def test_q_sums_to_1_and_the_bound_lies_below():
    net = layered(between=(5,))
    log_p, log_q = exact.every_path(net, net.flat(X))
    torch.testing.assert_close(log_q.exp().sum(0), torch.ones(4, dtype=torch.float64))
    evidence = log_p.logsumexp(0)
    values = [exact.expected_bound(net, net.flat(X), k) for k in (1, 2, 3)]
    assert all((a < b).all() for a, b in zip(values, [*values[1:], evidence]))
    kl = (log_q.exp() * (log_q - log_p.log_softmax(0))).sum(0)
    torch.testing.assert_close(values[0], evidence - kl)


def test_elbo_and_bound_are_those_of_the_enumeration():
    net = layered()
    with torch.no_grad():
        for k in (1, 3):
            found = (
                net.log_weights(X.repeat(20_000, 1, 1, 1), k).logsumexp(0).reshape(20_000, 4) - torch.tensor(k).log()
            )
            expected = exact.expected_bound(net, net.flat(X), k)
            assert ((found.mean(0) - expected).abs() < 4 * found.std(0) / 20_000**0.5).all()
        tight = importance_bound(net, X, k=20_000, progress=False)
    log_p, log_q = (part.detach() for part in exact.every_path(net, net.flat(X)))
    evidence = log_p.logsumexp(0)
    spread = ((2 * log_p - log_q).logsumexp(0) - 2 * evidence).exp() - 1  # the variance of w / p(x)
    assert ((tight.values - evidence).abs() < 4.5 * (spread / 20_000).sqrt()).all()
    assert (spread / 20_000).sqrt().max() < 0.03


@pytest.mark.parametrize("layers", [(2, 2), (2, 2, 2)])
def test_samples_follow_the_net(layers):
    net = layered(layers)
    net.generative[0][0].weight.data *= 3
    every = states(6, X)
    expected = exact.every_path(net, every)[0].logsumexp(0).exp().detach()
    n = 100_000
    torch.manual_seed(2)
    x = net.sample(n)
    assert x.shape == (n, 1, 2, 3)
    place = torch.tensor([32.0, 16.0, 8.0, 4.0, 2.0, 1.0]).double()
    share = torch.bincount((x.flatten(1) @ place).long(), minlength=64) / n
    error = (expected * (1 - expected) / n).sqrt()
    assert ((share - expected).abs() < 4.5 * error + 1e-9).all()

    pixels, (h1, *upper) = net.sample_layers(7)
    assert pixels.mean.shape == (7, 1, 2, 3) and all(h.shape == (7, 2) for h in (h1, *upper))
    assert len(upper) == len(layers) - 1
    torch.testing.assert_close(pixels.mean.flatten(1), net.generative[0](h1).sigmoid().detach())
    _, hidden = net.sample_layers(n)  # all layers together, by their masses under p
    settings = states(sum(layers), X)
    joint = sum(estimators.log_p(net, settings.new_zeros(len(settings), 6), list(settings.split(2, -1)))[1:]).exp()
    place = 2.0 ** torch.arange(sum(layers) - 1, -1, -1).double()
    share = torch.bincount((torch.cat(hidden, -1) @ place).long(), minlength=len(settings)) / n
    assert ((share - joint).abs() < 4.5 * (joint * (1 - joint) / n).sqrt() + 1e-9).all()
    torch.manual_seed(3)
    top = net.prior().sample((n,))
    from_top = net.decode(top).mean.flatten(1).mean(0)  # one draw between: in expectation the pixels of the model
    torch.testing.assert_close(from_top, (expected[:, None] * every).sum(0), atol=0.01, rtol=0)


def test_codes_are_the_means_of_all_layers():
    net = layered()
    net.recognition[1][0].weight.data *= 8  # so steep that a mean of log odds would say something else
    log_q = exact.every_path(net, net.flat(X))[1]
    every = states(5, X)
    torch.testing.assert_close(
        net.codes(X, draws=20_000), (log_q.exp()[..., None] * every[:, None]).sum(0), atol=0.02, rtol=0
    )
    assert active_units(net, X).shape == (5,)


@torch.no_grad()
def test_the_start_looks_at_the_data():
    net = layered((3, 2), between=(4,), estimator="nvil")
    net.start(lambda n: Batch(X))
    mean = X.flatten(1).mean(0)
    torch.testing.assert_close(net.centre, mean)
    torch.testing.assert_close(net.generative[0][-1].bias.detach(), torch.logit(mean.clamp(1e-3, 1 - 1e-3)))
    torch.manual_seed(0)
    net.estimator.start(net, net.flat(X).repeat(5000, 1))
    elbo = exact.expected_bound(net, net.flat(X)).mean()
    assert net.estimator.mean[0].item() == pytest.approx(elbo.item(), abs=0.05)
    torch.manual_seed(0)
    h, logits = estimators.sample_q(net, net.flat(X).repeat(5000, 1), 1)
    p, q = estimators.log_p(net, net.flat(X).repeat(5000, 1), h), estimators.log_q(h, logits)
    for layer, signal in enumerate((sum(p) - sum(q), p[1] + p[2] - q[1])):  # nothing is left of what was there before
        torch.testing.assert_close(net.estimator.mean[layer], signal.mean())
        torch.testing.assert_close(net.estimator.variance[layer], signal.var(correction=0))


def test_depth_and_nets_between():
    net = SigmoidBeliefNet((1, 2, 3), (5, 4, 3), between=(7, 8))
    assert [tuple(m.weight.shape for m in net_ if hasattr(m, "weight")) for net_ in net.recognition] == [
        ((7, 6), (8, 7), (5, 8)),
        ((7, 5), (8, 7), (4, 8)),
        ((7, 4), (8, 7), (3, 8)),
    ]
    assert [tuple(m.weight.shape for m in net_ if hasattr(m, "weight")) for net_ in net.generative] == [
        ((8, 5), (7, 8), (6, 7)),
        ((8, 4), (7, 8), (5, 7)),
        ((8, 3), (7, 8), (4, 7)),
    ]
    with pytest.raises(ValueError, match="not linear"):
        net.as_belief_net()
    own = [torch.nn.Linear(6, 3), torch.nn.Linear(3, 2)]
    assert list(SigmoidBeliefNet((1, 2, 3), (3, 2), recognition=own).recognition) == own


BITS = X.flatten(1).float()
SBN = SigmoidBeliefNet((6,), (3, 2))
H = [torch.ones(4, 3), torch.ones(4, 2)]


def linear(*sizes):
    return [torch.nn.Linear(a, b) for a, b in pairwise(sizes)]


LAYERS_REFUSED = [
    (
        lambda: SigmoidBeliefNet((6,), (2,), estimator="reinforce"),
        "unknown estimator 'reinforce': .*there are score, nvil",
    ),
    (lambda: SigmoidBeliefNet((6,), (2,), estimator=None), "unknown estimator None"),
    (lambda: SigmoidBeliefNet((6,), ()), "need a layer"),
    (lambda: SigmoidBeliefNet((6,), 200), "layers must be a sequence of whole numbers.*not 200"),
    (lambda: SigmoidBeliefNet((6,), (0, 2)), r"layers\[0\] must be a whole number of at least 1, not 0"),
    (lambda: SigmoidBeliefNet((6,), (2,), between=4), "between must be a sequence"),
    (lambda: SigmoidBeliefNet((6,), (2,), between=(4, 2.5)), r"between\[1\] must be"),
    (lambda: SigmoidBeliefNet((6,), (2,), activation=torch.nn.ReLU()), "activation must be a class"),
    (lambda: SigmoidBeliefNet(784), "event_shape must be a sequence"),
    (lambda: SigmoidBeliefNet((6, -1)), r"event_shape\[1\]"),
    (lambda: SigmoidBeliefNet((6,), (2,), recognition=[]), "a recognition net for each"),
    (lambda: SigmoidBeliefNet((6,), (3, 2), recognition=linear(6, 3)[0]), "a recognition net for each"),
    (lambda: SigmoidBeliefNet((6,), (3, 2), recognition=[abs, abs]), "a recognition net for each"),
    (
        lambda: SigmoidBeliefNet((6,), (3, 2), recognition=linear(6, 2, 2)).paths(BITS),
        r"recognition\[0\] gives 2 log odds",
    ),
    (
        lambda: SigmoidBeliefNet((6,), (2,), k=0),
        "k, the number of samples, must be a whole number of at least 1, not 0",
    ),
    (lambda: SigmoidBeliefNet((6,), (2,), k="5"), "k, the number.*not '5'"),
    (lambda: SigmoidBeliefNet((6,), (2,), estimator="score", temperature=2), "temperature"),
    (lambda: SBN.check(torch.full((2, 6), 0.3)), 'view="binary"'),
    (lambda: fit(SigmoidBeliefNet((6,), (2,)), torch.full((8, 6), 0.3), epochs=1), 'view="binary"'),
    (lambda: SBN.paths(BITS + 0.3), "0 or 1, but x runs from 0.3"),
    (lambda: SBN.paths(BITS, k=None), "k, the number of samples, must be"),
    (lambda: SBN.paths(X.float()), r"items of shape \(6,\), not \(1, 2, 3\)"),
    (lambda: SBN.elbo(BITS[0]), r"x\[None\]"),
    (lambda: SBN.codes(BITS, draws=0), "draws must be"),
    (lambda: SBN.codes(BITS, draws=None), "draws must be"),
    (lambda: SBN.loss(Batch(BITS[:, :4])), r"items of shape \(6,\)"),
    (lambda: SBN.decode(torch.ones(4, 3)), r"z, the latents, must be \(\.\.\., 2\), not \(4, 3\)"),
    (lambda: SBN.recognize(1, BITS), r"below must be \(\.\.\., 3\)"),
    (lambda: SBN.generate(0, BITS), r"above must be \(\.\.\., 3\)"),
    (lambda: SBN.sample(-1), "n must be"),
    (lambda: SBN.sample(2, torch.zeros(2).long()), "without y"),
    (lambda: SBN.sample_layers("5"), "n must be"),
    (lambda: IWAE(SBN, 3).loss(Batch(torch.ones(2, 6))), "score-function"),
    (lambda: estimators.bits([0.3]), "logits must be a tensor"),
    (lambda: estimators.bits(BITS, k=0), "k, the number of samples, must be"),
    (lambda: estimators.sample_q(SBN, BITS, start=-1), "start must be a whole number from 0 to 2"),
    (lambda: estimators.sample_q(SBN, BITS, start=1), "below must be"),
    (lambda: estimators.sample_p(SBN, -1), "n must be"),
    (lambda: estimators.log_mass(torch.ones(4, 3), torch.ones(4, 1)), "as many units"),
    (lambda: estimators.log_mass(torch.ones(3) / 2, torch.ones(3)), "0 or 1, but bits runs from 0.5"),
    (lambda: estimators.log_p(SBN, BITS, H[:1]), "bits of 2 layers.*not 1"),
    (lambda: estimators.log_p(SBN, BITS, H, start=1), "bits of 1 layers"),
    (lambda: estimators.log_q(H, H[:1]), "bits of 1 layers"),
    (lambda: estimators.log_q_of(SBN, BITS, H[:1]), "bits of 2 layers"),
    (lambda: estimators.ScoreFunction([8]), "sizes are those of x and of every layer"),
    (lambda: estimators.ScoreFunction(8), "sizes must be a sequence"),
    (lambda: estimators.ScoreFunction([8, 0]), r"sizes\[1\] must be"),
    (lambda: estimators.VIMCO([8, 3], 1), "k must be at least 2"),
    (lambda: estimators.VIMCO([8, 3], 3).signals(torch.ones(3)), r"log_w must be \(k, batch\) with k = 3, not \(3,\)"),
    (lambda: estimators.VIMCO([8, 3], 3).signals(torch.ones(1, 3)), "log_w must be"),
    (lambda: estimators.NVIL([8, 3], baseline=-1), "baseline must be"),
    (lambda: estimators.NVIL([8, 3], normalize="no"), "normalize must be True or False"),
    (lambda: estimators.NVIL([8, 3], local=None), "local must be True or False"),
    (lambda: estimators.Concrete([8, 3], temperatures=0.5), "temperatures must be two numbers"),
    (lambda: estimators.Concrete([8, 3], temperatures=(0.5, 0)), r"temperatures\[1\] must be positive and finite"),
    (lambda: estimators.Concrete([8, 3], temperatures=(float("nan"), 0.5)), r"temperatures\[0\] must be"),
    (lambda: exact.every_path(SBN, X.float()), r"x\.flatten\(1\)"),
    (lambda: exact.every_path(SBN, BITS / 2), "0 or 1"),
    (lambda: exact.every_path(SigmoidBeliefNet((6,), (30,)), BITS), "too many to enumerate"),
    (lambda: exact.expected_bound(SBN, BITS, k=0), "k, the number of samples, must be"),
    (lambda: exact.expected_bound(SBN, BITS, k=5), "too many to enumerate"),
    (lambda: exact.exact_gradient(SBN, BITS[0]), r"x\[None\]"),
    (lambda: exact.gradients(SBN.estimator, SBN, BITS[0], 10), r"x\[None\]"),
    (lambda: exact.gradients(SBN.estimator, SBN, BITS, 0), "draws must be"),
    (lambda: exact.gradients("score", SBN, BITS, 10), "estimator must be an Estimator"),
    (lambda: exact.compare(SBN, BITS, SBN.estimator), "given must be estimators by name"),
    (lambda: exact.compare(SBN, BITS, {"a": SBN.estimator}, draws=1), "draws must be a whole number of at least 2"),
]


@pytest.mark.parametrize("call, message", LAYERS_REFUSED, ids=[message for _, message in LAYERS_REFUSED])
def test_what_it_refuses(call, message, untyped):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


@pytest.mark.parametrize("name", ["nvil", "reweighted-wake-sleep"])
def test_a_stopped_run_goes_on_as_if_nothing_had_happened(name, tmp_path):
    """What NVIL remembers is in its buffers, and what the players of a round share is not missed."""
    data = X.float().repeat(4, 1, 1, 1)
    build = lambda: SigmoidBeliefNet((1, 2, 3), (3, 2), estimator=name)
    torch.manual_seed(0)
    whole = build()
    halved = copy.deepcopy(whole)
    fit(whole, data, epochs=4, batch_size=4, progress=False)
    fit(halved, data, epochs=2, batch_size=4, progress=False, checkpoint=tmp_path)
    resumed = build()
    fit(resumed, data, epochs=4, batch_size=4, progress=False, checkpoint=tmp_path, resume=True)
    for (key, a), b in zip(whole.state_dict().items(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b), key
