"""Semi-supervised learning by a generative model: a few labels, and many images without.

[1] Kingma, Rezende, Mohamed, Welling (2014). Semi-Supervised Learning with Deep Generative Models. arXiv:1406.5298

    symbol in [1]            here
    p(y)                     1 / classes
    p_theta(x | y, z)        given_y.decode(z, y)
    q_phi(z | x, y)          given_y.encode(x, y)
    q_phi(y | x)             classify(x)
    -L(x, y)                 labelled_bound(x, y)         eq. 6, a bound on log p(x, y)
    -U(x)                    unlabelled_bound(x)          eq. 7, a bound on log p(x): the sum over y is done exactly
    J^alpha                  loss                         eq. 9
    M1                       VAE: draws of its codes are the x of an M2 with a Gaussian likelihood, together M1+M2
"""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.distributions import Categorical

from lecturekit import checks, nets
from lecturekit.model import Batch, GenerativeModel, Terms
from lecturekit.variational.cvae import CVAE


class SemiSupervisedVAE(GenerativeModel):
    """M2 of [1]: a class y and a style z make an item x; q(y | x) is a classifier, learned from both kinds of data.

    Train it on two streams: fit(model, {"x": images without labels, "labelled": the few with labels}, ...).

    classes: how many. latent, hidden, activation, likelihood: of the CVAE inside; hidden and activation of the classifier
    too. weight: of the classification term, averaged over the labelled items, beside J averaged over all items of the joint batch. alpha of [1]
    is a sum over the labelled items against sums over both kinds.

    >>> model, x = SemiSupervisedVAE((1, 4, 4), classes=3, latent=2, hidden=(8,)), torch.ones(6, 1, 4, 4)
    >>> few = Batch(x[:3], torch.arange(3))
    >>> list(model.loss(Batch(x, streams={"labelled": few})))
    ['loss', 'labelled', 'unlabelled', 'label', 'error']
    >>> model.classify(x).probs.shape, model.sample(2, torch.tensor([0, 2])).shape
    (torch.Size([6, 3]), torch.Size([2, 1, 4, 4]))
    """

    def __init__(
        self,
        event_shape: Sequence[int] = (1, 28, 28),
        classes: int = 10,
        latent: int = 50,
        hidden: Sequence[int] = (500,),
        activation: Callable[[], nn.Module] = nn.Softplus,
        weight: float = 1.0,
        likelihood: str = "bernoulli",
    ):
        super().__init__()
        self.classes, self.weight = checks.whole(classes=classes), checks.number(0, weight=weight)
        hidden = checks.wholes(empty=True, hidden=hidden)
        self.given_y = CVAE(event_shape, classes, latent, hidden, activation, likelihood=likelihood)
        self.event_shape = self.given_y.event_shape
        self.classifier = nets.mlp([math.prod(self.event_shape), *hidden, classes], activation)

    def start(self, draw) -> None:
        """The labelled images are looked at once, as `check` looks at the others."""
        few = draw(10_000)["labelled"]
        self.given_y.check(few.x, few.y)

    def classify(self, x: Float[Tensor, " batch *event"]) -> Categorical:
        """q(y | x), a batch of B distributions over the classes."""
        x = checks.items(x, self.event_shape, type(self).__name__).to(self.given_y.origin.dtype)
        return nets.categorical(self.classifier(x.flatten(1)))

    def labelled_bound(self, x: Float[Tensor, " batch *event"], y: Int[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        """A lower bound on log p(x, y) in nats, with one draw of z [eq. 6]: log p(y) belongs to it."""
        reconstruction, kl = self.given_y.halves(x, y)
        return reconstruction - kl - math.log(self.classes)

    def unlabelled_bound(self, x: Float[Tensor, " batch *event"]) -> Float[Tensor, " batch"]:
        """A lower bound on log p(x) in nats: the labelled bounds weighed by q(y | x), and its entropy [eq. 7]."""
        q = self.classify(x)
        y = torch.arange(self.classes, device=x.device).repeat_interleave(len(x))
        each = self.labelled_bound(x.repeat(self.classes, *[1] * (x.ndim - 1)), y).reshape(self.classes, len(x))
        return (q.probs.T * each).sum(0) + q.entropy()

    def loss(self, batch: Batch) -> Terms:
        """J^alpha [eq. 9] per item of the joint batch, and its parts in nats; "error" is the share of labels got wrong."""
        few = batch["labelled"]
        labelled, unlabelled = self.labelled_bound(few.x, few.y), self.unlabelled_bound(batch.x)
        q = self.classify(few.x)
        said = q.log_prob(few.y).mean()
        bound = (labelled.sum() + unlabelled.sum()) / (len(few) + len(batch))
        return {
            "loss": -bound - self.weight * said,
            "labelled": labelled.mean(),
            "unlabelled": unlabelled.mean(),
            "label": said,
            "error": (q.probs.argmax(-1) != few.y).float().mean(),
        }

    def check(self, x: Tensor, y: Tensor | None = None, stream: str | None = None) -> None:
        """Also what the CVAE inside refuses; only the stream "labelled" needs labels."""
        if stream == "labelled":
            self.given_y.check(x, y)
        else:
            self.given_y.check(x, torch.zeros(len(x), dtype=torch.long, device=x.device), stream)

    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        """(n, *event_shape), of the classes y, or of classes drawn from p(y)."""
        n = checks.whole(0, n=n)
        if y is None:
            y = torch.randint(self.classes, (n,), device=self.given_y.origin.device)
        return self.given_y.sample(n, y)
