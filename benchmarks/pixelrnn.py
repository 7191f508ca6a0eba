"""PixelRNN on static binarized MNIST: the exact test likelihood beside the paper's.

    python benchmarks/pixelrnn.py --row pixelcnn --data FOLDER --checkpoint build/pixelcnn

Rows: pixelcnn, row-lstm, diagonal-bilstm-1, diagonal-bilstm-7, gated-pixelcnn. FOLDER holds binarized_mnist_packed.npz, whose
train, valid and test are rows of 784 packed bits; without --data, MNIST is binarized here, once and with a seed, and the row
says so. Training is on all 50 000 images, by Adam or by SOAP, which gets further in a short training, with a rate that falls to
0 along half a cosine; the weights are those of the epoch that is best on 1 000 validation images. The command may be stopped at
any moment and repeated: it resumes. Training time is that of training alone. All 10 000 test images are evaluated; the result
is added to benchmarks/results/pixelrnn.json.

[1] van den Oord, Kalchbrenner, Kavukcuoglu (2016). Pixel Recurrent Neural Networks. arXiv:1601.06759, table 4
"""

import argparse
from pathlib import Path

import torch
from belief import digits
from record import cosine, report, trained, training_arguments
from soap import SOAP
from torch.optim import Adam

from lecturekit import EarlyStopping, Player
from lecturekit.evaluate import log_likelihood
from lecturekit.exact import PixelRNN

OPTIMIZERS = {"adam": lambda p, rate: Adam(p, lr=rate, fused=True), "soap": lambda p, rate: SOAP(p, lr=rate)}

# row: kind, blocks, h, epochs, batch, learning rate, optimizer
ROWS = {
    "pixelcnn": ("pixelcnn", 7, 32, 12, 25, 4e-3, "soap"),
    "row-lstm": ("row-lstm", 3, 16, 6, 50, 3e-3, "adam"),
    "diagonal-bilstm-1": ("diagonal-bilstm", 1, 16, 10, 50, 3e-3, "adam"),
    "diagonal-bilstm-7": ("diagonal-bilstm", 7, 16, 100, 128, 3e-3, "adam"),
    "gated-pixelcnn": ("gated-pixelcnn", 7, 32, 100, 128, 1e-3, "adam"),
}


class Row(PixelRNN):
    rate, by = 1e-3, "adam"

    def players(self):
        optimizer = lambda parameters: OPTIMIZERS[self.by](parameters, self.rate)
        return [Player(name="model", moves=self, loss=self.loss, optimizer=optimizer, schedule=cosine, clip=1.0)]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--row", required=True, choices=ROWS)
    arguments.add_argument("--data", type=Path, default=None, help="folder of binarized_mnist_packed.npz")
    for name, kind in {"layers": int, "hidden": int, "epochs": float, "batch": int, "rate": float}.items():
        arguments.add_argument(f"--{name}", type=kind, default=None, help="the default depends on the row")
    arguments.add_argument("--optimizer", choices=OPTIMIZERS, default=None, help="the default depends on the row")
    training_arguments(arguments)
    arguments.add_argument("--images", type=int, default=10_000, help="test images to evaluate on")
    options = arguments.parse_args()

    kind, *settings = ROWS[options.row]
    given = (options.layers, options.hidden, options.epochs, options.batch, options.rate, options.optimizer)
    layers, hidden, epochs, batch, rate, optimizer = (g or s for g, s in zip(given, settings, strict=True))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parts, split = digits(options.data)
    torch.manual_seed(options.seed)
    model = Row((1, 28, 28), 2, kind, layers, hidden).to(device)
    model.rate, model.by = rate, optimizer
    valid = parts["valid"].to(device)
    history = trained(
        model,
        parts["train"],
        options,
        epochs=epochs,
        batch_size=batch,
        validate=lambda m: {"log_likelihood": log_likelihood(m, valid[:1000], progress=False).mean},
        early_stopping=EarlyStopping(watch="log_likelihood", patience=10**6),  # goes back to the best epoch
    )
    found = log_likelihood(model, (valid if options.trial else parts["test"].to(device))[: options.images])
    result = {
        "row": options.row,
        "data": split,
        "nll_nats": round(-found.mean, 2),
        "standard_error": round(found.standard_error, 2),
        "images": len(found.values),
        "layers": layers,
        "hidden": hidden,
        "epochs": epochs,
        "batch": batch,
        "rate": rate,
        "optimizer": optimizer,
        "valid_by_epoch": [round(-v, 2) for v in history["valid/log_likelihood"]],
    }
    report("pixelrnn", result, history, options)


if __name__ == "__main__":
    main()
