"""Writes docs/measured.md, and the README's table of systems, from tables.md, the published numbers and results/*.json.

    python benchmarks/table.py

A line `<pixelrnn> | {row} | ... |` of tables.md becomes one line for each row of results/pixelrnn.json.
"""

import re
import statistics
from collections import defaultdict
from pathlib import Path

from lecturekit.course.measured import LABELS, PUBLISHED, SYSTEMS, beside, gained, load, published

HERE = Path(__file__).parent
TABLES, README, MEASURED = HERE / "tables.md", HERE.parent / "README.md", HERE.parent / "docs" / "measured.md"
BEGIN, END = "<!-- written by benchmarks/table.py -->", "<!-- end of what it wrote -->"


def semi(results):
    """A row for each model, and its published ones below it."""
    runs = defaultdict(list)
    for r in results:
        runs[r["model"], r["m1_epochs"], r["epochs"]].append(r)
    for (model, first, epochs), found in runs.items():
        cells = []
        for n in LABELS:
            errors = [r["error_percent"] for r in found if r["labels"] == n]
            spread = f" ± {statistics.stdev(errors):.2f}" if len(errors) > 1 else ""
            cells.append(f"{statistics.mean(errors):.2f}{spread} ({len(errors)})" if errors else "")
        minutes = statistics.median(r["training_minutes"] for r in found)
        took = f"{' + '.join(f'{n:g}' for n in (first, epochs) if n)}, {minutes}"
        yield found[-1] | {"model": f"**{model.upper()}**", "errors": " | ".join(cells), "took": took}
        for known in zip(*(published("semi", model, n) for n in LABELS)):
            cells = [f"{k.value:.2f}{'' if k.sure else ' (recalled)'}" for k in known]
            who = ", ".join(filter(None, (known[0].source, known[0].how)))
            yield {"model": who, "errors": " | ".join(cells), "took": "", "by": ""}


def dlgm(results):
    for r in results:
        yield r | {"latents": "+".join(map(str, r["latents"]))}


def lapgan(results):
    def scores(found):
        distance = f", {found['frechet']['value']:.2f}" if "frechet" in found else ""
        return f"{found['parzen']['value']:.1f} ± {found['parzen']['spread']:.1f}{distance}"

    for r in results:
        games = [r.get(name) for name in ("LAPGAN", "GAN", "DCGAN")]
        times = "/".join(f"{game['seconds']:.0f}" for game in games if game)
        yield r | {"games": " | ".join(scores(g) if g else "" for g in games), "gained": gained(r), "times": times}


def modes(result):
    """A row for each game and its rates."""
    kinds = defaultdict(list)
    for row in sorted(result["rows"], key=lambda row: (row["rates"], row["game"], row["seed"])):
        kinds[row["rates"], row["game"]].append(row)
    for found in kinds.values():
        covered, near = ", ".join(str(r["covered"]) for r in found), statistics.mean(r["near"] for r in found)
        yield result | found[0] | {"covered": covered, "near": near}


def cyclegan(results):
    """A row for each direction, shares in percent."""
    for r in results:
        of = [(k, k.numbers) for k in beside("cyclegan", r)]
        for way, (source, target) in {"a_to_b": "ab", "b_to_a": "ba"}.items():
            percent = {name: 100 * r[name][way] for name in ("source_only", "label_agreement", "adapted")}
            ends = {"way": f"{r[source]} → {r[target]}", "cycle_error": r["cycle_error"][way]}
            known = "; ".join(f"{100 * n['adapted'][way]:.1f}, {100 * n['source_only'][way]:.1f} ({k})" for k, n in of)
            yield r | percent | ends | {"known": known}


def loop(result):
    for name, row in result["rows"].items():
        yield result | row | {"name": name}


def throughput(results):
    for r in results.values():
        for name, row in (r["rows"] | ({"sampling": r["sampling"]} if "sampling" in r else {})).items():
            ratios = {key: f"{row[key]:.2f}" if key in row else "" for key in ("over_bare", "over_peer")}
            share = f"{row['share_of_matrix_limit']:.0%}" if "share_of_matrix_limit" in row else ""
            yield r | row | ratios | {"name": name, "share": share}


def pixel_speed(result):
    for row in result["sampling"]:
        yield result | row | {"times": row["naive_over_cached"], "share": ""}
    for row in result["training"]:
        times = f"{row['loop_over_diagonals']} ({row['the_same_of_the_block_alone']})"
        share = f"{row['share_of_matrix_limit']:.0%}"
        yield result | {"kind": "a training step", "size": row["batch"], "times": times, "share": share}


def frechet(result):
    for row in result["rows"]:
        yield result | row | {"worst": max(row[case]["relative_difference"] for case in ("near", "far"))}


def kill(result):
    yield result


SPECIAL = {f.__name__: f for f in (semi, dlgm, lapgan, modes, cyclegan, loop, throughput, pixel_speed, frechet, kill)}
SPECIAL["threads"] = loop


def lines(benchmark: str, template: str):
    """A line for each row of results/benchmark.json."""
    if (result := load(benchmark)) is None:
        yield "| not yet measured |"
        return
    for row in SPECIAL.get(benchmark, iter)(result):
        cells = {}
        if "machine" in row:
            threads = f", {row['threads']} thread{'s' * (row['threads'] > 1)}" if "threads" in row else ""
            cells["by"] = f"{row['machine']}{threads}, {row['commit']}"
        if "training_minutes" in row:
            cells["took"] = f"{row['epochs']:g}, {row['training_minutes']}"
        if benchmark in PUBLISHED and cells:
            known = [(", ".join(map(str, k.numbers.values())), k) for k in beside(benchmark, row)]
            cells["known"] = "; ".join(f"{numbers} ({k})" for numbers, k in known)
        yield template.format_map(cells | row)


def thin(text: str) -> str:
    """Thousands apart by a thin blank."""
    return re.sub(r"(?<=\d),(?=\d{3}\b)", "\u202f", text)


def systems() -> str:
    """The README's table."""
    rows = ["| system | measured | ours | published | what differs | `python benchmarks/`... |", "|---" * 6 + "|"]
    for s in SYSTEMS:
        ours, known = s.measured()
        ours = "not yet measured" if ours is None else f"{ours:{s.form}}"
        theirs = f"{s.theirs(known):g} ({known})" if known else "not confirmed"
        rows.append(f"| {s.name} | {s.what} | {ours} | {theirs} | {s.differs} | `{s.command}` |")
    return thin("\n".join(rows))


def page() -> str:
    """docs/measured.md."""
    text = TABLES.read_text(encoding="utf-8").replace("<systems>", systems())
    return thin(re.sub(r"^<(\w+)> (.*)$", lambda m: "\n".join(lines(m[1], m[2])), text, flags=re.MULTILINE))


def written(readme: str) -> str:
    """The README with its table."""
    before, _, rest = readme.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{systems()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    MEASURED.write_text(page(), encoding="utf-8")
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
