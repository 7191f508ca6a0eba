"""Metrics of samples beside closed forms, double loops, SciPy and torch-fidelity; order and chunks change nothing."""

import dataclasses
import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch.distributions import Normal

from lecturekit.data import toy2d
from lecturekit.evaluate import (
    Features,
    frechet_distance,
    gaussian_frechet_distance,
    inception_score,
    kernel_distance,
    kernel_distance_of_subsets,
    modes_covered,
    parzen_bandwidth,
    parzen_log_likelihood,
    samples,
)

RANDOM = torch.Generator().manual_seed(0)


def normal(*shape):
    return torch.randn(*shape, generator=RANDOM, dtype=torch.float64)


def shuffled(x):
    return x[torch.randperm(len(x), generator=RANDOM)]


MIX = normal(6, 6)
A, B = (normal(40, 6) @ MIX).relu(), (normal(55, 6) @ MIX + 0.3).relu()
LOGITS = 2 * normal(101, 7)


def by_sqrtm(a, b):
    """The definition, with SciPy's matrix root."""
    a, b = a.numpy(), b.numpy()
    one, other = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    return np.square(a.mean(0) - b.mean(0)).sum() + np.trace(one + other - 2 * sqrtm(one @ other).real)


# Fréchet distance


def test_frechet_distance_of_gaussians_on_the_line():
    """(m1 - m2)^2 + (s1 - s2)^2."""
    numbers = [torch.tensor(x, dtype=torch.float64) for x in ([1.0], [[9.0]], [3.0], [[0.25]])]
    assert gaussian_frechet_distance(*numbers) == pytest.approx(4 + 2.5**2)


def test_frechet_distance_where_covariances_share_their_axes():
    """|m1 - m2|^2 + sum (s1 - s2)^2 over the axes, one of which is flat."""
    axes = torch.linalg.qr(normal(4, 4)).Q
    one, other = torch.tensor([0.0, 1, 2, 3]).double(), torch.tensor([1.0, 5, 2, 0.5]).double()
    cover = lambda scales: axes * scales.square() @ axes.T
    mean = normal(4)
    expected = mean.square().sum() + (one - other).square().sum()
    assert gaussian_frechet_distance(mean, cover(one), 0 * mean, cover(other)) == pytest.approx(expected.item())
    assert gaussian_frechet_distance(0 * mean, cover(other), mean, cover(one)) == pytest.approx(expected.item())


def test_frechet_distance_beside_scipy():
    assert frechet_distance(A, B) == pytest.approx(by_sqrtm(A, B), rel=1e-9)
    assert frechet_distance(A.float(), B.float()) == pytest.approx(by_sqrtm(A, B), rel=1e-5)
    assert frechet_distance(A[:, :1], B[:, :1]) == pytest.approx(
        (A[:, 0].mean() - B[:, 0].mean()).item() ** 2 + (A[:, 0].std() - B[:, 0].std()).item() ** 2
    )


@pytest.mark.parametrize("few", [2, 5, 6, 7, 12, 13])
def test_frechet_distance_of_few_samples(few):
    """With up to as many as dimensions (6) the covariance is singular; tr (A B)^(1/2) is the nuclear norm of the centred tables' product."""
    for other in (B, B[:3]):
        a, b = ((x - x.mean(0)) / math.sqrt(len(x) - 1) for x in (A[:few], other))
        expected = (A[:few].mean(0) - other.mean(0)).square().sum() + a.square().sum() + b.square().sum()
        expected -= 2 * torch.linalg.matrix_norm(a @ b.T, "nuc")
        assert frechet_distance(A[:few], other) == pytest.approx(expected.item(), rel=1e-6)
        assert frechet_distance(other, A[:few]) == pytest.approx(expected.item(), rel=1e-6)


def test_frechet_distance_with_dead_features():
    dead = torch.zeros(40, 2, dtype=torch.float64)
    assert frechet_distance(torch.cat([A, dead], 1), torch.cat([B[:40], dead], 1)) == pytest.approx(
        frechet_distance(A, B[:40])
    )


def test_frechet_distance_is_symmetric_and_none_to_itself():
    assert frechet_distance(A, B) == pytest.approx(frechet_distance(B, A))
    scale = A.var(0).sum().item()
    assert 0 <= frechet_distance(A, shuffled(A)) < 1e-9 * scale
    assert 0 <= frechet_distance(A[:4], A[:4]) < 1e-6 * scale


def test_frechet_distance_is_too_large_for_few_samples():
    """Of two samples of one Gaussian, whose distance is 0."""
    of = lambda n: np.mean([frechet_distance(normal(n, 5), normal(n, 5)) for _ in range(20)])
    assert of(10) > 2 * of(40) > 4 * of(160) > 0


# kernel distance


def by_loops(a, b):
    k = lambda x, y: (float(x @ y) / len(x) + 1) ** 3
    mean = lambda values: sum(values) / len(values)
    within = lambda t: mean([k(t[i], t[j]) for i in range(len(t)) for j in range(len(t)) if i != j])
    return within(a) + within(b) - 2 * mean([k(x, y) for x in a for y in b])


def test_kernel_distance_is_the_mean_over_all_pairs():
    assert kernel_distance(A[:9], B[:13])[0] == pytest.approx(by_loops(A[:9], B[:13]), rel=1e-9)


def test_kernel_distance_is_not_biased_and_knows_its_error():
    """Of N(0, I) and N(mu, I) in closed form, since E (x.y / d + 1)^3 needs the moments of x.y only up to the third."""
    d, shift = 4, 0.8
    mu = torch.full((d,), shift, dtype=torch.float64)

    def expected(m, p):  # E (u + 1)^3 with u = x.y / d, x ~ N(m, I), y ~ N(p, I)
        mm, pp, mp = (m @ m).item(), (p @ p).item(), (m @ p).item()
        second = mp**2 + mm + pp + d
        third = mp**3 + 3 * mp * (mm + pp) + 3 * mp * d + 6 * mp
        return 1 + 3 * mp / d + 3 * second / d**2 + third / d**3

    zero = torch.zeros_like(mu)
    exact = expected(zero, zero) + expected(mu, mu) - 2 * expected(zero, mu)
    found = np.array([kernel_distance(normal(60, d), normal(90, d) + shift) for _ in range(400)])
    values, errors = found.T
    assert abs(values.mean() - exact) < 4 * values.std() / math.sqrt(len(values))
    assert math.sqrt(np.square(errors).mean()) == pytest.approx(values.std(), rel=0.15)
    same = np.array([kernel_distance(normal(60, d), normal(60, d)) for _ in range(400)])
    assert abs(same[:, 0].mean()) < 4 * same[:, 0].std() / 20 and (same[:, 0] < 0).any()
    assert math.sqrt(np.square(same[:, 1]).mean()) == pytest.approx(math.sqrt(2) * same[:, 0].std(), rel=0.25)


def test_the_kernel_distances_error_by_loops():
    """4 Var(h_a) / n + 4 Var(h_b) / m, where h of an item is its mean kernel with its own table less that with the other."""
    a, b = A[:9], B[:13]
    k = lambda x, y: (float(x @ y) / 6 + 1) ** 3
    own = lambda t: [np.mean([k(t[i], t[j]) for j in range(len(t)) if j != i]) for i in range(len(t))]
    parts = [np.subtract(own(t), [np.mean([k(x, y) for y in o]) for x in t]) for t, o in ((a, b), (b, a))]
    expected = math.sqrt(sum(4 * h.var(ddof=1) / len(h) for h in parts))
    assert kernel_distance(a, b)[1] == pytest.approx(expected, rel=1e-9)
    assert kernel_distance(b, a) == pytest.approx(kernel_distance(a, b), rel=1e-9)


def test_subsets_have_the_mean_and_the_deviation_of_their_distances(monkeypatch):
    found, seen = iter([(1.0, 9.0), (2.0, 9.0), (6.0, 9.0)]), []
    monkeypatch.setattr(samples, "kernel_distance", lambda a, b: (seen.append((a, b)), next(found))[1])
    assert kernel_distance_of_subsets(A, B, subsets=3, size=20) == (3, pytest.approx(math.sqrt(14 / 3)))
    for drawn, table in zip(zip(*seen), (A, B)):
        for some in drawn:
            assert len(some.unique(dim=0)) == 20 and all((row == table).all(1).any() for row in some)
        assert not torch.equal(drawn[0], drawn[1])


def test_kernel_distance_of_subsets():
    everything = kernel_distance_of_subsets(A, B[:40], subsets=3, size=40)
    assert everything == (pytest.approx(kernel_distance(A, B[:40])[0]), pytest.approx(0, abs=1e-9))
    mean, deviation = kernel_distance_of_subsets(A, B, subsets=400, size=20)
    assert mean == pytest.approx(kernel_distance(A, B)[0], abs=4 * deviation / 20)
    assert kernel_distance_of_subsets(A, B, size=20, seed=1) != kernel_distance_of_subsets(A, B, size=20, seed=2)
    with pytest.raises(ValueError, match="3 subsets of 41 rows.*40 and 55"):
        kernel_distance_of_subsets(A, B, subsets=3, size=41)


# Inception Score


def test_inception_score_from_one_to_the_number_of_classes():
    assert inception_score(torch.zeros(20, 5)) == (pytest.approx(1), pytest.approx(0, abs=1e-9))
    certain = 100 * torch.eye(5).repeat(8, 1)
    assert inception_score(certain, splits=1) == (pytest.approx(5), 0)
    assert inception_score(certain[:1].expand(40, 5)) == (pytest.approx(1), pytest.approx(0, abs=1e-9))
    assert inception_score(certain[:20] / 100 + torch.tensor([1000.0, 0, 0, 0, 0]), 1)[0] == pytest.approx(1)


def test_inception_score_by_loops():
    p = LOGITS.softmax(1).tolist()
    mean = [sum(column) / len(p) for column in zip(*p)]
    divergences = [sum(q * math.log(q / m) for q, m in zip(row, mean)) for row in p]
    assert inception_score(LOGITS, 1)[0] == pytest.approx(math.exp(sum(divergences) / len(p)))


def test_inception_score_of_uneven_splits_by_loops():
    """101 items in 10 splits: one of 11 and nine of 10, each split with a p(y) of its own, and all of one weight."""
    rows = LOGITS[np.lexsort(LOGITS.numpy().T[::-1])]
    p = rows[torch.randperm(101, generator=torch.Generator().manual_seed(0))].softmax(1).numpy()
    ends = [0, *range(11, 102, 10)]
    scores = [np.exp(np.mean([sum(row * np.log(row / p[i:j].mean(0))) for row in p[i:j]])) for i, j in pairwise(ends)]
    assert len(scores) == 10
    assert inception_score(LOGITS, 10) == (pytest.approx(np.mean(scores)), pytest.approx(np.std(scores)))


def test_inception_score_of_a_split_sees_that_split_only():
    """With one item in each there is nothing to be different from."""
    assert inception_score(LOGITS, len(LOGITS)) == (pytest.approx(1), pytest.approx(0, abs=1e-9))
    mean, deviation = inception_score(LOGITS, 10)
    assert 1 < mean < inception_score(LOGITS, 1)[0] and deviation > 0
    with pytest.raises(ValueError, match="101 items cannot be put into 102 splits"):
        inception_score(LOGITS, 102)


# modes


def test_modes_covered():
    ring = toy2d.named("ring-of-gaussians")
    points = ring.sample((2500,), generator=torch.Generator().manual_seed(0))
    found = modes_covered(points, ring.centres, 0.25)
    assert found.covered == 8 and found.points == 2500 and found.counts.sum() == round(2500 * found.near)
    inside = 1 - math.exp(-(3**2) / 2)  # of a round Gaussian in the plane; the rings' neighbours are far
    assert found.near == pytest.approx(inside, abs=4 * math.sqrt(inside * (1 - inside) / 2500))
    assert modes_covered(points[points[:, 0] > 0.5], ring.centres, 0.25).covered == 3
    assert str(found).startswith("8 of 8 modes, 9") and str(found).endswith("near one (2\u202f500 points)")


def test_a_mode_needs_its_share_within_its_distance():
    centres = torch.tensor([[0.0], [10.0], [20.0]])
    points = torch.cat([torch.full((97,), 0.0), torch.tensor([10.0, 11.9, 22.1])])[:, None]
    assert modes_covered(points, centres, 1.0, share=0.02, within=2).counts.tolist() == [97, 2, 0]
    assert modes_covered(points, centres, 1.0, share=0.02, within=2).covered == 2
    assert modes_covered(points, centres, 1.0, share=0.021, within=2).covered == 1
    assert modes_covered(points, centres, 1.0, share=0.01).covered == 3
    seven = torch.tensor([[0.0]] * 93 + [[10.0]] * 7)
    assert modes_covered(seven, centres, 1.0, share=0.07).covered == 2  # though 0.07 * 100 > 7 in floating point
    assert modes_covered(points, centres, 1.0, within=2).near == pytest.approx(0.99)
    half = torch.tensor([[0.0]] * 47 + [[10.0]] * 3 + [[99.0]] * 50)
    assert modes_covered(half, centres, 1.0, share=0.05).covered == 1  # 3 % of all, though 6 % of those that are near
    assert modes_covered(half, centres, 1.0).near == 0.5
    edge = modes_covered(torch.tensor([[11.0], [11.5]]), centres, 0.5, within=2)
    assert edge.counts.tolist() == [0, 1, 0]  # at the distance itself a point is within it
    close = modes_covered(torch.tensor([[0.4]]), torch.tensor([[0.0], [1.0]]), 1.0)
    assert close.counts.tolist() == [1, 0]  # of the nearest only
    with pytest.raises(ValueError, match="scale must be positive and finite, not 0.0"):
        modes_covered(points, centres, 0.0)


# Parzen window


def test_parzen_by_loops_in_nats():
    h, x, test = 0.7, normal(6, 3), normal(4, 3)
    density = [
        sum(math.exp(Normal(s, h).log_prob(t).sum().item()) for s in x) / 6 for t in test
    ]  # an even mixture of Gaussians
    found = parzen_log_likelihood(x, test, h)
    logs = np.log(density)
    assert found.value == pytest.approx(logs.mean())
    assert found.spread == pytest.approx(logs.std(ddof=1) / 2)
    assert parzen_log_likelihood(x, test[:1], h).spread == math.inf


def test_parzen_is_a_density():
    line = torch.linspace(-20, 20, 4001, dtype=torch.float64)[:, None]
    mass = samples._parzen(normal(9, 1), line, [0.3, 0.9]).exp().sum(1) * 0.01
    assert mass.tolist() == pytest.approx([1, 1])


def test_parzen_takes_pictures_and_far_ones():
    pictures = normal(5, 1, 2, 3)
    flat = parzen_log_likelihood(pictures.flatten(1), pictures.flatten(1), 0.2).value
    assert parzen_log_likelihood(pictures, pictures, 0.2).value == pytest.approx(flat)
    far = parzen_log_likelihood(torch.zeros(2, 1), torch.full((1, 1), 1000.0), 0.1).value
    assert far == pytest.approx(-(1e4**2) / 2 - math.log(0.1 * math.sqrt(2 * math.pi)))


def test_parzen_bandwidth_is_the_best_candidate():
    x, valid = normal(200, 2), normal(100, 2)
    best = parzen_bandwidth(x, valid)
    candidates = np.logspace(-1, 0, 10)
    assert best == max(candidates, key=lambda h: parzen_log_likelihood(x, valid, h).value)
    with pytest.raises(ValueError, match="at the edge of 0.01 to 0.02"):
        parzen_bandwidth(x, valid, [0.02, 0.01])
    assert parzen_bandwidth(x, valid, [0.3]) == 0.3
    with pytest.raises(ValueError, match="bandwidth must be positive and finite, not 0.0"):
        parzen_bandwidth(x, valid, [0.3, 0.0])


def test_parzen_misleads():
    """In 50 dimensions, 1000 samples of the truth are far too low, and a single Gaussian in the middle is above them."""
    x, test = normal(1000, 50), normal(100, 50)
    truth = Normal(0, 1).log_prob(test).sum(1).mean().item()
    found = parzen_log_likelihood(x, test, parzen_bandwidth(x, normal(100, 50), np.linspace(0.2, 2, 19))).value
    assert found < truth - 5
    assert parzen_log_likelihood(torch.zeros(1, 50).double(), test, 1.0).value > found


# what holds for all


@pytest.mark.parametrize(
    "measure",
    [
        lambda a, b: frechet_distance(a, b),
        lambda a, b: kernel_distance(a, b),
        lambda a, b: kernel_distance_of_subsets(a, b, subsets=5, size=10),
        lambda a, b: inception_score(torch.cat([a, b]), 5),
        lambda a, b: parzen_log_likelihood(a, b, 0.5).value,
        lambda a, b: modes_covered(a, b[:3], 1.0).near,
    ],
)
def test_order_changes_nothing(measure):
    b = torch.cat([B[:3], shuffled(B[3:])])
    assert measure(shuffled(A), b) == pytest.approx(measure(A, B), rel=1e-9)


def test_memory_is_bounded_and_chunks_change_nothing(monkeypatch):
    """Tables of pairs are made by `_kernel` and by addmm."""
    measures = lambda: (
        *kernel_distance(A, B),
        parzen_log_likelihood(A, B, 0.5).value,
        parzen_bandwidth(A, B, [0.5, 1, 9]),
    )
    before, largest = measures(), []

    def watched(function):
        def call(*arguments, **options):
            largest.append(function(*arguments, **options).numel())
            return function(*arguments, **options)

        return call

    monkeypatch.setattr(samples, "PAIRS", 200)
    monkeypatch.setattr(samples, "_kernel", watched(samples._kernel))
    monkeypatch.setattr(torch, "addmm", watched(torch.addmm))
    assert measures() == pytest.approx(before, rel=1e-9)
    assert 100 < max(largest) <= 200


def test_no_gradients_are_kept():
    a = A.clone().requires_grad_()
    score = Features("n", "a", a, a).frechet_distance(Features("n", "b", B, B))
    assert score.value == pytest.approx(frechet_distance(A, B))
    assert kernel_distance(a, B) == pytest.approx(kernel_distance(A, B)) and a.grad is None


def test_bad_tables():
    with pytest.raises(ValueError, match="first table.*at least 2 rows, not \\(1, 6\\)"):
        frechet_distance(A[:1], B)
    with pytest.raises(ValueError, match="second table.*at least 2 rows"):
        kernel_distance(A, B[:1])
    with pytest.raises(ValueError, match="5 and of 6 columns"):
        samples._pair(A[:, :5], B)
    bad = B.clone()
    bad[3, 2], bad[4, 1] = math.nan, math.inf
    for measure in (frechet_distance, kernel_distance, lambda a, b: inception_score(b), modes_covered):
        with pytest.raises(ValueError, match="2 numbers that are not finite"):
            measure(A, bad, *([1.0] if measure is modes_covered else []))


# scores


def test_scores_say_what_they_depend_on():
    made, real = Features("net-1", "VAE", A, A), Features("net-1", "digits test", B, B)
    score = made.frechet_distance(real)
    assert score.value == frechet_distance(A, B)
    assert str(score) == f"Fréchet distance {score.value:.4g} (net-1; 40 of VAE against 55 of digits test)"
    kernel = made.kernel_distance(real)
    assert (kernel.value, kernel.spread) == kernel_distance(A, B)
    assert str(kernel).startswith("kernel distance ") and "40 of VAE against 55 of digits test" in str(kernel)
    score = made.inception_score(5)
    assert (score.value, score.spread) == inception_score(A, 5)
    assert str(score).startswith("Inception Score in 5 splits ") and str(score).endswith("(net-1; 40 of VAE)")
    parzen = parzen_log_likelihood(A.repeat(30, 1), B, 0.5, source="VAE", reference="digits test")
    assert str(parzen).endswith("nats (bandwidth 0.5; 1\u202f200 of VAE against 55 of digits test)")
    assert dataclasses.asdict(parzen)["samples"] == 1200


@pytest.mark.parametrize(
    "value, spread, printed",
    [
        (12.3456, None, "12.35"),
        (8.3412, 0.0312, "8.341 ± 0.031"),
        (225.04, 2.04, "225.0 ± 2.0"),
        (-101.2, 23.0, "-101 ± 23"),
    ],
)
def test_two_digits_of_the_spread(value, spread, printed):
    assert str(samples.Score("x", value, spread, "net", 2, "a")) == f"x {printed} (net; 2 of a)"
    assert str(samples.Score("x", value, math.inf, "net", 2, "a")) == f"x {value:.4g} (net; 2 of a)"


def test_features_of_two_networks_are_not_compared():
    with pytest.raises(ValueError, match="VAE was looked at by one, digits by other"):
        Features("one", "VAE", A, A).frechet_distance(Features("other", "digits", B, B))


# torch-fidelity on the same features


def test_beside_torch_fidelity():
    why = "torch-fidelity is not installed: pip install -e '.[bench]'"
    fid = pytest.importorskip("torch_fidelity.metric_fid", reason=why)
    from torch_fidelity.metric_isc import isc_features_to_metric
    from torch_fidelity.metric_kid import kid_features_to_metric

    a, b = (normal(300, 128) @ normal(128, 128)).relu(), (1.1 * normal(400, 128) @ normal(128, 128)).relu()
    for one, other in ((a, b), (a[:100], b), (a.float(), b.float())):
        theirs = fid.fid_statistics_to_metric(*map(fid.fid_features_to_statistics, (one, other)), verbose=False)
        assert frechet_distance(one, other) == pytest.approx(theirs[fid.KEY_METRIC_FID], rel=1e-5)
    everything = {"kid_subsets": 1, "kid_subset_size": 300, "kid_kernel_poly_degree": 3, "kid_kernel_poly_gamma": None}
    theirs = kid_features_to_metric(a, b[:300], kid_kernel="poly", kid_kernel_poly_coef0=1, verbose=False, **everything)
    assert kernel_distance(a, b[:300])[0] == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-9)
    theirs = isc_features_to_metric(LOGITS, splits=1)
    assert inception_score(LOGITS, 1)[0] == pytest.approx(theirs["inception_score_mean"], rel=1e-9)
