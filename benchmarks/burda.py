"""A cell of Burda et al.'s table 1: all of MNIST, stochastic binarization, test NLL by L_5000.

    python benchmarks/burda.py --epochs 450 --checkpoint build/burda
    python benchmarks/burda.py --estimator iwae --k 5 --layers 2 --epochs 60 --checkpoint build/burda-iwae-2-5

One layer: 784-200-200-50. Two: 784-200-200-100 and 100-100-100-50. Tanh, Glorot initialization, 60 000 training images.
Three recipes: "paper" is the published one (Adam with eps 1e-4, rate 1e-3 * 10^(-i/7), i = 0..7, each for 3^i of all
epochs), made for 3280 epochs in batches of 20; here batches of 100. "short" is for some hundred epochs in batches of 100
(Adam, a cosine from 3e-3 to 0). "soap" is for as many in batches of 400, in which an epoch takes about as long (SOAP, a cosine
from 6e-3 to 0). Rates and batches were chosen on validation images. The command may be stopped at any moment and repeated: it
resumes. Training time is that of training alone. The result is added to benchmarks/results/burda.json.

[1] Burda, Grosse, Salakhutdinov (2016). Importance Weighted Autoencoders. arXiv:1509.00519
"""

import argparse
import math
from pathlib import Path

import torch
from record import add, cosine, made, trained
from soap import SOAP
from torch import nn
from torch.optim import Adam

from lecturekit import Player, data
from lecturekit.evaluate import active_units, importance_bound
from lecturekit.variational import IWAE, VAE, HierarchicalVAE


def burda_rate(progress: float) -> float:
    """The factor 10^(-i/7) of the epoch that stands at this share of the sum of 3^i, i = 0..7, epochs."""
    i = math.floor(math.log(2 * progress * (3**8 - 1) / 2 + 1, 3) + 1e-9)
    return 10 ** (-min(i, 7) / 7)


# optimizer, schedule, batch
RECIPES = {
    "paper": (lambda parameters: Adam(parameters, lr=1e-3, eps=1e-4, fused=True), burda_rate, 100),
    "short": (lambda parameters: Adam(parameters, lr=3e-3, fused=True), cosine, 100),
    "soap": (lambda parameters: SOAP(parameters, lr=6e-3), cosine, 400),
}


class Cell(IWAE):
    """A network of [1], section 5 and appendix, trained by an estimator with k samples and by a recipe."""

    def __init__(self, layers: int = 1, estimator: str = "vae", k: int = 1, recipe: str = "short"):
        one = lambda: VAE((1, 28, 28), latent=50, hidden=(200, 200), activation=nn.Tanh)
        super().__init__(one() if layers == 1 else HierarchicalVAE(), k, estimator)
        self.layers, self.recipe = layers, recipe
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def start(self, draw):
        """The visible biases at the log odds of the mean pixel, as in the authors' code."""
        mean = draw(60_000).x.mean(0).flatten().clamp(1e-3, 1 - 1e-3)
        pixels = self.model.decoder if self.layers == 1 else self.model.down[0]
        pixels[-1].bias.copy_(torch.logit(mean))

    def loss(self, batch):
        # one sample and one layer: the KL in closed form, which has the quieter gradient
        plain = self.layers == 1 and self.k == 1
        return self.model.loss(batch) if plain else super().loss(batch)

    def players(self):
        optimizer, schedule, _ = RECIPES[self.recipe]
        return [Player(name="model", moves=self, loss=self.loss, optimizer=optimizer, schedule=schedule)]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--layers", type=int, default=1, choices=(1, 2))
    arguments.add_argument("--estimator", default="vae", choices=("vae", "iwae", "dreg"))
    arguments.add_argument("--k", type=int, default=1, help="samples in training")
    arguments.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16"))
    arguments.add_argument("--recipe", default="short", choices=RECIPES)
    arguments.add_argument("--epochs", type=int, default=450)
    arguments.add_argument("--checkpoint", type=Path, default=None)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--images", type=int, default=2000, help="test images to evaluate on, drawn at random")
    arguments.add_argument("--evaluate", type=int, default=5000, metavar="K", help="samples in the test bound")
    options = arguments.parse_args()

    device = "cuda" if torch.cuda.is_available() else "cpu"
    digits = data.load("mnist", view="binary", valid=0)
    torch.manual_seed(options.seed)
    model = Cell(options.layers, options.estimator, options.k, options.recipe).to(device)
    history = trained(
        model,
        digits.train,
        options,
        epochs=options.epochs,
        batch_size=RECIPES[options.recipe][2],
    )
    chosen = torch.randperm(len(digits.test), generator=torch.Generator().manual_seed(0))[: options.images]
    x, _ = digits.test[chosen].tensors(seed=0)
    bound = importance_bound(model, x, k=options.evaluate)
    parts = active_units(model, x).split(getattr(model.model, "latents", (50,)))
    last = len(digits.train) // RECIPES[options.recipe][2]
    result = {
        "layers": options.layers,
        "estimator": options.estimator,
        "training_k": options.k,
        "nll_nats": round(-bound.mean, 2),
        "standard_error": round(bound.standard_error, 2),
        "k": options.evaluate,
        "test_images": len(x),
        "active_units": "+".join(str(int(part.sum())) for part in parts),
        "training_bound_last_epoch": round(-sum(history["model/loss"][-last:]) / last, 2),
        "recipe": options.recipe,
        "epochs": options.epochs,
        "training_minutes": round(history.seconds / 60, 1),
        "precision": history.precision,
        "seed": options.seed,
    }
    add("burda", result | made())


if __name__ == "__main__":
    main()
