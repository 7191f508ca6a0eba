"""Sigmoid belief nets on static binarized MNIST, by the estimators of four papers: test ELBO and L_k beside theirs.

    python benchmarks/belief.py --row vimco-200 --data FOLDER --checkpoint build/belief-vimco-200
    python benchmarks/belief.py --row vimco-200 --k 50 --epochs 400 --data FOLDER --checkpoint build/belief-vimco-200-50

Rows: wake-sleep-200, nvil-200, rws-200, vimco-200, vimco-200-200. FOLDER holds binarized_mnist_packed.npz, whose train, valid
and test are rows of 784 packed bits; without --data, MNIST is binarized here, once and with a seed, and the row says so. Adam,
a cosine to 0; the weights are those of the epoch with the best bound on validation images, on which wake-sleep's rates and batch
were chosen too (the others' are the first that were tried). The command may be stopped at any moment and repeated: it resumes.
Training time is that of training alone.

Test images are drawn at random with a seed. L_k is measured twice with k samples each, and with both together:
`moved_by_doubling_k` says whether k is large enough. Half of the samples are drawn by the recognition net, half by a proposal
fitted to each image (proposals.py); `by_recognition_alone` is L_k, for as large a k, of the recognition net's own samples, as in
the papers. The result is added to benchmarks/results/belief.json.

[1] Mnih, Gregor (2014). Neural Variational Inference and Learning in Belief Networks. arXiv:1402.0030
[2] Mnih, Rezende (2016). Variational Inference for Monte Carlo Objectives. arXiv:1602.06725
[3] Maddison, Mnih, Teh (2017). The Concrete Distribution. arXiv:1611.00712
[4] Bornschein, Bengio (2015). Reweighted Wake-Sleep. arXiv:1406.2751
"""

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from proposals import Refitted
from record import cosine, report, trained, training_arguments
from torch.optim import Adam

from lecturekit import EarlyStopping, Player, data
from lecturekit.belief import SigmoidBeliefNet
from lecturekit.evaluate import importance_bound

# row: layers, estimator, samples in training, learning rate of p and of q, epochs, batch
ROWS = {
    "wake-sleep-200": ((200,), "wake-sleep", 1, 3e-2, 3e-3, 250, 100),
    "nvil-200": ((200,), "nvil", 1, 3e-3, 3e-3, 150, 50),
    "rws-200": ((200,), "reweighted-wake-sleep", 5, 3e-3, 3e-3, 75, 50),
    "vimco-200": ((200,), "vimco", 5, 3e-3, 3e-3, 130, 50),
    "vimco-200-200": ((200, 200), "vimco", 5, 3e-3, 3e-3, 95, 50),
}


class Row(SigmoidBeliefNet):
    """A net and its estimator, with learning rates of its own for p and q that fall to 0."""

    def __init__(self, layers, estimator, k, rate_p, rate_q):
        super().__init__((1, 28, 28), layers, estimator=estimator, k=k)
        self.rate_p, self.rate_q = rate_p, rate_q

    def players(self):
        of_p = {id(p) for p in [*self.generative.parameters(), self.top]}

        def adam(parameters):
            # beside q: NVIL's baselines
            groups = [[p for p in parameters if (id(p) in of_p) == belongs] for belongs in (True, False)]
            rates = (self.rate_p, self.rate_q)
            return Adam([{"params": ps, "lr": r} for ps, r in zip(groups, rates) if ps], fused=True)

        return [
            Player(name=p.name, moves=p.moves, loss=p.loss, optimizer=adam, schedule=cosine) for p in super().players()
        ]


def digits(folder: Path | None) -> tuple[dict[str, torch.Tensor], str]:
    """{"train", "valid", "test"}: bits (N, 1, 28, 28) of uint8; and what they are."""
    if folder is not None:
        packed = np.load(folder / "binarized_mnist_packed.npz")
        bits = {part: np.unpackbits(packed[part], axis=1)[:, :784] for part in ("train", "valid", "test")}
        return {
            part: torch.from_numpy(b).reshape(-1, 1, 28, 28) for part, b in bits.items()
        }, "static binarization, 50 000/10 000/10 000, not byte-checked against the original files"
    mnist = data.load("mnist", view="binary")
    parts = {"train": mnist.train, "valid": mnist.valid, "test": mnist.test}
    drawn = {part: split.tensors(seed=i)[0].to(torch.uint8) for i, (part, split) in enumerate(parts.items())}
    return drawn, "MNIST, 50 000/10 000/10 000, binarized here once, seeds 0, 1, 2: not the published bits"


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--row", required=True, choices=ROWS)
    arguments.add_argument("--data", type=Path, default=None, help="folder of binarized_mnist_packed.npz")
    arguments.add_argument("--k", type=int, default=None, help="samples in training")
    arguments.add_argument("--epochs", type=int, default=None)
    arguments.add_argument("--rate-p", type=float, default=None)
    arguments.add_argument("--rate-q", type=float, default=None)
    arguments.add_argument("--batch", type=int, default=None)
    training_arguments(arguments)
    arguments.add_argument("--images", type=int, default=1000, help="test images to evaluate on, drawn at random")
    arguments.add_argument("--evaluate", type=int, default=16_000, metavar="K", help="samples in each of two bounds")
    options = arguments.parse_args()

    layers, estimator, k, rate_p, rate_q, epochs, batch = ROWS[options.row]
    k, epochs, batch = options.k or k, options.epochs or epochs, options.batch or batch
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parts, split = digits(options.data)
    torch.manual_seed(options.seed)
    model = Row(layers, estimator, k, options.rate_p or rate_p, options.rate_q or rate_q).to(device)
    held_out = parts["valid"][:500].to(device)
    history = trained(
        model,
        parts["train"],
        options,
        epochs=epochs,
        batch_size=batch,
        validate=lambda m: {"elbo": m.elbo(held_out, 20).mean(), "bound": m.bound(held_out, 20).mean()},
        early_stopping=EarlyStopping(watch="bound", patience=10**6),  # never stops, but goes back to the best epoch
    )
    images = parts["valid" if options.trial else "test"]
    chosen = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[: options.images]
    x = images[chosen].to(device)
    with torch.no_grad():
        elbo = torch.cat([model.elbo(part, 100) for part in x.split(100)]).double().cpu()
    alone = importance_bound(model, x, k=2 * options.evaluate, rows=2000)
    better, which = Refitted(model, x, seed=2), torch.arange(len(x), device=device)
    once, again = (importance_bound(better, x, options.evaluate, which, rows=2000, seed=seed) for seed in (0, 1))
    both = torch.logaddexp(once.values, again.values) - math.log(2)  # L_2k of all the samples together
    result = {
        "row": options.row,
        "data": split,
        "training_k": k,
        "nll_by_elbo": round(-elbo.mean().item(), 2),
        "nll_by_bound": round(-both.mean().item(), 2),
        "standard_error": round(both.std().item() / math.sqrt(len(x)), 2),
        "k": 2 * options.evaluate,
        "by_recognition_alone": round(-alone.mean, 2),
        "moved_by_doubling_k": round((both.mean() - (once.mean + again.mean) / 2).item(), 3),
        "test_images": len(x),
        "epochs": epochs,
        "best_epoch": max(range(epochs), key=lambda i: history["valid/bound"][i]) + 1,
        "valid_bound": round(max(history["valid/bound"]), 2),
        "batch": batch,
        "rates": [model.rate_p, model.rate_q],
    }
    report("belief", result, history, options)


if __name__ == "__main__":
    main()
