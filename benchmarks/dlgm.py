"""Deep latent Gaussian models on static binarized MNIST, by both covariances of q: test NLL beside the paper's.

    python benchmarks/dlgm.py --row rank-one --data FOLDER --checkpoint build/dlgm-rank-one

Rows: diagonal, rank-one. 200 noises, two deterministic layers of 200 units. FOLDER holds binarized_mnist_packed.npz, whose
train, valid and test are rows of 784 packed bits; without --data, MNIST is binarized here, once and with a seed, and the row
says so. Batches of 400, SOAP at a rate that falls to 0 along half a cosine; the weights are those of the epoch with the best
ELBO on 1 000 validation images. The command may be stopped at any moment and repeated: it resumes. Training time is that of
training alone. The ELBO is that of all 10 000 test images, L_k that of 1 000 of them, drawn at random with a seed. The result
is added to benchmarks/results/dlgm.json.

[1] Rezende, Mohamed, Wierstra (2014). Stochastic Backpropagation and Approximate Inference in Deep Generative Models.
    arXiv:1401.4082
"""

import argparse
from pathlib import Path

import torch
from belief import digits
from record import cosine, report, trained, training_arguments
from soap import SOAP

from lecturekit import EarlyStopping, Player
from lecturekit.evaluate import importance_bound
from lecturekit.variational import DLGM


class Row(DLGM):
    rate = 6e-3

    def players(self):
        soap = lambda parameters: SOAP(parameters, lr=self.rate)
        return [Player(name="model", moves=self, loss=self.loss, optimizer=soap, schedule=cosine)]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--row", required=True, choices=("diagonal", "rank-one"))
    arguments.add_argument("--data", type=Path, default=None, help="folder of binarized_mnist_packed.npz")
    arguments.add_argument(
        "--latents", type=int, nargs="+", default=[200], help="noises, from the layer next to the data"
    )
    arguments.add_argument("--hidden", type=int, default=200)
    arguments.add_argument("--epochs", type=float, default=150)
    arguments.add_argument("--batch", type=int, default=400)
    arguments.add_argument("--rate", type=float, default=Row.rate)
    training_arguments(arguments)
    arguments.add_argument("--k", type=int, default=5000, help="samples of the bound")
    options = arguments.parse_args()

    device = "cuda" if torch.cuda.is_available() else "cpu"
    parts, split = digits(options.data)
    torch.manual_seed(options.seed)
    model = Row((1, 28, 28), options.latents, options.hidden, covariance=options.row).to(device)
    model.rate = options.rate
    held_out = parts["valid"][:1000].to(device)
    history = trained(
        model,
        parts["train"],
        options,
        epochs=options.epochs,
        batch_size=options.batch,
        validate=lambda m: {"elbo": m.elbo(held_out, 10).mean()},
        early_stopping=EarlyStopping(watch="elbo", patience=10**6),  # never stops, but goes back to the best epoch
    )
    x = held_out if options.trial else parts["test"].to(device)
    elbo = importance_bound(model, x, k=1)
    chosen = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[:1000]
    bound = importance_bound(model, x[chosen], k=100 if options.trial else options.k)
    valid = [-v for v in history["valid/elbo"]]
    result = {
        "row": options.row,
        "data": split,
        "nll_by_elbo": round(-elbo.mean, 2),
        "nll_nats": round(-bound.mean, 2),
        "standard_error": round(bound.standard_error, 2),
        "k": options.k,
        "images": len(chosen),
        "latents": options.latents,
        "hidden": options.hidden,
        "epochs": options.epochs,
        "best_epoch": valid.index(min(valid)) + 1,
        "valid_elbo": round(-min(valid), 2),
        "training_elbo_last_epoch": round(
            -sum(last := history["model/loss"][-(50_000 // options.batch) :]) / len(last), 2
        ),
        "batch": options.batch,
        "rate": options.rate,
    }
    report("dlgm", result, history, options)


if __name__ == "__main__":
    main()
