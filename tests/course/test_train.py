"""`lecturekit train`: numbers as JSON, checkpoints, and clear words for what cannot be done."""

import json
import math

import pytest

from lecturekit import evaluate
from lecturekit.course.cli import main

TINY = [
    "--data",
    "digits-8x8",
    "--batch-size",
    "100",
    "--k",
    "5",
    "--items",
    "50",
    "--options",
    '{"latent": 3, "hidden": [20]}',
]


def train(*arguments):
    return main(["train", "vae", *TINY, *arguments])


def test_the_final_numbers_are_json(capsys):
    assert train("--epochs", "2") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["epochs"] == pytest.approx(2, abs=0.1) and result["precision"] == "float32"
    assert set(result["last_epoch"]) == {"model/loss", "model/reconstruction", "model/kl", "valid/elbo"}
    assert result["test"]["k"] == 5 and result["test"]["items"] == 50 and -100 < result["test"]["bound_nats"] < 0


def test_stopped_and_resumed_gives_the_same_numbers(tmp_path, capsys):
    train("--epochs", "4")
    whole = json.loads(capsys.readouterr().out)
    train("--epochs", "2", "--checkpoint", str(tmp_path))
    capsys.readouterr()
    assert train("--epochs", "4", "--checkpoint", str(tmp_path), "--resume") == 0
    resumed = json.loads(capsys.readouterr().out)
    assert {**resumed, "seconds": 0} == {**whole, "seconds": 0}


@pytest.mark.parametrize(
    ("model", "options"), [("linear-gaussian", {"latent": 1}), ("gaussian-mixture", {"components": 2})]
)
def test_toy_densities_too(model, options, capsys):
    assert main(["train", model, "--data", "toy2d", "--epochs", "1", "--options", json.dumps(options)]) == 0
    assert json.loads(capsys.readouterr().out)["test"]["bound_nats"] < 0


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("cvae", {"latent": 2, "hidden": [20]}),
        ("dlgm", {"latents": [3, 2], "hidden": 20}),
        ("hierarchical-vae", {"latents": [3, 2], "hidden": [[20], [10]]}),
        ("sigmoid-belief-net", {"layers": [4, 3], "k": 2}),
    ],
)
def test_every_model_of_pictures(model, options, capsys):
    assert main(["train", model, *TINY[:-1], json.dumps(options), "--epochs", "1"]) == 0
    assert -100 < json.loads(capsys.readouterr().out)["test"]["bound_nats"] < 0


@pytest.mark.parametrize(("model", "shape"), [("gan", "digits-8x8"), ("wgan", "digits-8x8")])
def test_games_see_signed_pictures(model, shape, capsys):
    options = json.dumps({"latent": 2, "hidden": 8})
    assert main(["train", model, "--data", shape, "--epochs", "0.2", "--options", options]) == 0
    result = json.loads(capsys.readouterr().out)
    assert "generator/loss" in result["last_epoch"] and "test" not in result


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data", "minst"], "did you mean 'mnist'"),
        (["--options", '{"laten": 3}'], "vae cannot be made with --options"),
        (["--options", '{"activation": "Tan"}'], "vae cannot be made with --options"),
        (["--options", '{"activation": 5}'], "vae cannot be made with --options"),
        (["--options", '{"event_shape": [2]}'], "vae cannot be made with --options"),
        (["--options", "latent=3"], "--options 'latent=3' are no JSON"),
        (["--options", "null"], "--options 'null' must be an object"),
        (["--options", "[1]"], "--options '[1]' must be an object"),
        (["--view", "unit"], 'view="binary"'),
        (["--epochs", "0"], "epochs must be positive and finite, not 0"),
        (["--epochs", "nan"], "epochs must be positive and finite, not nan"),
        (["--k", "0"], "k, the number of samples, must be a whole number of at least 1, not 0"),
        (["--items", "0"], "items must be a whole number of at least 1, not 0"),
        (["--items", "-1"], "items must be a whole number of at least 1, not -1"),
        (["--batch-size", "0"], "batch_size must be a whole number of at least 1"),
        (["--seed", "99999999999999999999"], "seed must be a whole number from 0 to 9223372036854775807"),
        (["--checkpoint", __file__], "choose another folder by --checkpoint"),
        (["--checkpoint", "a\0b"], "choose another folder by --checkpoint"),
        (["--data", "toy2d", "--options", "{}"], """are points: --options '{"likelihood": "gaussian"}'"""),
        (["--resume"], "needs checkpoint="),
    ],
)
def test_what_cannot_be_done_is_said_on_one_line(arguments, words, capsys):
    assert train("--epochs", "1", *arguments) == 2
    captured = capsys.readouterr()
    assert words in captured.err and "Traceback" not in captured.err and captured.out == ""


def test_an_exact_likelihood_is_no_bound(capsys):
    options = {"kind": "pixelcnn", "layers": 1, "hidden": 2}
    arguments = ["--data", "digits-8x8", "--epochs", "1", "--items", "50", "--options", json.dumps(options)]
    assert main(["train", "pixelrnn", *arguments]) == 0
    result = json.loads(capsys.readouterr().out)
    assert set(result["last_epoch"]) == {"model/loss", "valid/log_likelihood"}
    assert set(result["test"]) == {"log_likelihood_nats", "standard_error", "items"}
    assert -64 < result["test"]["log_likelihood_nats"] < -10


@pytest.mark.parametrize(
    ("model", "data", "options"),
    [
        ("glow", "digits-8x8", {"levels": 2, "steps": 1, "hidden": 4}),
        ("nice", "digits-8x8", {"hidden": [8]}),
        ("realnvp", "toy2d", {"couplings": 2, "hidden": 4}),
    ],
)
def test_flows_too(model, data, options, capsys):
    arguments = ["--data", data, "--epochs", "1", "--items", "50", "--options", json.dumps(options)]
    assert main(["train", model, *arguments]) == 0
    assert math.isfinite(json.loads(capsys.readouterr().out)["test"]["log_likelihood_nats"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["gaussian-mixture", "--data", "digits-8x8"],
            "models vectors, such as those of toy2d, not items of shape (1, 8",
        ),
        (["linear-gaussian", "--data", "toy2d"], "latent"),
        (["pixelrnn", "--data", "toy2d"], "images (C, H, W)"),
        (["gan", "--data", "toy2d", "--view", "binary"], "load it without a view"),
    ],
)
def test_a_model_of_other_data_is_refused(arguments, words, capsys):
    assert main(["train", *arguments, "--epochs", "1"]) == 2
    captured = capsys.readouterr()
    assert words in captured.err and "Traceback" not in captured.err and captured.out == ""


@pytest.mark.parametrize("variables", [{"LOCAL_RANK": "0"}, {"LOCAL_RANK": "x", "RANK": "0", "WORLD_SIZE": "1"}])
def test_what_torchrun_did_not_set_is_said(variables, monkeypatch, capsys):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert train("--epochs", "1") == 2
    assert "start by torchrun, or unset LOCAL_RANK" in capsys.readouterr().err


def test_a_rank_without_torchrun_hides_no_result(monkeypatch, capsys):
    monkeypatch.setenv("RANK", "3")
    assert train("--epochs", "0.1") == 0
    assert json.loads(capsys.readouterr().out)["test"]


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt, 130), (ValueError("no"), 2)])
def test_a_training_is_told_though_its_evaluation_fails(error, code, monkeypatch, capsys):
    def fails(*arguments, **options):
        raise error

    monkeypatch.setattr(evaluate, "importance_bound", fails)
    assert train("--epochs", "0.1") == code
    captured = capsys.readouterr()
    assert "model/loss" in json.loads(captured.out)["last_epoch"] and "Traceback" not in captured.err
