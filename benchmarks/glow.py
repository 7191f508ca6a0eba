"""Glow on 8-bit images: bits per dimension on all test images, beside the published ones.

    python benchmarks/glow.py --row mnist --checkpoint build/glow-mnist
    python benchmarks/glow.py --row cifar10 --checkpoint build/glow-cifar10     (not measured: for a GPU)

mnist: 60 000 images of 1 x 28 x 28 as they are, 2 levels of 12 steps, hidden 64: half an hour on one core. cifar10: the
published setting, 3 levels of 32 steps, hidden 512 [1]. Both with s = sigmoid(. + 2) in the couplings, as in the code published
with [1] (TRIED.md has s = exp). Adam with a rate that rises for a fiftieth of the training and falls to 0 along a cosine. The
command may be stopped at any moment and repeated: it resumes. Training time is that of training alone. The result is added to
benchmarks/results/glow.json.

Which number is beside which. [1] has no MNIST (recalled): its bits/dim there stand in [2], table 2, which does not say how they
came about. The code published with [1] pads MNIST with zeros to 32 x 32, repeats it as three equal channels, shifts it at random by up to a tenth, and divides the bits by 32 * 32 * 3. The code published with [2] leaves 28 x 28 and
divides by 784 (recalled). We do as [2], and no shifting: so the two numbers are of one data set, and perhaps not of one measure.
Uniform noise makes ours a bound: bits_per_dim is at least that of the best discrete code by this model, here from one draw of
the noise for each image.

[1] Kingma, Dhariwal (2018). Glow: Generative Flow with Invertible 1x1 Convolutions. arXiv:1807.03039
[2] Grathwohl, Chen, Bettencourt, Sutskever, Duvenaud (2019). FFJORD. arXiv:1810.01367
"""

import argparse
import math

import torch
from record import cosine, report, trained, training_arguments
from torch.optim import Adam

from lecturekit import Player, data
from lecturekit.evaluate import log_likelihood
from lecturekit.exact import Glow

# row: levels, steps, hidden, epochs, batch, learning rate
ROWS = {
    "mnist": (2, 12, 64, 20, 64, 2e-3),
    "cifar10": (3, 32, 512, 200, 64, 1e-3),
}


class Row(Glow):
    rate = 1e-3

    def players(self):
        adam = lambda parameters: Adam(parameters, lr=self.rate, fused=True)
        schedule = lambda progress: min(1.0, 50 * progress + 0.001) * cosine(progress)
        # the loss is in nats an image, and so is its gradient
        return [Player(name="model", moves=self, loss=self.loss, optimizer=adam, schedule=schedule, clip=10_000.0)]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--row", required=True, choices=ROWS)
    for name, kind in {
        "levels": int,
        "steps": int,
        "hidden": int,
        "epochs": float,
        "batch": int,
        "rate": float,
    }.items():
        arguments.add_argument(f"--{name}", type=kind, default=None, help="the default depends on the row")
    arguments.add_argument("--data", default=None, help="another data set of the same kind, such as mnist-5k")
    training_arguments(arguments, trial="evaluate on 1000 validation images")
    options = arguments.parse_args()

    given = (options.levels, options.steps, options.hidden, options.epochs, options.batch, options.rate)
    levels, steps, hidden, epochs, batch, rate = (g or s for g, s in zip(given, ROWS[options.row], strict=True))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    images = data.load(options.data or options.row, view="dequantized", **({} if options.trial else {"valid": 0}))
    torch.manual_seed(options.seed)
    model = Row(images.event_shape, levels, steps, hidden, coupling="sigmoid").to(device)
    model.rate = rate
    history = trained(
        model,
        images.train.to(device),
        options,
        epochs=epochs,
        batch_size=batch,
    )
    x, _ = (images.valid[:1000] if options.trial else images.test).tensors(seed=0)
    found = log_likelihood(model, x)
    nat = 1 / (math.log(2) * x[0].numel())  # in bits per dimension
    bits = history["model/bits_per_dim"][-(len(images.train) // batch) :]
    result = {
        "row": options.row,
        "bits_per_dim": round(8 - found.mean * nat, 4),
        "standard_error": round(found.standard_error * nat, 4),
        "images": len(x),
        "training_bits_last_epoch": round(sum(bits) / len(bits), 4),
        "levels": levels,
        "steps": steps,
        "hidden": hidden,
        "epochs": epochs,
        "batch": batch,
        "rate": rate,
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    report("glow", result, history, options)


if __name__ == "__main__":
    main()
