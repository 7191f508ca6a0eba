"""DRAW on MNIST, binarized anew in every epoch: the ELBO on all test images, beside published ones.

    python benchmarks/draw.py --row whole-10 --checkpoint build/draw

Rows: whole-10 and window-10, ten strokes without attention and with windows of 2 x 2 (read) and 5 x 5 (write), LSTMs of 256
units; whole-64 and window-64, the paper's 64 strokes, for a GPU. 100 latent numbers a stroke. With windows the KL term is
warmed up over the first quarter of the training, and the first canvas is the mean digit (chapter 25, section 12, shows why).
60 000 training images, Adam with a rate that falls to 0 along half a cosine. The command may be stopped at any moment and
repeated: it resumes. Training time is that of training alone. Test images are binarized once, with a seed. "nll_by_elbo" is
minus the ELBO, of one path for each of all 10 000 test images; "nll_by_bound" minus L_k on 1 000 of them. The result is added
to benchmarks/results/draw.json.

[1] Gregor, Danihelka, Graves, Rezende, Wierstra (2015). DRAW: A Recurrent Neural Network For Image Generation. arXiv:1502.04623
"""

import argparse

import torch
from record import report, trained, training_arguments, with_cosine

from lecturekit import data
from lecturekit.evaluate import importance_bound
from lecturekit.variational import DRAW

# row: strokes, read and write windows, epochs, batch, learning rate
ROWS = {
    "whole-10": (10, None, None, 30, 100, 3e-3),
    "window-10": (10, 2, 5, 30, 100, 3e-3),
    "whole-64": (64, None, None, 100, 128, 1e-3),
    "window-64": (64, 2, 5, 100, 128, 1e-3),
}


class Row(DRAW):
    rate, warm_up = 1e-3, 0.0

    def start(self, draw):
        if self.warm_up:
            self.blank.copy_(draw(1000).x.float().mean(0).clamp(0.01, 0.99).logit())

    def loss(self, batch):
        terms = super().loss(batch)
        weight = (batch.progress / self.warm_up).clamp(max=1) if self.warm_up else 1.0
        return {**terms, "loss": weight * terms["kl"] - terms["reconstruction"], "bound": terms["loss"]}

    def players(self):
        return with_cosine(self, self.rate, clip=10.0)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--row", required=True, choices=ROWS)
    for name, kind in {"hidden": int, "latent": int, "epochs": float, "batch": int, "rate": float}.items():
        arguments.add_argument(f"--{name}", type=kind, default=None, help="the default depends on the row")
    training_arguments(arguments)
    arguments.add_argument("--k", type=int, default=500, help="samples of the bound on 1 000 images")
    options = arguments.parse_args()

    steps, read, write, *settings = ROWS[options.row]
    given = (options.epochs, options.batch, options.rate)
    epochs, batch, rate = (g or s for g, s in zip(given, settings, strict=True))
    hidden, latent = options.hidden or 256, options.latent or 100
    device = "cuda" if torch.cuda.is_available() else "cpu"
    digits = data.load("mnist", view="binary", **({} if options.trial else {"valid": 0}))
    torch.manual_seed(options.seed)
    model = Row((1, 28, 28), steps, latent, hidden, read, write).to(device)
    model.rate, model.warm_up = rate, 0.25 if read else 0.0
    history = trained(
        model,
        digits.train.to(device),
        options,
        epochs=epochs,
        batch_size=batch,
    )
    x, _ = (digits.valid[:2000] if options.trial else digits.test).tensors(seed=0)
    once = importance_bound(model, x, k=1)
    chosen = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[:1000]
    bound = importance_bound(model, x[chosen], k=10 if options.trial else options.k)
    result = {
        "row": options.row,
        "data": "MNIST, all 60 000 for training, binarized anew in every epoch; the test images once, with a seed",
        "nll_by_elbo": round(-once.mean, 2),
        "standard_error": round(once.standard_error, 2),
        "images": len(x),
        "nll_by_bound": round(-bound.mean, 2),
        "standard_error_of_bound": round(bound.standard_error, 2),
        "k": options.k,
        "steps": steps,
        "hidden": hidden,
        "latent": latent,
        "epochs": epochs,
        "batch": batch,
        "rate": rate,
        "warm_up": model.warm_up,
        "training_elbo_last_epoch": round(-sum(last := history["model/bound"][-(60_000 // batch) :]) / len(last), 2),
    }
    report("draw", result, history, options)


if __name__ == "__main__":
    main()
