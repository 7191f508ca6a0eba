"""What every measure of the package has in common: what it refuses, what follows from another unit, and what it holds in memory."""

import math

import pytest
import torch
from torch.overrides import TorchFunctionMode

from lecturekit import GenerativeModel, data, evaluate
from lecturekit.adversarial import GAN
from lecturekit.evaluate import divergences as d
from lecturekit.exact import PixelRNN
from lecturekit.variational import CVAE, VAE, LinearGaussian

E = (1, 4, 3)
nan = math.nan
x, y = torch.bernoulli(torch.full((30, *E), 0.4)), torch.arange(30) % 3
points, two = torch.randn(30, 3), torch.tensor([0.5, 0.5])
vae, cvae = VAE(E, latent=2, hidden=(4,)), CVAE(E, condition=3, latent=2, hidden=(4,))
gan, linear = GAN((3,), latent=2, hidden=4), LinearGaussian(3, latent=2)
pixels = PixelRNN(E, kind="pixelcnn", layers=1, hidden=3, classes=3)
bound, exact = evaluate.importance_bound, evaluate.log_likelihood
frechet, kernel, gaussians = evaluate.frechet_distance, evaluate.kernel_distance, evaluate.gaussian_frechet_distance
subsets, inception, modes = evaluate.kernel_distance_of_subsets, evaluate.inception_score, evaluate.modes_covered
parzen, bandwidth, transport = evaluate.parzen_log_likelihood, evaluate.parzen_bandwidth, evaluate.optimal_transport
net = evaluate.network("digits-and-clothes-1")
features = evaluate.Features("a net", "noise", points, points)
zero, one = torch.zeros(2), torch.eye(2)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        # likelihoods
        (lambda: bound(vae, x, k=0), "k, the number of samples, must be a whole number of at least 1, not 0"),
        (lambda: bound(vae, x, k=2.5), "k, the number of samples, must be .* not 2.5"),
        (lambda: bound(cvae, x, y), "k, the number of samples, must be .* not a tensor"),
        (lambda: bound(vae, x, k=2, rows=0), "rows must be"),
        (lambda: bound(vae, x, k=2, seed=1.5), "seed must be"),
        (lambda: bound(vae, x, k=2, seed=2**64), "seed must be"),
        (lambda: bound(vae, data.load("digits-8x8").test, k=2), r"x, y = split.tensors\(\)"),
        (lambda: bound(vae, x.numpy(), k=2), "x must be a tensor"),
        (lambda: bound(vae, x[0, 0, 0, 0], k=2), "at least one item"),
        (lambda: bound(vae, x[:0], k=2), "at least one item, not 0 items"),
        (lambda: bound(vae, x.squeeze(1), k=2), r"event_shape|x\[:, None\]"),
        (lambda: bound(vae, x * nan, k=2), "finite"),
        (lambda: bound(gan, points, k=2), "GAN is no latent-variable model and has no bound"),
        (lambda: bound(VAE, x, k=2), r"model must be .* such as VAE\(.* not the class VAE"),
        (lambda: bound(torch.nn.Linear(3, 3), points, k=2), "model must be a GenerativeModel, .* not Linear"),
        (lambda: bound(None, x, k=2), "model must be"),
        (lambda: bound(cvae, x, k=2, y=y[:10]), "30 items need 30 labels y, not 10"),
        (lambda: bound(cvae, x, k=2, y=y.tolist()), "y must be a tensor"),
        (lambda: bound(cvae, x, k=2, y=y[0]), "30 labels y, not 0"),
        (lambda: exact(pixels, x, y[:1]), "30 labels y, not 1"),
        (lambda: exact(linear, points, rows=2.5), "rows must be"),
        (lambda: exact(vae, x), "importance_bound"),
        (lambda: exact(linear, points.numpy()), "x must be a tensor"),
        (lambda: evaluate.active_units(vae, x[:1]), "at least two items, not 1"),
        (lambda: evaluate.active_units(vae, x, rows=-4), "rows must be"),
        (lambda: evaluate.active_units(vae, x, threshold=nan), "threshold must be a finite number of at least 0"),
        (lambda: evaluate.active_units(vae, x, threshold="x"), "threshold must be"),
        (lambda: evaluate.active_units(gan, points), "GAN is no latent-variable model"),
        (lambda: evaluate.Estimate.of(torch.zeros(0)), r"values must be floats, one for each item"),
        (lambda: evaluate.Estimate.of(y), "values must be floats"),
        (lambda: evaluate.Estimate.of([1.0, 2.0]), "values must be a tensor"),
        # distances of tables
        (lambda: frechet(points.tolist(), points), "the first table must be a tensor"),
        (lambda: kernel(points, points.numpy()), "the second table must be a tensor"),
        (lambda: frechet(points[:, :0], points[:, :0]), r"table \(N, d\).*\(30, 0\)"),
        (lambda: frechet(points + 0j, points), "complex"),
        (lambda: gaussians(zero, torch.eye(3), zero, torch.eye(3)), r"\(d, d\), of one d .*\(2,\), \(3, 3\)"),
        (lambda: gaussians(zero, one, torch.zeros(3), torch.eye(3)), "of one d"),
        (lambda: gaussians(zero, one * nan, zero, one), "finite"),
        (lambda: gaussians(zero * nan, one, zero, one), "finite"),
        (lambda: gaussians(zero, -one, zero, one), "covariance_a has a negative eigenvalue, -1"),
        (lambda: gaussians(zero, one, zero, torch.tensor([[1.0, 2], [2, 1]])), "covariance_b has a negative eigen"),
        (lambda: gaussians(zero, one, zero, torch.tensor([[1.0, 0.5], [0, 1]])), "covariance_b is not symmetric"),
        (lambda: gaussians(zero.numpy(), one, zero, one), "mean_a must be a tensor"),
        (lambda: subsets(points, points, subsets=0), "subsets must be"),
        (lambda: subsets(points, points, size=1), "size must be a whole number of at least 2"),
        (lambda: subsets(points, points, size=2.5), "size must be"),
        (lambda: subsets(points, points, size=20, seed="x"), "seed must be"),
        (lambda: inception(torch.rand(40, 5).softmax(1)), "these rows are probabilities.*p.log"),
        (lambda: inception(points, splits=0), "splits must be"),
        (lambda: inception(points, splits=2.5), "splits must be"),
        (lambda: inception(points.tolist()), "logits must be a tensor"),
        (lambda: modes(points, points[:3], 0.1, share=-1), "share must be .* above 0 and of at most 1|share must be"),
        (lambda: modes(points, points[:3], 0.1, share=5), "share must be"),
        (lambda: modes(points, points[:3], nan), "scale must be"),
        (lambda: modes(points, points[:3], 0.1, within=-1), "within must be"),
        (lambda: modes(points, points[:0], 0.1), "second table"),
        (lambda: parzen(x, x, nan), "bandwidth must be"),
        (lambda: parzen(x, x, -0.1), "bandwidth must be"),
        (lambda: parzen(x.tolist(), x, 0.1), "samples must be a tensor"),
        (lambda: parzen(x, x.numpy(), 0.1), "test items must be a tensor"),
        (lambda: bandwidth(x, x, []), r"candidates must be some bandwidths.*\[\]"),
        (lambda: bandwidth(x, x, 0.3), "candidates must be some bandwidths"),
        (lambda: bandwidth(x, x, ["x"]), "bandwidth must be"),
        (lambda: bandwidth(x, x, [0.1, nan]), "bandwidth must be"),
        # networks
        (lambda: net(x.numpy()), "images must be a tensor"),
        (
            lambda: evaluate.network("digits"),
            "unknown feature network 'digits': there are digits-and-clothes-1, inception-v3",
        ),
        (lambda: evaluate.network(None), "unknown feature network None"),
        (lambda: evaluate.network(["x"]), "unknown feature network"),
        (lambda: evaluate.Features.of("digits-and-clothes-1", x, "a"), "network must be a FeatureNetwork"),
        (lambda: features.frechet_distance(points), "reference must be Features.of.*not a Tensor"),
        # masses
        (lambda: d.kl([0.5, 0.5], two), "p must be a tensor"),
        (lambda: d.kl(two, two.numpy()), "q must be a tensor"),
        (lambda: d.kl(torch.tensor(1.0), torch.tensor(1.0)), "the same points"),
        (lambda: d.kl(two[:0], two[:0]), "the same points"),
        (lambda: d.kl(torch.tensor([True, False]), two), "p must be masses: floating-point numbers, not torch.bool"),
        (lambda: d.kl(two.expand(5, 2), two.expand(3, 2)), "as many, or one beside many"),
        (lambda: d.total_variation(two * nan, two), "p must be masses"),
        (lambda: d.jensen_shannon(two, 2 * two), "q must be masses"),
        (lambda: d.wasserstein(two, two, torch.arange(3.0)), "points must be finite, one for each of 2 masses"),
        (lambda: d.wasserstein(two, two, torch.tensor([0.0, nan])), "points must be finite"),
        (lambda: d.wasserstein(two, two, torch.tensor([0.0, math.inf])), "points must be finite"),
        (lambda: d.wasserstein(two, two, [0.0, 1.0]), "points must be a tensor"),
        (lambda: d.wasserstein(two, two, torch.zeros(2, 3)), "on the line"),
        (lambda: d.mmd(two, two, torch.arange(3.0)), "points must be finite, one for each of 2"),
        (lambda: d.mmd(two, two, zero, bandwidth=nan), "bandwidth must be"),
        (lambda: d.mmd(two, two, zero, bandwidth=-1), "bandwidth must be"),
        (lambda: d.mmd(two, two, zero, bandwidth="x"), "bandwidth must be"),
        (lambda: d.mmd(two, two, zero, bandwidth=two), "bandwidth must be"),
        # transport
        (lambda: transport(points.numpy(), points), "a must be a tensor"),
        (lambda: transport(points, points, p=[1.0] * 30), "p must be a tensor"),
        (lambda: transport(points[0, 0], points[0, 0]), "items of one shape"),
        (lambda: transport(points[:, :0], points[:, :0]), "items of one shape"),
        (lambda: transport(points, points, q=torch.tensor(1.0)), "q needs a mass for each of the 30"),
        (lambda: transport(points, points).critic(points[:, :2]), r"points of 3 numbers each, not of shape \(30, 2\)"),
        (lambda: transport(points, points).critic(points.tolist()), "x must be a tensor"),
    ],
)
def test_what_is_refused_is_named(call, words, untyped):
    with pytest.raises((ValueError, TypeError), match=words):
        call()


class Dark(GenerativeModel):
    """One whose items are black or white, and only together on its scale; so two of four chunks alone are not."""

    event_shape = (1,)

    def __init__(self):
        super().__init__()
        self.at = torch.nn.Parameter(torch.zeros(1))

    def check_scale(self, x):
        if x.min() >= 0:
            raise ValueError("these run from 0 to 1")

    def log_prob(self, x, y=None):
        return -(x - self.at).abs().sum(1)


def test_scale_is_asked_chunk_by_chunk_until_one_passes():
    """In any chunk, though not the first; an item that is wrong in itself is refused before anything is computed."""
    good = torch.ones(1000, 1)
    good[700] = -1
    assert exact(Dark(), good, progress=False).values.shape == (1000,)
    with pytest.raises(ValueError, match="from 0 to 1"):
        exact(Dark(), good.abs(), progress=False)
    seen = []

    class Watched(Dark):
        def log_prob(self, x, y=None):
            seen.append(len(x))
            return super().log_prob(x, y)

    good[999] = nan
    with pytest.raises(ValueError, match="finite"):
        exact(Watched(), good, rows=10, progress=False)
    assert not seen


def test_fewer_items_than_a_measure_can_use():
    with pytest.warns(UserWarning, match="5 rows of 128 features: the distance is mostly bias"):
        frechet(torch.randn(5, 128), torch.randn(500, 128))
    with pytest.warns(UserWarning, match="2 items in a split give a score of at most 2"):
        inception(torch.randn(20, 10))


GRID = torch.linspace(0, 1, 30).double()
P, Q = torch.rand(2, 30, generator=torch.Generator().manual_seed(1), dtype=torch.float64).softmax(1)
A = torch.randn(60, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64) * torch.tensor([1.0, 2, 0.5])
B = torch.randn(40, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64).exp()
FLAT = torch.tensor([1.0, 1, 0])  # a direction without variance: a singular covariance


@pytest.mark.parametrize("a", [1e-9, 1e-3, 1e3])
@pytest.mark.parametrize(
    ("measure", "power", "plus"),
    [
        (lambda t, a: frechet(t(A), t(B)), 2, 0),
        (lambda t, a: frechet(t(A * FLAT), t(B[:3] * FLAT)), 2, 0),
        (lambda t, a: gaussians(t(A).mean(0), t(A * FLAT).T.cov(), t(B).mean(0), t(B * FLAT).T.cov()), 2, 0),
        (lambda t, a: d.wasserstein(P, Q, t(GRID)), 1, 0),
        (lambda t, a: transport(t(A), t(B)).distance, 1, 0),
        (lambda t, a: transport(t(A), t(B)).critic(t(B * 2)).mean(), 1, 0),
        (lambda t, a: transport(t(A), t(B), *(1e-9 * torch.ones(n) / n for n in (60, 40))).distance, 1, 0),
        (lambda t, a: d.mmd(P, Q, t(A[:30]), 0.7 * a), 0, 0),
        (lambda t, a: parzen(t(A), t(B), 0.5 * a).value, 0, -3),
        (lambda t, a: parzen(t(A), t(B), 0.5 * a).spread, 0, 0),
        (lambda t, a: bandwidth(t(A[:50]), t(A[50:]), [a * h for h in (0.01, 0.6, 100)]), 1, 0),
        (lambda t, a: modes(t(A.repeat(4, 1)), t(B), 0.3 * a, share=0.02).covered, 0, 0),
        (lambda t, a: modes(t(A), t(B), 0.3 * a).near, 0, 0),
    ],
)
def test_in_another_unit(measure, power, plus, a):
    """Of a x + b: so many powers of a, and for a density's logarithm so many of log a besides."""
    here, there = measure(lambda x: x, 1.0), measure(lambda x: a * x + (5e3 * a if a > 1e-6 else 0), a)
    assert float(there) == pytest.approx(float(here) * a**power + plus * math.log(a), rel=1e-5)


def test_mmd_holds_no_table_of_all_differences():
    largest = 0

    class Watched(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            nonlocal largest
            found = function(*args, **(kwargs or {}))
            largest = max(largest, found.numel() if isinstance(found, torch.Tensor) else 0)
            return found

    images = torch.rand(60, 1, 10, 10, dtype=torch.float64)
    p, q = torch.rand(2, 7, 60, dtype=torch.float64).softmax(2)
    with Watched():
        found = d.mmd(p, q, images, 3.0)
    assert 3600 <= largest <= 6000
    squares = (images.flatten(1)[:, None] - images.flatten(1)).square().sum(2)
    expected = torch.einsum("bi,ij,bj->b", p - q, (-squares / 18).exp(), p - q).sqrt()
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=0)
    assert d.mmd(p[0].float(), q[0].float(), images).dtype == torch.float64  # of two dtypes the wider one
