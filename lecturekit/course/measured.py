"""What is measured and what stands beside it: every published number, its source, and how ours differs from it.

Published numbers are typed here and nowhere else; the commands of benchmarks/, the README and the chapters read them. A number is
`sure` if it was read in its source or in a text that quotes it; all others are recalled, and are printed as such. What the
commands measured lies in benchmarks/results/, of which an installed package has a copy.

>>> published("glow", "cifar10")[0].value
3.35
"""

import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lecturekit.course.profiles import ROOT

RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True)
class Published:
    """What a source says: its numbers, by the names that they have in results/, and how they were measured."""

    numbers: dict[str, Any]
    source: str
    how: str = ""
    sure: bool = True

    @property
    def value(self):
        """The first of the numbers."""
        return next(iter(self.numbers.values()))

    def __str__(self):
        return ", ".join(filter(None, (self.source, self.how, "" if self.sure else "recalled")))


def nats(value: float, source: str, how: str = "", sure: bool = True) -> Published:
    return Published({"nll_nats": value}, source, how, sure)


LABELS = (100, 600, 1000, 3000)


def few(model: str, errors: tuple, source: str, how: str = "", sure=LABELS) -> dict[tuple, Published]:
    """Errors in percent with so many labels."""
    return {(model, n): Published({"error_percent": e}, source, how, n in sure) for n, e in zip(LABELS, errors)}


MNIH, MADDISON, KINGMA = "Mnih & Gregor 2014", "Maddison et al. 2017", "Kingma et al. 2014"
OORD, GREGOR, GRATHWOHL = "van den Oord et al. 2016", "Gregor et al. 2015", "Grathwohl et al. 2019"
ELBO, L_50000 = "minus the ELBO, 10 samples", "minus L_50000"
ATTENTION, PLAIN = (
    nats(80.97, GREGOR, "64 strokes, attention"),
    nats(87.40, GREGOR, "64 strokes, no attention", sure=False),
)

PAPER = {
    **few("m1", (11.82, 5.72, 4.24, 3.49), KINGMA, "with a transductive SVM"),
    **few("m2", (11.97, 4.94, 3.60, 3.92), KINGMA, sure=(100,)),
    **few("m1+m2", (3.33, 2.59, 2.40, 2.18), KINGMA, sure=(100,)),
}
PUBLIC = {
    **few("m2", (17.75, 5.71, 4.88, 4.11), "WooGyeongDong/Semi-Supervised-Learning-with-VAE"),
    **few("m1+m2", (9.34, 7.01, 5.65, 4.33), "WooGyeongDong/Semi-Supervised-Learning-with-VAE"),
}

# Of each results file the settings that say which published numbers belong to a row; of all others "row" alone.
KEYS = {
    "belief": ("row", "training_k"),
    "burda": ("layers", "estimator", "training_k"),
    "semi": ("model", "labels"),
    "quadrants": ("seen",),
}

PUBLISHED: dict[str, dict[tuple, list[Published]]] = {
    "mixture": {  # of so many Bernoullis
        (n,): [nats(value, "Salakhutdinov & Hinton 2009", "static split")]
        for n, value in ((10, 168.95), (100, 142.63), (500, 137.64))
    },
    "belief": {
        ("wake-sleep-200", 1): [nats(120.8, MNIH, ELBO)],
        ("wake-sleep-200-200", 1): [nats(107.7, MNIH, ELBO)],
        ("nvil-200", 1): [nats(113.1, MNIH, ELBO), nats(104.4, MADDISON, L_50000)],
        ("nvil-200-200", 1): [nats(99.8, MNIH, ELBO), nats(92.9, MADDISON, L_50000)],
        ("rws-200", 5): [nats(103.1, "Bornschein & Bengio 2015", "importance sampling", sure=False)],
        ("vimco-200", 5): [nats(101.9, MADDISON, L_50000)],
        ("vimco-200", 50): [nats(98.8, MADDISON, L_50000)],
        ("vimco-200-200", 5): [nats(91.7, MADDISON, L_50000)],
        ("vimco-200-200", 50): [nats(90.7, MADDISON, L_50000)],
    },
    "burda": {
        key: [Published({"nll_nats": nll, "active_units": units}, "Burda et al. 2016", "3280 epochs")]
        for key, nll, units in (
            ((1, "vae", 1), 86.76, "19"),  # with one sample both estimators are one
            ((1, "vae", 5), 86.47, "20"),
            ((1, "vae", 50), 86.35, "20"),
            ((1, "iwae", 5), 85.54, "22"),
            ((1, "iwae", 50), 84.78, "25"),
            ((2, "vae", 1), 85.33, "16+5"),
            ((2, "vae", 5), 85.01, "17+5"),
            ((2, "vae", 50), 84.78, "17+5"),
            ((2, "iwae", 5), 83.89, "21+5"),
            ((2, "iwae", 50), 82.90, "26+7"),
        )
    },
    "bound": {  # how far a bound stays above minus log p(x), the first number: one IWAE, binarized MNIST
        ("iwae",): [
            Published(
                {"AIS": 85.619, "L_100000": 86.464, "L_10000": 86.902},
                "Wu et al. 2017",
                "AIS with 10 000 distributions",
            )
        ]
    },
    "semi": {key: [known, *filter(None, [PUBLIC.get(key)])] for key, known in PAPER.items()},
    "quadrants": {
        (seen,): [
            Published({"nn": net, "monte_carlo": cvae}, "Sohn et al. 2015", sure=False),
            Published({"nn": pyro_net, "monte_carlo": pyro_cvae}, "Pyro's example", "grey targets"),
        ]
        for seen, net, cvae, pyro_net, pyro_cvae in (
            (1, 100.03, 68.62, 100.4, 71.8),
            (2, 62.14, 45.57, 61.9, 51.0),
            (3, 26.01, 20.97, 25.4, 24.2),
        )
    },
    "dlgm": {
        ("diagonal",): [nats(87.30, "Rezende et al. 2014", sure=False)],
        ("rank-one",): [nats(86.60, "Rezende et al. 2014", sure=False)],
    },
    "draw": {
        ("whole-10",): [ATTENTION, PLAIN, nats(93.82, "a public implementation", "10 strokes, no attention")],
        ("window-10",): [ATTENTION, nats(99.74, "a public implementation", "10 strokes, attention")],
        ("whole-64",): [PLAIN],
        ("window-64",): [ATTENTION],
    },
    "lapgan": {
        ("mnist-5k",): [Published({"GAN": 225}, "Goodfellow et al. 2014")],
    },
    "stacked": {
        ("dcgan",): [Published({"modes": 99, "kl": 3.40}, "Srivastava et al. 2017", sure=False)],
        ("wgan-gp",): [Published({"modes": 959, "kl": 0.73}, "Kumar et al. 2019")],
    },
    "cifar": {
        ("dcgan",): [
            Published({"frechet": 37.7}, "Heusel et al. 2017", "one rate"),
            Published({"frechet": 36.9}, "Heusel et al. 2017", "a rate for each player"),
        ],
        ("wgan-gp",): [
            Published({"frechet": 29.3}, "Heusel et al. 2017", "one rate"),
            Published({"frechet": 24.8}, "Heusel et al. 2017", "a rate for each player"),
        ],
    },
    "cyclegan": {
        ("mnist-usps",): [
            Published(
                {
                    "adapted": {"a_to_b": 0.956, "b_to_a": 0.964},
                    "source_only": {"a_to_b": 0.822, "b_to_a": 0.696},
                },
                "Hoffman et al. 2018",
                "pixels only, with a loss on labels",
            )
        ],
        ("cityscapes",): [
            Published(
                {"pixels": 0.58, "classes": 0.22, "IoU": 0.16},
                "Zhu et al. 2017",
                "quoted in issue 150 of the authors' implementation",
            )
        ],
    },
    "pixelrnn": {
        ("pixelcnn",): [nats(81.30, OORD)],
        ("row-lstm",): [nats(80.54, OORD, sure=False)],
        ("diagonal-bilstm-1",): [nats(80.75, OORD)],
        ("diagonal-bilstm-7",): [nats(79.20, OORD)],
        ("gated-pixelcnn",): [nats(81.50, "EugenHotaj/pytorch-generative", "binarized anew in every epoch")],
    },
    "glow": {
        ("mnist",): [Published({"bits_per_dim": 1.05}, GRATHWOHL, "perhaps another measure")],
        ("cifar10",): [Published({"bits_per_dim": 3.35}, "Kingma & Dhariwal 2018")],
        ("mnist-realnvp",): [Published({"bits_per_dim": 1.06}, GRATHWOHL, "perhaps another measure")],
        ("cifar10-realnvp",): [Published({"bits_per_dim": 3.49}, "Dinh et al. 2017")],
        ("cifar10-pixelrnn",): [Published({"bits_per_dim": 3.00}, OORD)],
    },
}


def published(benchmark: str, *key) -> list[Published]:
    """What is published beside a row: published("pixelrnn", "pixelcnn"), published("belief", "vimco-200", 5)."""
    return PUBLISHED.get(benchmark, {}).get(key, [])


def beside(benchmark: str, row: dict) -> list[Published]:
    """The same for a row of results/. A chapter prints only what is `sure`."""
    return published(benchmark, *(row[name] for name in KEYS.get(benchmark, ("row",))))


def load(benchmark: str):
    """What results/benchmark.json holds, or None."""
    path = RESULTS / f"{benchmark}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def save(benchmark: str, result) -> None:
    """Write results/benchmark.json anew."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{benchmark}.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def gained(row: dict) -> float:
    """Nats by which LAPGAN's Parzen log-likelihood is above the GAN's."""
    return row["LAPGAN"]["parzen"]["value"] - row["GAN"]["parzen"]["value"]


@dataclass(frozen=True)
class System:
    """A system's row in the README: its command, the rows of results/ that it means, and what is compared."""

    name: str
    command: str
    where: dict[str, Any]
    what: str
    ours: Callable[[dict], float]
    differs: str  # from the published setting
    form: str = ".2f"
    theirs: Callable[[Published], float] = lambda known: known.value

    def measured(self) -> tuple[float | None, Published | None]:
        """The mean over seeds, of each the last row; and the first of what is published beside it."""
        benchmark = self.command.split(".py")[0]
        rows = {r["seed"]: r for r in load(benchmark) or [] if all(r[k] == v for k, v in self.where.items())}
        if not rows:
            return None, None
        known = beside(benchmark, list(rows.values())[-1])
        return statistics.mean(map(self.ours, rows.values())), known[0] if known else None


SYSTEMS = (
    System(
        "sigmoid belief nets",
        "belief.py --row vimco-200",
        {"row": "vimco-200", "training_k": 5},
        "−L_k, 200 units, VIMCO",
        lambda r: r["nll_by_bound"],
        "a short training; a fitted proposal beside q; smaller k",
    ),
    System(
        "VAE",
        "burda.py --precision float32",
        {"layers": 1, "estimator": "vae", "training_k": 1, "recipe": "short", "precision": "float32"},
        "−L_5000, 1 layer, k = 1",
        lambda r: r["nll_nats"],
        "450 epochs, not 3280; 2\u202f000 test images",
    ),
    System(
        "CVAE, semi-supervised VAE",
        "semi.py --model m2 --labels 100",
        {"model": "m2", "labels": 100},
        "% wrong, M2, 100 labels",
        lambda r: r["error_percent"],
        "12 epochs; other weights of the losses",
    ),
    System(
        "DLGM",
        "dlgm.py --row rank-one",
        {"row": "rank-one"},
        "−L_5000, rank-one covariance",
        lambda r: r["nll_nats"],
        "one layer of 200; SOAP; the published net is not confirmed",
    ),
    System(
        "IWAE",
        "burda.py --estimator iwae --k 5 --layers 2 --recipe soap --epochs 120",
        {"layers": 2, "estimator": "iwae", "training_k": 5, "recipe": "soap"},
        "−L_5000, 2 layers, k = 5",
        lambda r: r["nll_nats"],
        "SOAP; 120 epochs, not 3280; 2\u202f000 test images",
    ),
    System(
        "DRAW",
        "draw.py --row whole-10",
        {"row": "whole-10"},
        "−ELBO, 10 strokes, no attention",
        lambda r: r["nll_by_elbo"],
        "64 strokes and attention there; binarized anew in every epoch here",
    ),
    System(
        "GAN",
        "lapgan.py",
        {"row": "mnist-5k"},
        "Parzen window, nats",
        lambda r: r["GAN"]["parzen"]["value"],
        "4\u202f000 digits to train on; 4\u202f000 samples, not 10\u202f000; other nets",
        form=".1f",
    ),
    System(
        "DCGAN",
        "stacked.py --row dcgan",
        {"row": "dcgan"},
        "modes of 1\u202f000, stacked MNIST",
        lambda r: r["modes"],
        "other nets; larger ones find more modes",
        form=".0f",
    ),
    System(
        "LAPGAN",
        "lapgan.py --row cifar10",
        {"row": "cifar10"},
        "Parzen window, nats above a GAN, CIFAR-10",
        gained,
        "a short training; the paper's gain is not confirmed",
        form="+.0f",
    ),
    System(
        "Wasserstein GAN",
        "stacked.py --row wgan-gp",
        {"row": "wgan-gp"},
        "modes of 1\u202f000, stacked MNIST",
        lambda r: r["modes"],
        "other nets; larger ones find more modes",
        form=".0f",
    ),
    System(
        "CycleGAN",
        "cyclegan.py --row mnist-usps",
        {"row": "mnist-usps", "identity": 0.5},
        "% right, MNIST → USPS",
        lambda r: 100 * r["adapted"]["a_to_b"],
        "an identity term here, a loss on labels there",
        form=".1f",
        theirs=lambda known: 100 * known.value["a_to_b"],
    ),
    System(
        "PixelRNN",
        "pixelrnn.py --row diagonal-bilstm-1",
        {"row": "diagonal-bilstm-1"},
        "NLL, Diagonal BiLSTM, 1 layer",
        lambda r: r["nll_nats"],
        "10 epochs, Adam",
    ),
    System(
        "Glow",
        "glow.py --row mnist",
        {"row": "mnist"},
        "bits per dimension, 8-bit MNIST",
        lambda r: r["bits_per_dim"],
        "2 levels of 12 steps; the source does not say how it measured",
        form=".3f",
    ),
)
