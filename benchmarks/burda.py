"""A cell of Burda et al.'s table 1: a VAE on all of MNIST, stochastic binarization, test NLL by L_5000.

    python benchmarks/burda.py --precision float32 --epochs 450 --checkpoint build/burda-float32

784-200-200-50 tanh, Glorot initialization, 60 000 training images. Two recipes: "paper" is the published one (Adam with eps
1e-4, rate 1e-3 * 10^(-i/7), i = 0..7, each for 3^i of all passes), made for 3280 passes in batches of 20; "short", the
default, is for some hundred passes (Adam with eps 1e-8, a cosine from 3e-3 to 0), chosen on validation images. Batches of
100. The command may be stopped at any moment and repeated: it resumes. Training time is that of training alone. The result
is added to benchmarks/results/burda.json.

[1] Burda, Grosse, Salakhutdinov (2016). Importance Weighted Autoencoders. arXiv:1509.00519
"""

import argparse
import json
import math
from datetime import date
from pathlib import Path

import torch
from loop import commit, processor
from torch import nn
from torch.optim import Adam

from lecturekit import Player, data, fit
from lecturekit.evaluate import active_units, importance_bound
from lecturekit.variational import VAE

PUBLISHED = {"nll_nats": 86.76, "active_units": 19, "source": "Burda et al. 2016, table 1, one layer, k = 1"}


def burda_rate(progress: float) -> float:
    """The factor 10^(-i/7) of the pass that stands at this share of the sum of 3^i, i = 0..7, passes."""
    i = math.floor(math.log(2 * progress * (3**8 - 1) / 2 + 1, 3) + 1e-9)
    return 10 ** (-min(i, 7) / 7)


# learning rate, Adam's eps, schedule
RECIPES = {
    "paper": (1e-3, 1e-4, burda_rate),
    "short": (3e-3, 1e-8, lambda progress: 0.5 * (1 + math.cos(math.pi * progress))),
}


class BurdaVAE(VAE):
    """The network of [1], section 5 and appendix, trained by a recipe."""

    def __init__(self, recipe: str = "short"):
        super().__init__((1, 28, 28), latent=50, hidden=(200, 200), activation=nn.Tanh)
        self.recipe = recipe
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def start(self, draw):
        """The visible biases at the log odds of the mean pixel, as in the authors' code."""
        mean = draw(60_000).x.mean(0).flatten().clamp(1e-3, 1 - 1e-3)
        self.decoder[-1].bias.copy_(torch.logit(mean))

    def players(self):
        rate, eps, schedule = RECIPES[self.recipe]
        adam = lambda parameters: Adam(parameters, lr=rate, eps=eps, fused=True)
        return [Player(name="model", moves=self, loss=self.loss, optimizer=adam, schedule=schedule)]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16"))
    arguments.add_argument("--recipe", default="short", choices=RECIPES)
    arguments.add_argument("--epochs", type=int, default=450)
    arguments.add_argument("--checkpoint", type=Path, default=None)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--images", type=int, default=2000, help="test images to evaluate on, drawn at random")
    arguments.add_argument("--k", type=int, default=5000)
    options = arguments.parse_args()

    device = "cuda" if torch.cuda.is_available() else "cpu"
    digits = data.load("mnist", view="binary", valid=0)
    torch.manual_seed(options.seed)
    model = BurdaVAE(options.recipe).to(device)
    history = fit(
        model,
        digits.train,
        epochs=options.epochs,
        batch_size=100,
        seed=options.seed,
        precision=options.precision,
        checkpoint=options.checkpoint,
        resume=options.checkpoint is not None,
    )
    if history.interrupted:
        raise SystemExit("interrupted; the same command goes on from here")
    chosen = torch.randperm(len(digits.test), generator=torch.Generator().manual_seed(0))[: options.images]
    x, _ = digits.test[chosen].tensors(seed=0)
    bound = importance_bound(model, x, k=options.k)
    last = len(digits.train) // 100
    result = {
        "nll_nats": round(-bound.mean, 2),
        "standard_error": round(bound.standard_error, 2),
        "k": options.k,
        "test_images": len(x),
        "active_units": int(active_units(model, x).sum()),
        "train_elbo_last_epoch": round(-sum(history["model/loss"][-last:]) / last, 2),
        "recipe": options.recipe,
        "epochs": options.epochs,
        "training_minutes": round(history.seconds / 60, 1),
        "precision": history.precision,
        "machine": torch.cuda.get_device_name() if device == "cuda" else processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "seed": options.seed,
        "date": date.today().isoformat(),
        "commit": commit(),
        "published": PUBLISHED,
    }
    print(json.dumps(result, indent=2))
    path = Path(__file__).parent / "results" / "burda.json"
    results = json.loads(path.read_text()) if path.exists() else []
    path.write_text(json.dumps([*results, result], indent=2) + "\n")


if __name__ == "__main__":
    main()
