"""Stopped at any moment and resumed, a training ends in the same weights to the bit; and nothing saved is ever lost."""

import copy
import json
import os
import resource
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file, save_file
from test_models import BITS, MODELS
from torch import nn
from torch.optim import SGD, AdamW

from lecturekit import EarlyStopping, GenerativeModel, Player, fit, rounds
from lecturekit.model import evaluating
from lecturekit.training.checkpoint import CheckpointError
from lecturekit.variational import IWAE, VAE

DATA = torch.randn(97, 3)


class Stop(Exception):
    """What stands for the power cut."""


class Rich(GenerativeModel):
    """Everything that has a state: two players, extra turns, a pool in a buffer, tied weights, noise, a scalar in an optimizer."""

    event_shape = (3,)

    def __init__(self, stop_at=None):
        super().__init__()
        self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)
        self.tied = self.a
        self.b.weight.data = torch.randn(3, 3).T  # odd strides
        self.register_buffer("pool", torch.zeros(4, 3))
        self._turns, self._stop_at = 0, stop_at

    def start(self, draw):
        self.a.bias.copy_(draw(100).x.mean(0))

    def players(self):
        def a_loss(batch):
            self._turns += 1
            if self._turns == self._stop_at:
                raise Stop
            x = batch.x + torch.randn_like(batch.x)
            loss = (self.a(x) - self.b(self.pool).mean(0)).square().mean() * (1 + batch.progress)
            self.pool.copy_(torch.cat([self.pool[1:], x[:1]]))
            return {"loss": loss, "pool": self.pool.mean()}

        def b_loss(batch):
            return {"loss": (self.b(self.tied(batch.x)) - batch.x).square().mean()}

        return [
            Player(name="a", moves=self.a, loss=a_loss, schedule=lambda p: 1 - p),
            Player(name="b", moves=self.b, loss=b_loss, turns=2, clip=0.5, when=lambda: self.pool.mean() < 0.3,
                   optimizer=lambda ps: AdamW(ps, lr=0.01, amsgrad=True)),
        ]  # fmt: skip


def validate(model):
    return {"elbo": -sum(p.square().sum() for p in model.parameters())}


def run(model, data=DATA, **options):
    options = {"epochs": 9, "batch_size": 8, "progress": False, "save_every": 0, "seed": 3} | options
    return fit(model, data, **options)


def same(a, b):
    return all(torch.equal(p, q) for p, q in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


@pytest.mark.parametrize("stop_at", [1, 2, 11, 24, 41])
def test_resumed_is_undisturbed_to_the_bit(tmp_path, stop_at):
    """Stopped in the middle of a round, before the first checkpoint, and after the last."""
    options = {"validate": validate, "ema": 0.9, "early_stopping": EarlyStopping(patience=100)}
    torch.manual_seed(1)
    plain = Rich()
    torch.manual_seed(1)
    stopped = Rich(stop_at)
    expected = run(plain, **options)
    with pytest.raises(Stop):
        run(stopped, checkpoint=tmp_path / "c", resume=True, **options)
    torch.manual_seed(
        1 if stop_at < 11 else 99
    )  # nothing saved yet: the weights are the caller's; else they come from the file
    resumed = Rich()
    history = run(resumed, checkpoint=tmp_path / "c", resume=True, **options)
    assert same(resumed, plain)
    assert same(history.averaged, expected.averaged)
    assert dict(history) == dict(expected)
    assert [history.epochs(name) for name in history] == [expected.epochs(name) for name in expected]


@pytest.mark.parametrize("leave_at", [0, 1, 7, 18])
def test_rounds_are_fits_and_the_callers_world_is_its_own(tmp_path, leave_at):
    """One at a time, with the caller drawing numbers in between, and left early: then a resume goes on as after Ctrl-C."""
    options = {"validate": validate, "ema": 0.9, "epochs": 9, "batch_size": 8, "save_every": 0, "seed": 3}
    torch.manual_seed(1)
    plain = Rich()
    expected = run(plain, **options)
    torch.manual_seed(1)
    model = Rich()
    torch.manual_seed(7)
    wanted = torch.randn(5)
    torch.manual_seed(7)
    drawn, seen = [], []
    with torch.no_grad():
        for training in rounds(model, DATA, checkpoint=tmp_path / "c", **options):
            assert not torch.is_grad_enabled() and model.training
            seen.append(training.rounds)
            drawn.append(torch.randn(1))
            with evaluating(model):
                assert not model.training
            if training.rounds == leave_at and leave_at < 18:
                break
        del training  # leaves
    assert seen == list(range(len(seen))) and not model.training
    n = min(5, len(drawn))
    assert torch.equal(torch.cat(drawn)[:n], wanted[:n])
    history = run(model, checkpoint=tmp_path / "c", resume=True, **options)
    assert same(model, plain) and dict(history) == dict(expected)


OLD_NAMES = {
    "cyclegan": (("discriminators", "judges"), ("discriminator-", "judge-")),
    "draw": (('"LSTM"', '"Hand"'),),
    "lapgan": (('"ConditionalMLP"', '"Sketch"'), ('"ConditionalConvNet"', '"Detail"')),
    "vae": (),
}


@pytest.mark.parametrize("name", OLD_NAMES)
def test_a_checkpoint_of_format_1_goes_on(tmp_path, name):
    """As commit f7328ed wrote it: without the format's number, and with the names that things had then."""
    build, data = MODELS[name]
    plain = build()
    first, resumed = copy.deepcopy(plain), build()
    expected = run(plain, data, epochs=6)
    run(first, data, epochs=6, checkpoint=tmp_path, callbacks=[interrupt_at(3)])
    older(tmp_path, version=1, names=OLD_NAMES[name])
    history = run(resumed, data, epochs=6, checkpoint=tmp_path, resume=True)
    assert same(resumed, plain) and dict(history) == dict(expected)


def older(folder, version, names=()):
    """Checkpoints as they were written before format 3, and before 2."""
    lines = (folder / "history.jsonl").read_bytes()
    for path in folder.glob("round-*"):
        facts, tensors = json.loads((path / "facts.json").read_text()), load_file(path / "rank0.safetensors")
        assert facts.pop("format") == 3 and facts.pop("sha256")
        logged = {}
        for line in lines[: facts.pop("history")["bytes"]].splitlines():
            for name, columns in json.loads(line).items():
                logged[name] = [a + b for a, b in zip(logged.get(name, [[], []]), columns)]
        tensors |= {f"history/{name}": torch.tensor(both, dtype=torch.float64) for name, both in logged.items()}
        for key in ("sha256", "device", "lecturekit"):
            del facts["standing"][key]
        for key in ("moves", "schedules", "order", "buffers"):
            del facts["identity"][key]
        facts["identity"] |= {"lecturekit": "0.0.9"}
        text = json.dumps(facts | ({"format": 2} if version == 2 else {}))
        for new, old in names:
            assert new in text
            text = text.replace(new, old)
            tensors = {key.replace(new, old): value for key, value in tensors.items()}
        (path / "facts.json").write_text(text)
        save_file(tensors, path / "rank0.safetensors")
    (folder / "history.jsonl").unlink()


def test_rounds_say_what_is_missing():
    with pytest.raises(TypeError, match="epochs"):
        next(rounds(Rich(), DATA))
    with pytest.raises(TypeError, match="epoch"):
        next(rounds(Rich(), DATA, epochs=1, epoch=2))


@pytest.mark.parametrize("name", MODELS)
def test_every_model_resumes_exactly(tmp_path, name):
    build, data = MODELS[name]
    plain = build()
    first, resumed = copy.deepcopy(plain), build()
    expected = run(plain, data, epochs=6)
    run(first, data, epochs=6, checkpoint=tmp_path, callbacks=[interrupt_at(3)])
    history = run(resumed, data, epochs=6, checkpoint=tmp_path, resume=True)
    assert same(resumed, plain) and dict(history) == dict(expected)


def interrupt_at(epoch):
    calls = []

    def callback(model, history):
        calls.append(1)
        if len(calls) == epoch:
            os.kill(os.getpid(), signal.SIGINT)

    return callback


def test_ctrl_c_returns_the_history_and_leaves_a_checkpoint(tmp_path):
    model = Rich()
    handler = signal.getsignal(signal.SIGINT)
    history = run(model, checkpoint=tmp_path, callbacks=[interrupt_at(2)])
    assert history.interrupted and "interrupted after 2" in repr(history)
    assert signal.getsignal(signal.SIGINT) is handler and not model.training
    again = run(Rich(), checkpoint=tmp_path, resume=True)
    assert not again.interrupted and max(again.epochs("a/loss")) > 8


def test_a_second_ctrl_c_does_not_wait(tmp_path):
    def impatient(model, history):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(Rich(), callbacks=[impatient])


def test_a_finished_run_resumes_to_itself_and_can_go_on(tmp_path):
    model = Rich()
    run(model, epochs=4, checkpoint=tmp_path)
    again = Rich()
    history = run(again, epochs=4, checkpoint=tmp_path, resume=True)
    assert same(again, model) and max(history.epochs("a/loss")) < 5
    assert max(run(again, epochs=6, checkpoint=tmp_path, resume=True).epochs("a/loss")) > 5


def test_what_is_in_the_folder(tmp_path):
    run(Rich(), checkpoint=tmp_path)
    *saved, log, lock = sorted(tmp_path.iterdir(), key=lambda p: (not p.is_dir(), p.name))
    assert len(saved) == 2 and all(p.name.startswith("round-") for p in saved)  # the newest and the one before
    assert (log.name, lock.name) == ("history.jsonl", "lock")
    assert {f.name for p in saved for f in p.iterdir()} == {"facts.json", "rank0.safetensors"}
    assert json.loads((saved[-1] / "facts.json").read_text())["identity"]["seed"] == 3


def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path):
    plain, model = Rich(), None
    torch.manual_seed(0)
    plain = Rich()
    torch.manual_seed(0)
    model = Rich(stop_at=41)
    run(plain)
    with pytest.raises(Stop):
        run(model, checkpoint=tmp_path)
    _, newest = sorted(tmp_path.glob("round-*"))
    tensors = newest / "rank0.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-100])
    resumed = Rich()
    with pytest.warns(UserWarning, match=f"{newest.name}.* cannot be read"):
        run(resumed, checkpoint=tmp_path, resume=True)
    assert same(resumed, plain)
    for p in tmp_path.glob("round-*"):
        (p / "rank0.safetensors").write_bytes(b"")
    with pytest.warns(UserWarning), pytest.raises(CheckpointError, match="none of the checkpoints"):
        run(Rich(), checkpoint=tmp_path, resume=True)


def test_a_full_disk_loses_nothing_already_saved(tmp_path):
    """A real failure of the system's write: files may not grow beyond a thousand bytes from the second epoch on."""
    torch.manual_seed(0)
    plain = Rich()
    torch.manual_seed(0)
    model = Rich()
    run(plain)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(model, history):
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))

    try:
        with pytest.raises(CheckpointError, match=r"cannot save .*round-\d+ is intact.*[Mm]ake room"):
            run(model, checkpoint=tmp_path, callbacks=[lambda m, h: fill(m, h) if h.epochs("a/loss")[-1] > 2 else None])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not (tmp_path / "unfinished").exists() and not model.training
    resumed = Rich()
    run(resumed, checkpoint=tmp_path, resume=True)
    assert same(resumed, plain)


def test_a_checkpoint_is_not_overwritten_by_accident(tmp_path):
    run(Rich(), checkpoint=tmp_path, epochs=2)
    with pytest.raises(CheckpointError, match="holds a checkpoint already.*resume=True"):
        run(Rich(), checkpoint=tmp_path, epochs=2)
    with pytest.raises(ValueError, match="resume=True needs checkpoint="):
        run(Rich(), resume=True)


class Other(Rich):
    pass


class Optioned(Rich):
    def __init__(self, beta):
        super().__init__()
        self.beta = beta


class FastB(Rich):
    def players(self):
        a, b = super().players()
        object.__setattr__(b, "optimizer", lambda ps: SGD(ps, lr=0.5))
        return [a, b]


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        (lambda: Other(), {}, "model was 'Optioned' and is 'Other'"),
        (lambda: Optioned(2.0), {}, "options.beta was 1.0 and is 2.0"),
        (lambda: Optioned(1.0), {"data": DATA + 1}, "streams.x.sha256 was"),
        (lambda: Optioned(1.0), {"data": DATA[:30]}, "streams.x.items was 97 and is 30"),
        (lambda: Optioned(1.0), {"batch_size": 4}, "streams.x.batch_size was 8 and is 4"),
        (lambda: Optioned(1.0), {"seed": 4}, "seed was 3 and is 4"),
        (lambda: Optioned(1.0), {"precision": "bfloat16"}, "precision was 'float32' and is 'bfloat16'"),
        (lambda: Optioned(1.0), {"ema": 0.9}, "averaged was False and is True"),
        (lambda: FastB(), {}, "players.b.optimizer was 'AdamW' and is 'SGD'"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_by_name(tmp_path, model, options, words):
    run(Optioned(1.0), checkpoint=tmp_path, epochs=2)
    with pytest.raises(CheckpointError) as error:
        run(model(), checkpoint=tmp_path, epochs=2, resume=True, **options)
    assert words in str(error.value)


def test_the_options_of_a_model_within_a_model_count_too(tmp_path):
    def run(resume=True, **options):
        model = IWAE(VAE((1, 4, 3), latent=2, hidden=(4,), **options), k=2)
        return fit(model, BITS, epochs=1, checkpoint=tmp_path, resume=resume, progress=False)

    run(resume=False, activation=nn.Tanh)
    with pytest.raises(CheckpointError, match="closed_form_kl"):
        run(activation=nn.Tanh, closed_form_kl=False)
    with pytest.raises(CheckpointError, match="Tanh.*ReLU"):
        run(activation=nn.ReLU)
    run(activation=nn.Tanh)


def test_another_number_of_threads_is_said(tmp_path):
    run(Rich(), checkpoint=tmp_path, epochs=2)
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        with pytest.warns(UserWarning, match="last bits"):
            run(Rich(), checkpoint=tmp_path, epochs=3, resume=True)
    finally:
        torch.set_num_threads(threads)


KILLED = """
import sys, torch
sys.path.insert(0, {tests!r})
from test_checkpoint import Rich, run
torch.manual_seed(0)
data = torch.randn(4000, 3)
model = Rich()
run(model, data, epochs=4, checkpoint={folder!r}, resume=True)
"""


def test_kill_9_at_random_moments(tmp_path):
    """A process that saves all the time, killed three times without warning, ends in the weights of one left alone."""
    torch.manual_seed(0)
    data, plain = torch.randn(4000, 3), Rich()
    run(plain, data, epochs=4)
    script = KILLED.format(tests=os.path.dirname(__file__), folder=str(tmp_path))
    for wait in (0.3, 0.11, 0.47):
        process = subprocess.Popen([sys.executable, "-c", script])
        before, deadline = newest(tmp_path), time.monotonic() + 60
        while newest(tmp_path) == before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(wait)
        process.kill()
        process.wait()
    assert newest(tmp_path) is not None
    model = Rich()
    run(model, data, epochs=4, checkpoint=tmp_path, resume=True)
    assert same(model, plain)


def newest(folder):
    return max((p.name for p in folder.glob("round-*")), default=None)
