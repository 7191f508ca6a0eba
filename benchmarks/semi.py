"""Few labels: test error on MNIST of M1, M2 and M1+M2 beside Kingma et al. 2014, table 1.

    python benchmarks/semi.py --model m2 --labels 100
    python benchmarks/semi.py --model m2 --labels 600 1000 3000 --batch 100 50
    python benchmarks/semi.py --model m1 --labels 100 600 1000 3000
    python benchmarks/semi.py --model m1+m2 --labels 100
    python benchmarks/semi.py --model m1+m2 --labels 600 1000 3000 --weight 50 --batch 100 100

50 000 training images, stochastic binarization; the labelled ones are drawn by the seed, as many of each class, and the other
10 000 served to choose the settings below. All 10 000 test images are classified, by q(y | x).

m1: a VAE learns from all images, then a support vector machine (RBF, scikit-learn's settings) learns from the codes of the labelled
    ones. The paper's M1+TSVM also shows the machine the unlabelled codes.
m2: SemiSupervisedVAE. m1+m2: the same on draws of the codes of M1, with a Gaussian likelihood.

The settings were chosen on the validation images; TRIED.md says what was worse.

M1 is trained once per seed and kept in --checkpoint. Minutes are those of training alone, M1's included. Results are added to
benchmarks/results/semi.json.

[1] Kingma, Rezende, Mohamed, Welling (2014). Semi-Supervised Learning with Deep Generative Models. arXiv:1406.5298
"""

import argparse
from pathlib import Path

import torch
from record import add, finished, made, with_cosine
from sklearn.svm import SVC
from torch import Tensor, nn

from lecturekit import data, fit
from lecturekit.variational import VAE, SemiSupervisedVAE

# of M2, chosen on validation images: epochs, learning rate, weight of the classification term per item, latents
SETTINGS = {
    "m1": {"epochs": 0, "rate": 0.0, "weight": 0.0, "latent": 0},
    "m2": {"epochs": 12, "rate": 1e-2, "weight": 10.0, "latent": 50},
    "m1+m2": {"epochs": 5, "rate": 3e-3, "weight": 1.0, "latent": 10},
}


class Recipe:
    rate, clip = 1e-3, None

    def players(self):
        return with_cosine(self, self.rate, clip=self.clip)


class M1(Recipe, VAE):
    """The VAE of [1]: 50 latents, two hidden layers of 600."""


class M2(Recipe, SemiSupervisedVAE):
    """M2 of [1]: 50 latents, one hidden layer of 500."""


class Codes:
    """The codes of a trained VAE as a data set: a fresh draw from q(z | x) each time."""

    def __init__(self, mean: Tensor, scale: Tensor, y: Tensor):
        self.mean, self.scale, self.y = mean, scale, y

    @classmethod
    def of(cls, vae: VAE, split) -> "Codes":
        x, y = split.tensors(seed=0)
        with torch.no_grad():
            q = vae.encode(x.to(vae.origin.device))
        return cls(q.mean, q.stddev, y.to(q.mean.device))

    def __len__(self):
        return len(self.mean)

    def __getitem__(self, part):
        return Codes(self.mean[part], self.scale[part], self.y[part])

    def to(self, device):
        return Codes(self.mean.to(device), self.scale.to(device), self.y.to(device))

    def batch(self, index):
        mean = self.mean[index]
        return mean + self.scale[index] * torch.randn_like(mean), self.y[index]


def drawn(y: Tensor, labels: int, seed: int) -> Tensor:
    """Indices of `labels` items, as many of each of the ten classes."""
    random = torch.Generator().manual_seed(seed)
    classes = [(y == c).nonzero()[:, 0] for c in range(10)]
    return torch.cat([some[torch.randperm(len(some), generator=random)[: labels // 10]] for some in classes])


def trained_m1(digits, seed: int, options, device):
    torch.manual_seed(seed)
    vae = M1((1, 28, 28), latent=50, hidden=(600, 600), activation=nn.Softplus).to(device)
    folder = options.checkpoint / f"m1-{seed}-{options.m1_epochs}"
    history = finished(
        fit(
            vae,
            digits.train,
            epochs=options.m1_epochs,
            batch_size=100,
            seed=seed,
            precision=options.precision,
            checkpoint=folder,
            resume=True,
        )
    )
    return vae, history


def classifier(train, few, test, seed: int, options, device):
    """M2 trained on images or on codes: its error on test, seconds, and the precision that was used."""
    torch.manual_seed(seed)
    codes = isinstance(train, Codes)
    model = M2(
        latent=options.latent,
        weight=options.weight,
        **({"event_shape": (50,), "likelihood": "gaussian"} if codes else {}),
    ).to(device)
    model.rate, model.clip = options.rate, options.clip
    x, y = (t.to(device) for t in ((test.mean, test.y) if codes else test.tensors(seed=0)))

    def error(model):
        return {"error": 100 * (model.classify(x).probs.argmax(-1) != y).float().mean().item()}

    history = finished(
        fit(
            model,
            {"x": train, "labelled": train[few]},
            epochs=options.epochs,
            batch_size={"x": options.batch[0], "labelled": options.batch[1]},
            seed=seed,
            precision=options.precision,
            validate=error if options.valid else None,
        )
    )
    if options.valid:
        print("after each epoch:", [round(e, 2) for e in history["valid/error"]])
    with torch.no_grad():
        return error(model)["error"], history.seconds, history.precision


def measured(labels: int, seed: int, digits, options, device) -> dict:
    train, test, seconds, precision = digits.train, digits.valid if options.valid else digits.test, 0.0, None
    few = drawn(train.y, labels, seed)
    if options.model != "m2":
        vae, history = trained_m1(digits, seed, options, device)
        train, test, seconds, precision = Codes.of(vae, train), Codes.of(vae, test), history.seconds, history.precision
    if options.model == "m1":
        machine = SVC().fit(train[few].mean.cpu(), train[few].y.cpu())
        error = 100 * (machine.predict(test.mean.cpu()) != test.y.cpu().numpy()).mean().item()
    else:
        error, more, precision = classifier(train, few, test, seed, options, device)
        seconds += more
    return {
        "model": options.model,
        "labels": labels,
        "seed": seed,
        "error_percent": round(error, 2),
        "epochs": options.epochs,
        "m1_epochs": 0 if options.model == "m2" else options.m1_epochs,
        "latent": options.latent,
        "weight": options.weight,
        "batch": list(options.batch),
        "rate": options.rate,
        "clip": options.clip,
        "training_minutes": round(seconds / 60, 1),
        "precision": precision,
    }


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--model", default="m2", choices=SETTINGS)
    arguments.add_argument("--labels", type=int, nargs="+", default=[100])
    arguments.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    for name, kind in (("epochs", float), ("rate", float), ("weight", float), ("latent", int)):
        arguments.add_argument(f"--{name}", type=kind, default=None, help="of M2; the default depends on the model")
    arguments.add_argument("--m1-epochs", type=int, default=30)
    arguments.add_argument("--batch", type=int, nargs=2, default=(100, 10), help="unlabelled, labelled")
    arguments.add_argument("--clip", type=float, default=None, help="largest norm of M2's gradient")
    arguments.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16"))
    arguments.add_argument("--checkpoint", type=Path, default=Path("build/semi"), help="where the M1 are kept")
    arguments.add_argument("--valid", action="store_true", help="measure on the 10 000 validation images; save nothing")
    options = arguments.parse_args()
    if any(labels % 10 for labels in options.labels):
        arguments.error("as many labels of each of the ten classes: a multiple of 10")
    for name, value in SETTINGS[options.model].items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    digits = data.load("mnist", view="binary", valid=10_000)
    for seed in options.seeds:
        for labels in options.labels:
            result = measured(labels, seed, digits, options, device)
            print(result, flush=True) if options.valid else add("semi", result | made())


if __name__ == "__main__":
    main()
