"""The rest of a digit from one, two or three of its quadrants, beside Sohn, Lee & Yan 2015: all of MNIST.

    python benchmarks/quadrants.py --seen 1 2 3

The seen part is the lower left quadrant; with two, the left half; with three, all but the lower right one. Both parts are
binarized by a fresh draw, and the likelihood is a Bernoulli of every hidden pixel: minus log p(hidden | seen) in nats, on 2000
test images drawn at random.

NN: hidden pixels independent given the seen ones, two hidden layers of 500. CVAE: a net's prior p(z | seen), 50 latents, two hidden
layers of 500 in each net; its conditional likelihood by Monte Carlo (draws from the prior) and by importance sampling (draws from
q). 50 000 images to train on; the epoch with the best bound on 2000 of the other 10 000 is kept. Results go to
benchmarks/results/quadrants.json.

[1] Sohn, Lee, Yan (2015). Learning Structured Output Representation using Deep Conditional Generative Models. NeurIPS 28.
"""

import argparse

import torch
from record import add, finished, made, with_cosine
from torch import Tensor

from lecturekit import GenerativeModel, data, fit, nets
from lecturekit.evaluate import importance_bound
from lecturekit.training.state import EarlyStopping
from lecturekit.variational import CVAE


def parts(x: Tensor, seen: int) -> tuple[Tensor, Tensor]:
    """(hidden, seen) pixels of images (B, 1, H, W), as rows."""
    height, width = x.shape[-2:]
    mask = torch.zeros(height, width, dtype=torch.bool, device=x.device)
    mask[height // 2 :, : width // 2] = True
    if seen > 1:
        mask[:, : width // 2] = True
    if seen > 2:
        mask[: height // 2] = True
    return x[:, 0, ~mask], x[:, 0, mask]


class Quadrants:
    """A split of images as pairs of their parts."""

    def __init__(self, split, seen: int):
        self.split, self.seen = split, seen

    def __len__(self):
        return len(self.split)

    def to(self, device):
        return Quadrants(self.split.to(device), self.seen)

    def batch(self, index):
        return parts(self.split.batch(index)[0], self.seen)


class Recipe:
    def players(self):
        return with_cosine(self, 1e-3)


class Conditional(Recipe, CVAE):
    """p(hidden | seen) with latents."""


class Baseline(Recipe, GenerativeModel):
    """p(hidden | seen) = a product over pixels: the deterministic net of [1]."""

    def __init__(self, hidden: int, seen: int):
        super().__init__()
        self.event_shape = (hidden,)
        self.net = nets.mlp([seen, 500, 500, hidden])

    def log_prob(self, x, y=None):
        return nets.bernoulli(self.net(y), 1).log_prob(x)

    def loss(self, batch):
        return {"loss": -self.log_prob(batch.x, batch.y).mean()}


def trained(model, digits, seen: int, options):
    """The model at its best epoch on validation images, and the history."""
    x, y = (t.to(options.device) for t in parts(digits.valid[:2000].tensors(seed=0)[0], seen))

    def validate(model):
        return {"bound": (model.elbo(x, 4, y) if isinstance(model, CVAE) else model.log_prob(x, y)).mean()}

    history = finished(
        fit(
            model.to(options.device),
            Quadrants(digits.train, seen),
            epochs=options.epochs,
            batch_size=100,
            seed=options.seed,
            precision=options.precision,
            validate=validate,
            early_stopping=EarlyStopping("bound", patience=options.patience),
        )
    )
    return model, history


def mean_and_error(values: Tensor) -> dict:
    return {
        "nll_nats": round(-values.mean().item(), 2),
        "standard_error": round((values.std() / len(values) ** 0.5).item(), 2),
    }


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seen", type=int, nargs="+", default=[1, 2, 3], choices=(1, 2, 3))
    arguments.add_argument("--epochs", type=int, default=60)
    arguments.add_argument("--patience", type=int, default=10)
    arguments.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16"))
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--images", type=int, default=2000)
    arguments.add_argument("--evaluate", type=int, default=1000, metavar="K", help="draws of z per image")
    options = arguments.parse_args()
    options.device = "cuda" if torch.cuda.is_available() else "cpu"
    digits = data.load("mnist", view="binary", valid=10_000)
    chosen = torch.randperm(len(digits.test), generator=torch.Generator().manual_seed(0))[: options.images]
    test, _ = digits.test[chosen].tensors(seed=0)
    for seen in options.seen:
        x, y = (t.to(options.device) for t in parts(test, seen))
        torch.manual_seed(options.seed)
        baseline, quick = trained(Baseline(x.shape[1], y.shape[1]), digits, seen, options)
        torch.manual_seed(options.seed)
        cvae = Conditional(x.shape[1:], y.shape[1:], latent=50, hidden=(500, 500), conditional_prior=True)
        cvae, history = trained(cvae, digits, seen, options)
        k = options.evaluate
        torch.manual_seed(options.seed)
        with torch.no_grad():
            by_net = baseline.log_prob(x, y)
            by_draws = torch.cat([cvae.monte_carlo(a, k, b) for a, b in zip(x.split(10), y.split(10), strict=True)])
        result = {
            "seen": seen,
            "nn": mean_and_error(by_net) | {"training_minutes": round(quick.seconds / 60, 1)},
            "monte_carlo": mean_and_error(by_draws),
            "importance": mean_and_error(importance_bound(cvae, x, k=k, y=y).values),
            "elbo": mean_and_error(importance_bound(cvae, x, k=1, y=y).values),
            "k": k,
            "test_images": len(x),
            "epochs": round(history.trained),
            "training_minutes": round(history.seconds / 60, 1),
            "precision": history.precision,
            "seed": options.seed,
        }
        add("quadrants", result | made())


if __name__ == "__main__":
    main()
