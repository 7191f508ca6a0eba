"""The README's tables of measurements, written from benchmarks/results/*.json.

python benchmarks/table.py
"""

import statistics
from pathlib import Path

from record import load

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- measured: written by benchmarks/table.py -->", "<!-- end of measured -->"


def number(value):
    """Thousands apart by a thin blank."""
    return f"{value:,}".replace(",", "\u202f")


def where(result):
    """The machine and the commit."""
    threads = result["threads"]
    return f"{result['machine']}, {threads} thread{'s' * (threads > 1)}, {result['commit']}"


def nats(measured):
    return f"{measured['nll_nats']:.2f} ± {measured['standard_error']:.2f}"


def loop(result):
    yield f"**What the loop costs** (`{result['command']}`; {where(result)}, {result['date']})"
    yield ""
    yield "| VAE 784-500-500-50, batch 128, float32 | items per second | `fit` takes |"
    yield "|---|---|---|"
    for name, row in result["rows"].items():
        takes = "" if name == "fit" else f"{row['fit_over_this']:.3f} of its time"
        yield f"| {name} | {number(row['items_per_second'])} | {takes} |"


def throughput(results):
    for name, result in results.items():
        command = f"python benchmarks/throughput.py --row {name}"
        peer = result["peer"]
        yield f"**Throughput** (`{command}`; {where(result)}, {result['date']})"
        yield ""
        yield f"| {result['row']} | items per second | {f'times {peer}' if peer else 'times the bare loop'} | share of the matrix-product limit |"
        yield "|---|---|---|---|"
        for variant, row in result["rows"].items():
            times = row["over_peer" if peer else "over_bare"]
            share = f"{row['share_of_matrix_limit']:.0%}" if "share_of_matrix_limit" in row else ""
            yield f"| {variant} | {number(row['items_per_second'])} | {times:.2f} | {share} |"
        if "sampling" in result:
            row = result["sampling"]
            yield f"| sampling | {number(row['items_per_second'])} | {row['over_peer']:.2f} | |"
        yield ""


def burda(results):
    yield "**Likelihood on MNIST** (`python benchmarks/burda.py`), stochastic binarization, minus L_5000 in nats, lower is better; ± is the"
    yield "standard error over test images. Published: Burda et al. 2016, table 1, after 3280 epochs."
    yield ""
    yield "| model | recipe | epochs | training | precision | test images | −L_5000 | active units | published | machine, commit |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for r in results:
        known = r["published"]
        beside = f"{known['nll_nats']:.2f}, {known['active_units']}" if known else ""
        yield (
            f"| {r['estimator'].upper()}-{r['layers']}, k = {r['training_k']} | {r['recipe']} | {r['epochs']} | "
            f"{r['training_minutes']} min | {r['precision']} | {number(r['test_images'])} | "
            f"{nats(r)} | {r['active_units']} | {beside} | {where(r)} |"
        )


# Kingma et al. 2014, table 1: error in percent with 100, 600, 1000 and 3000 labels
LABELS = (100, 600, 1000, 3000)
FEW_LABELS = {"m1": (11.82, 5.72, 4.24, 3.49), "m2": (11.97, 4.94, 3.60, 3.92), "m1+m2": (3.33, 2.59, 2.40, 2.18)}


def semi(results):
    yield "**Few labels** (`python benchmarks/semi.py`), error on the 10\u202f000 test images of MNIST in percent, lower is better: mean ±"
    yield "standard deviation over draws of the labels. Published: Kingma et al. 2014, table 1, recalled and not checked against the"
    yield "paper; there M1 is followed by a transductive SVM, here by an SVM that sees the labelled codes only."
    yield ""
    yield f"| model | {' | '.join(f'{n} labels' for n in LABELS)} | epochs | minutes a run | machine, commit |"
    yield "|---|---|---|---|---|---|---|---|"
    rows = {}
    for r in results:
        key = (r["model"], r["m1_epochs"], r["epochs"])
        rows.setdefault(key, []).append(r)
    for (model, first, epochs), runs in rows.items():
        cells = []
        for n in LABELS:
            errors = [r["error_percent"] for r in runs if r["labels"] == n]
            spread = f" ± {statistics.stdev(errors):.2f}" if len(errors) > 1 else ""
            cells.append(f"{statistics.mean(errors):.2f}{spread} ({len(errors)})" if errors else "")
        minutes = statistics.median(r["training_minutes"] for r in runs)
        trained = " + ".join(f"{n:g}" for n in (first, epochs) if n)
        yield f"| {model.upper()} | {' | '.join(cells)} | {trained} | {minutes} | {where(runs[-1])} |"
        yield f"| published | {' | '.join(f'{e:.2f}' for e in FEW_LABELS[model])} | | | |"


# Sohn et al. 2015: minus log p(hidden | seen) with 1, 2, 3 quadrants seen, of the net and of the CVAE by Monte Carlo
QUADRANTS = {1: (100.03, 68.62), 2: (62.14, 45.57), 3: (26.01, 20.97)}


def quadrants(results):
    yield "**Quadrants completed** (`python benchmarks/quadrants.py`): minus log p(hidden | seen) in nats on test images of MNIST, both parts"
    yield "binarized by a fresh draw, lower is better; ± is the standard error over test images. Published: Sohn et al. 2015, recalled,"
    yield "their binarization not verified."
    yield ""
    yield "| quadrants seen | net | published | CVAE, Monte Carlo | published | CVAE, importance sampling | epochs, minutes | machine, commit |"
    yield "|---|---|---|---|---|---|---|---|"
    for r in results:
        net, cvae = QUADRANTS[r["seen"]]
        yield (
            f"| {r['seen']} | {nats(r['nn'])} | {net:.2f} | {nats(r['monte_carlo'])} | {cvae:.2f} | {nats(r['importance'])} "
            f"(k = {r['k']}) | {r['epochs']}, {r['training_minutes']} | {where(r)} |"
        )


def belief(results):
    yield "**Sigmoid belief nets** (`python benchmarks/belief.py --row ...`): test NLL in nats on static binarized MNIST (split of 50\u202f000,"
    yield "10\u202f000, 10\u202f000, not byte-checked against the original files), lower is better; published: [1] Mnih & Gregor 2014, [2] Mnih &"
    yield "Rezende 2016, [3] Maddison et al. 2017, [4] Bornschein & Bengio 2015 (recalled). Half of the k samples come from a proposal that is"
    yield "fitted to each image (`benchmarks/proposals.py`); beside it stands L_k by the recognition net alone, as in the papers."
    yield ""
    yield "| net, estimator, samples | −ELBO | −L_k | k, and what doubling it moved | −L_k by q alone | published | epochs, minutes | machine, commit |"
    yield "|---|---|---|---|---|---|---|---|"
    for r in results:
        beside = "; ".join(f"{p['nll_nats']} ({p['source']})" for p in r["published"])
        yield (
            f"| {r['row']}, {r['training_k']} | {r['nll_by_elbo']:.2f} | {r['nll_by_bound']:.2f} ± {r['standard_error']:.2f} | "
            f"{number(r['k'])}, {r['moved_by_doubling_k']} | {r['by_recognition_alone']:.2f} | {beside} | {r['epochs']}, {r['training_minutes']} | {where(r)} |"
        )


def frechet(result):
    yield f"**Fréchet distance beside torch-fidelity** (`python benchmarks/frechet.py`; {where(result)}, {result['date']}), on the same features"
    yield ""
    yield "| features | samples | largest relative difference | time, torch-fidelity's being 1 |"
    yield "|---|---|---|---|"
    for row in result["rows"]:
        worst = max(row[case]["relative_difference"] for case in ("near", "far"))
        samples = " and ".join(number(n) for n in row["samples"])
        yield f"| {row['features']} | {samples} | {worst:.1e} | {row['time_over_torch_fidelity']:.2f} |"


def modes(result):
    yield f"**Modes covered** (`python benchmarks/modes.py`; {where(result)}, {result['date']}): of the ring of eight Gaussians of Metz et al. 2017,"
    yield "those near which at least 1 % of 2500 samples lie; seed by seed."
    yield ""
    yield "| game | rates | modes covered | share of samples near a mode, mean | generator's steps |"
    yield "|---|---|---|---|---|"
    for kind in sorted({(row["rates"], row["game"]) for row in result["rows"]}):
        rows = sorted(
            (row for row in result["rows"] if (row["rates"], row["game"]) == kind), key=lambda row: row["seed"]
        )
        near = statistics.mean(row["near"] for row in rows)
        covered = ", ".join(str(row["covered"]) for row in rows)
        yield f"| {kind[1]} | {kind[0]} | {covered} | {near:.2f} | {number(rows[0]['steps'])} |"


def samples(results):
    yield "**Samples of equal training time** (`python benchmarks/samples.py`): Fréchet distance and kernel distance of 4\u202f000 samples to the"
    yield '4\u202f000 training images of mnist-5k, by the 128 features of our network "digits-and-clothes-1"; lower is better.'
    yield ""
    yield "| seed | training | untrained generator | DCGAN | VAE | 500 held-out digits | machine, commit |"
    yield "|---|---|---|---|---|---|---|"

    def both(scores):
        return f"{scores['frechet']['value']:.2f}, {scores['kernel']['value']:.3f}"

    for r in results:
        cells = (both(r[name]) for name in ("untrained", "dcgan", "vae", "held out"))
        yield f"| {r['seed']} | {r['dcgan']['seconds']:.0f} s each | {' | '.join(cells)} | {where(r)} |"


def pixelrnn(results):
    yield "**PixelRNN** (`python benchmarks/pixelrnn.py --row ...`): exact test NLL in nats on static binarized MNIST (50\u202f000, 10\u202f000,"
    yield "10\u202f000, not byte-checked against the original files), lower is better. Published: [1] van den Oord et al. 2016; [2] a public"
    yield "reimplementation, on images binarized anew in every epoch."
    yield ""
    yield "| row | blocks, h | NLL | published | epochs, minutes | test images | precision | machine, commit |"
    yield "|---|---|---|---|---|---|---|---|"
    for r in results:
        yield (
            f"| {r['row']} | {r['layers']}, {r['hidden']} | {nats(r)} | {r['published']:.2f} ({r['source']}) | "
            f"{r['epochs']:g}, {r['training_minutes']} | {number(r['images'])} | {r['precision']} | {where(r)} |"
        )


def pixel_speed(result):
    yield f"**The price of a pixel** (`python benchmarks/pixel_speed.py`; {where(result)}, {result['date']}): 64 binary images drawn with"
    yield "remembered maps, beside the naive way, which computes the whole image's for every pixel; PixelCNN and gated PixelCNN, Row LSTM"
    yield "and Diagonal BiLSTM of 7 blocks, h = 16."
    yield ""
    yield "| kind | side | naive / cached |"
    yield "|---|---|---|"
    for row in result["sampling"]:
        yield f"| {row['kind']} | {row['size']} | {row['naive_over_cached']} |"
    yield ""
    for row in result["training"]:
        yield (
            f"A training step of the Diagonal BiLSTM (one block, h = 16, 28 x 28, batch {row['batch']}) is {row['loop_over_diagonals']} times as "
            f"fast as with a loop over single pixels (the block alone: {row['the_same_of_the_block_alone']} times), and reaches {row['share_of_matrix_limit']:.0%} of the matrix-product limit."
        )


def glow(results):
    yield "**Glow** (`python benchmarks/glow.py --row ...`): bits per dimension of 8-bit images, uniform dequantization, lower is better."
    yield "Published: [1] Kingma & Dhariwal 2018; [2] Grathwohl et al. 2019, who do not say how they measured: perhaps not the same."
    yield ""
    yield "| row | levels, steps, hidden | bits per dimension | published | epochs, minutes | test images | precision | machine, commit |"
    yield "|---|---|---|---|---|---|---|---|"
    for r in results:
        yield (
            f"| {r['row']} | {r['levels']}, {r['steps']}, {r['hidden']} | {r['bits_per_dim']:.3f} ± {r['standard_error']:.3f} | "
            f"{r['published']:.2f} ({r['source']}) | {r['epochs']:g}, {r['training_minutes']} | {number(r['images'])} | "
            f"{r['precision']} | {where(r)} |"
        )


def draw(results):
    yield "**DRAW** (`python benchmarks/draw.py --row ...`): nats on MNIST, binarized anew in every epoch and once for the test, lower is"
    yield "better. −ELBO on all 10\u202f000 test images, −L_k on 1\u202f000 of them. Published: [1] Gregor et al. 2015; [2] a public implementation."
    yield ""
    yield "| row | strokes, units, latents | −ELBO | −L_k, k | published −ELBO | epochs, minutes | precision | machine, commit |"
    yield "|---|---|---|---|---|---|---|---|"
    for r in results:
        beside = "; ".join(f"{p['nll_nats']:.2f} ({p['source']})" for p in r["published"])
        yield (
            f"| {r['row']} | {r['steps']}, {r['hidden']}, {r['latent']} | {r['nll_by_elbo']:.2f} ± {r['standard_error']:.2f} | "
            f"{r['nll_by_bound']:.2f} ± {r['standard_error_of_bound']:.2f}, {r['k']} | {beside} | "
            f"{r['epochs']:g}, {r['training_minutes']} | {r['precision']} | {where(r)} |"
        )


def kill(result):
    yield (
        f"**Killed and resumed** (`python benchmarks/kill.py`): a run of {result['undisturbed_seconds']:.0f} s, killed "
        f"{result['kills']} times at random moments ({result['left_a_partial_checkpoint']} of them left a half-written "
        f"checkpoint), ended in weights {'identical to the bit' if result['bit_identical_weights'] else 'that differ'}."
    )


def cyclegan(results):
    yield "**CycleGAN** (`python benchmarks/cyclegan.py --row ...`): what a classifier makes of translated test digits, in percent; cycle errors"
    yield "are mean absolute differences in −1 … 1. Source only: trained on one domain, tested on the other. Label agreement: a classifier of the"
    yield "target, on translations. Adapted: trained on translations with their labels, tested on the target. Published: CyCADA, pixel level."
    yield ""
    yield "| row | source only | label agreement | adapted | published: source only, adapted | cycle error | halvings, identity | epochs, minutes | machine, commit |"
    yield "|---|---|---|---|---|---|---|---|---|"
    percent = lambda share: f"{100 * share:.1f}"
    for r in results:
        for direction, names in {"a_to_b": ("a", "b"), "b_to_a": ("b", "a")}.items():
            known = r["published"]
            beside = ", ".join(percent(known[what][direction]) for what in ("source_only", "adapted")) if known else ""
            cells = [percent(r[what][direction]) for what in ("source_only", "label_agreement", "adapted")]
            yield (
                f"| {' → '.join(r[name] for name in names)} | {' | '.join(cells)} | {beside} | {r['cycle_error'][direction]:.3f} | "
                f"{r['downs']}, {r['identity']} | "
                f"{r['epochs']:g}, {r['training_minutes']} | {where(r)} |"
            )


def lapgan(results):
    yield "**LAPGAN** (`python benchmarks/lapgan.py`) beside a GAN and a DCGAN trained for the same processor time on 4\u202f000 digits: Fréchet"
    yield "distance of 4\u202f000 samples to them by our network (lower is better), and the Parzen log-likelihood of 500 held-out digits in nats."
    yield ""
    yield "| seed | LAPGAN | GAN | DCGAN | processor time each | width, hidden | machine, commit |"
    yield "|---|---|---|---|---|---|---|"
    for r in results:
        if r["row"] == "mnist-5k":
            cells = [
                f"{r[n]['frechet']['value']:.2f}, {r[n]['parzen']['value']:.1f}" for n in ("LAPGAN", "GAN", "DCGAN")
            ]
            times = "/".join(f"{r[n]['seconds']:.0f}" for n in ("LAPGAN", "GAN", "DCGAN"))
            yield f"| {r['seed']} | {' | '.join(cells)} | {times} s | {r['width']}, {r['hidden']} | {where(r)} |"
    if not (beside := [r for r in results if r["row"] == "cifar10"]):
        return
    yield ""
    yield "On CIFAR-10 (`python benchmarks/lapgan.py --row cifar10`): Parzen log-likelihood of the 10\u202f000 test images in nats, pixels from"
    yield "0 to 1, under 10\u202f000 samples. The unit of the published ones (Denton et al. 2015, table 1, recalled) is not known, so that only the"
    yield "difference compares, and theirs is small beside the spread over images that they give with it, some 350 nats."
    yield ""
    yield "| seed | LAPGAN | GAN | difference | published difference | processor time each | width, hidden | machine, commit |"
    yield "|---|---|---|---|---|---|---|---|"
    for r in beside:
        ours, theirs = gained(r), r["published"]["LAPGAN"] - r["published"]["GAN"]
        cells = [f"{r[n]['parzen']['value']:.1f} ± {r[n]['parzen']['spread']:.1f}" for n in ("LAPGAN", "GAN")]
        times = "/".join(f"{r[n]['seconds']:.0f}" for n in ("LAPGAN", "GAN"))
        yield (
            f"| {r['seed']} | {' | '.join(cells)} | {ours:+.1f} | {theirs:+} | {times} s | {r['width']}, {r['hidden']} | {where(r)} |"
        )


def gained(r) -> float:
    """Nats by which LAPGAN's Parzen log-likelihood is above the GAN's."""
    return r["LAPGAN"]["parzen"]["value"] - r["GAN"]["parzen"]["value"]


def dlgm(results):
    yield "**DLGM** (`python benchmarks/dlgm.py --row ...`): test NLL in nats on static binarized MNIST (split of 50\u202f000, 10\u202f000, 10\u202f000, not"
    yield "byte-checked against the original files), lower is better; the rows are the covariances of q. Published: Rezende et al. 2014, recalled."
    yield ""
    yield "| row | noises, units | −ELBO, all test images | −L_k, k | test images | published | epochs, minutes | precision | machine, commit |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for r in results:
        yield (
            f"| {r['row']} | {'+'.join(map(str, r['latents']))}, {r['hidden']} | {r['nll_by_elbo']:.2f} | {nats(r)}, {number(r['k'])} | "
            f"{number(r['images'])} | {r['published']:.2f} | {r['epochs']:g}, {r['training_minutes']} | {r['precision']} | {where(r)} |"
        )


def stacked(results):
    yield "**Stacked MNIST** (`python benchmarks/stacked.py --row ...`): how many of 1\u202f000 three-digit numbers occur among 26\u202f000 samples, and the"
    yield "KL divergence of their shares from equal ones in nats. Published: [1] Srivastava et al. 2017; [3] Kumar et al. 2019; other nets."
    yield ""
    yield "| row | modes, KL | test digits, stacked | published | width | epochs, generator's steps | minutes | precision | machine, commit |"
    yield "|---|---|---|---|---|---|---|---|---|"
    both = lambda found: f"{number(found['modes'])}, {found['kl']:.2f}"
    for r in results:
        yield (
            f"| {r['row']} | {both(r)} | {both(r['real'])} | {both(r['published'])} ({r['published']['source']}) | {r['width']} | "
            f"{r['epochs']:g}, {number(r['generator_steps'])} | {r['training_minutes']} | {r['precision']} | {where(r)} |"
        )


# system, chapter, lab, tests
SYSTEMS = (
    ("sigmoid belief nets", 11, 11, "belief"),
    ("VAE", 21, 21, "vae"),
    ("CVAE, semi-supervised VAE", 22, 22, "cvae"),
    ("DLGM", 23, 23, "dlgm"),
    ("IWAE", 24, 24, "iwae"),
    ("DRAW", 25, 25, "draw"),
    ("GAN", 31, 31, "adversarial"),
    ("DCGAN", 33, 33, "adversarial"),
    ("LAPGAN", 34, 34, "lapgan"),
    ("Wasserstein GAN", 35, 35, "adversarial"),
    ("CycleGAN", 37, 37, "cyclegan"),
    ("PixelRNN", 41, 41, "pixelrnn"),
    ("Glow", 42, 42, "flows"),
)


def beside_papers():
    """{system: (what, ours, published)}, each from its results file, where there is one."""
    best = lambda rows, value: min(rows, key=value, default=None)
    found = {}
    if (
        r := best([r for r in load("belief") or [] if r["row"] == "vimco-200"], lambda r: r["nll_by_bound"])
    ) is not None:
        found["sigmoid belief nets"] = "−L_k, 200 units by VIMCO", r["nll_by_bound"], r["published"][0]["nll_nats"]
    cells = load("burda") or []
    for system, estimator, layers, k in (("VAE", "vae", 1, 1), ("IWAE", "iwae", 2, 5)):
        rows = [r for r in cells if (r["estimator"], r["layers"], r["training_k"]) == (estimator, layers, k)]
        if (r := best(rows, lambda r: r["nll_nats"])) is not None:
            found[system] = (
                f"−L_5000, {layers} layer{'s' * (layers > 1)}, k = {k}",
                r["nll_nats"],
                r["published"]["nll_nats"],
            )
    errors = [r["error_percent"] for r in load("semi") or [] if (r["model"], r["labels"]) == ("m2", 1000)]
    if errors:
        found["CVAE, semi-supervised VAE"] = (
            "% wrong, M2, 1 000 labels",
            round(statistics.mean(errors), 2),
            FEW_LABELS["m2"][2],
        )
    if (r := best(load("dlgm") or [], lambda r: r["nll_nats"])) is not None:
        found["DLGM"] = f"−L_{r['k']}, {r['row']} covariance", r["nll_nats"], r["published"]
    for system, row in (("DCGAN", "dcgan"), ("Wasserstein GAN", "wgan-gp")):
        rows = [r for r in load("stacked") or [] if r["row"] == row]
        if (r := best(rows, lambda r: -r["modes"])) is not None:
            found[system] = "modes of 1\u202f000, stacked MNIST, other nets", r["modes"], r["published"]["modes"]
    if (r := best(load("draw") or [], lambda r: r["nll_by_elbo"])) is not None:
        found["DRAW"] = f"−ELBO, {r['steps']} strokes (published 64)", r["nll_by_elbo"], 80.97
    games = load("lapgan") or []
    if rows := [r for r in games if r["row"] == "cifar10"]:
        published = rows[0]["published"]["LAPGAN"] - rows[0]["published"]["GAN"]
        above = statistics.mean(gained(r) for r in rows)
        found["LAPGAN"] = "Parzen window, nats above a GAN, CIFAR-10", f"{above:+.0f}", f"{published:+}"
    parzen = [r["GAN"]["parzen"]["value"] for r in games if r["row"] == "mnist-5k"]
    if parzen:
        found["GAN"] = "Parzen window, nats, after 4\u202f000 training digits", round(statistics.mean(parzen), 1), 225
    if (
        r := best([r for r in load("cyclegan") or [] if r["published"]], lambda r: -r["adapted"]["a_to_b"])
    ) is not None:
        ours, theirs = (100 * what["adapted"]["a_to_b"] for what in (r, r["published"]))
        found["CycleGAN"] = f"% right, {r['a']} → {r['b']}", round(ours, 1), round(theirs, 1)
    if (r := best(load("pixelrnn") or [], lambda r: r["nll_nats"])) is not None:
        found["PixelRNN"] = f"NLL, {r['row']}", r["nll_nats"], r["published"]
    if (r := best([r for r in load("glow") or [] if r["row"] == "mnist"], lambda r: r["bits_per_dim"])) is not None:
        found["Glow"] = "bits per dimension, 8-bit MNIST", round(r["bits_per_dim"], 3), r["published"]
    return found


def systems():
    yield "**The thirteen systems of the founding list**, each with the number that stands nearest to its paper's; what differs, the tables below say."
    yield ""
    yield "| system | chapter | lab | tests | measured | ours | published |"
    yield "|---|---|---|---|---|---|---|"
    found = beside_papers()
    for system, chapter, lab, tests in SYSTEMS:
        what, ours, published = found.get(system, ("none that is comparable", "–", "–"))
        yield f"| {system} | {chapter} | {lab} | test_{tests}.py | {what} | {ours} | {published} |"


def tables():
    parts = ["\n".join(systems())]
    for make in (
        loop,
        throughput,
        belief,
        burda,
        semi,
        quadrants,
        pixelrnn,
        pixel_speed,
        glow,
        dlgm,
        draw,
        stacked,
        lapgan,
        cyclegan,
        modes,
        samples,
        frechet,
        kill,
    ):
        if (result := load(make.__name__)) is not None:
            parts.append("\n".join(make(result)).strip())
    return "\n\n".join(parts)


def written(readme):
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


if __name__ == "__main__":
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
