"""What a folder of checkpoints holds: what is altered, what is another run, who may write, what was logged, the weights alone."""

import copy
import hashlib
import inspect
import json
import math
import os
import resource
import shutil
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from test_checkpoint import DATA, Rich, interrupt_at, older, run, same
from torch import nn
from torch.optim import SGD, AdamW

from lecturekit import EarlyStopping, GenerativeModel, History, Player, fit, load, rounds
from lecturekit.training import checkpoint, state
from lecturekit.training.checkpoint import CheckpointError, Folder, compare
from lecturekit.training.ranks import Ranks
from lecturekit.training.state import Diverged
from lecturekit.training.stream import Stream


def once(model, data=DATA, **options):
    """A run that saves at its end only."""
    return run(model, data, **{"save_every": 1e9} | options)


# --- what makes a run another one, and what does not ------------------------------------------------------------------


class Plain(GenerativeModel):
    """Two nets without noise, by a momentum that must be saved: everything of a player is an argument."""

    event_shape = (3,)

    def __init__(self, lr=0.5, moves="ab", mask=(True, True, False), constant=2.0, rule=None, scale=1.0, **player):
        super().__init__()
        self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)
        for i, p in enumerate(self.parameters()):
            p.data = torch.linspace(-0.4, 0.3 + 0.1 * i, p.numel()).view_as(p)
        self.scale, self.table, self.rule = scale, (scale, rule), rule
        self.register_buffer("mask", torch.tensor(mask))
        self.register_buffer("constant", torch.tensor(constant), persistent=False)
        self.register_buffer("seen", torch.tensor(False))  # flags, counts and random orders are no masks
        self.register_buffer("count", torch.tensor(0))
        self.register_buffer("order", torch.randperm(5))
        self._player = {"moves": [getattr(self, m) for m in moves], "optimizer": lambda ps: SGD(ps, lr, 0.9)} | player

    def players(self):
        def loss(batch):
            self.seen.fill_(True)
            self.count.add_(1)
            return {"loss": (self.b(self.a(batch.x)) - batch.x)[:, self.mask].square().mean() / 9}

        return [Player(**{"name": "p", "loss": loss} | self._player)]


def weights(model):
    return {name: t.clone() for name, t in model.state_dict().items()}


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


DIFFERENT = [
    ("schedules.p", {"schedule": lambda p: 1 - 0.1 * p}, ()),
    ("moves.p", {"moves": "ba"}, ()),
    ("players.p.groups.0.lr", {"lr": 0.4}, ()),
    ("players.p.groups.0.momentum", {"optimizer": lambda ps: SGD(ps, 0.5, 0.8)}, ()),
    ("players.p.clip", {"clip": 1.0}, ()),
    ("players.p.turns", {"turns": 2}, ()),
    ("buffers.mask", {"mask": [True, False, True]}, ()),
    ("buffers.constant", {"constant": 3.0}, ()),
    ("options.scale", {"scale": np.float64(2)}, ("table",)),
    ("options.table", {"scale": 2}, ("scale",)),
]


@pytest.mark.parametrize(("name", "other", "also"), DIFFERENT)
def test_what_makes_another_run_is_named_before_anything_is_loaded(tmp_path, name, other, also):
    build = lambda **options: Plain(**{"schedule": lambda p: 1.0} | options)
    once(build(), checkpoint=tmp_path, epochs=1)
    model = build(**other)
    before = weights(model)
    with pytest.raises(CheckpointError, match=rf"another run.*{name} .*changes=\(") as error:
        once(model, checkpoint=tmp_path, epochs=2, resume=True)
    assert str(error.value).count(" was ") == 1 + len(also) and equal(weights(model), before)
    assert once(model, checkpoint=tmp_path, epochs=2, resume=True, changes=[name, *also]).trained >= 2


@pytest.mark.parametrize("one", [np.float32(1), np.int64(1), np.float64(1), torch.ones(1).numpy()[0], 1])
def test_numpys_options_are_pythons(tmp_path, one):
    once(Plain(scale=1.0), checkpoint=tmp_path, epochs=1)
    once(Plain(scale=one), checkpoint=tmp_path, epochs=2, resume=True)


@pytest.mark.parametrize(("rule", "again"), [
    (math.nan, float("nan")), ((math.nan, 1), (math.nan, 1)), (print, print), (np.bool_(True), True),
    *[tuple(lambda x: x for _ in range(2))],  # of one name, but two addresses, as in two processes
])  # fmt: skip
def test_nan_is_nan_and_functions_have_no_address(tmp_path, rule, again):
    once(Plain(rule=rule), checkpoint=tmp_path, epochs=1)
    once(Plain(rule=again), checkpoint=tmp_path, epochs=2, resume=True)
    with pytest.raises(CheckpointError, match="options.table"):
        once(Plain(rule="x"), checkpoint=tmp_path, epochs=3, resume=True)


def test_compare_sees_every_key_on_both_sides():
    saved, now = {"a": {"b": {"c": 1}}, "n": math.nan, "l": [{"x": 1}, {"x": 2}]}, None
    compare(saved, copy.deepcopy(saved))
    for change, words in [
        ({"a": {"b": {"c": 2}}}, "a.b.c was 1 and is 2"),
        ({"a": {"b": {"c": 1, "d": 0}}}, "a.b.d is only in the present run"),
        ({"a": {"b": {}}}, "a.b.c is only in the checkpoint"),
        ({"new": 0}, "new is only in the present run"),
        ({"n": 0.0}, "n was nan and is 0.0"),
        ({"l": [{"x": 1}, {"x": 3}]}, "l.1.x was 2 and is 3"),
        ({"l": [{"x": 1}]}, "l was"),
    ]:
        now = copy.deepcopy(saved) | change
        with pytest.raises(CheckpointError, match=words):
            compare(saved, now)
        with pytest.raises(CheckpointError, match=words):
            compare(saved, now, changes=("b.e", "x.1", "", "c.1"))
        compare(saved, now, changes=[words.split()[0]])
        if "present" in words:
            compare(saved, now, whole=False)


def test_a_lower_learning_rate_that_is_named_goes_on_with_its_momentum(tmp_path):
    def stage(lr, epochs, **options):
        model = Plain(optimizer=lambda ps: SGD(ps, lr, 0.9))
        return model, once(model, DATA[:96], epochs=epochs, checkpoint=tmp_path / "c", **options)

    expected = Plain(schedule=lambda p: 1.0 if p < 0.5 else 0.1)
    run(expected, DATA[:96], epochs=4)
    stage(0.5, 2)
    model, history = stage(0.05, 4, resume=True, changes=("lr",))
    assert torch.equal(model.a.weight, expected.a.weight) and len(history["p/loss"]) == 48
    assert stage(0.05, 4, resume=True)[1].trained == 4  # it is the checkpoint's own rate now
    with pytest.raises(CheckpointError, match="lr was 0.05 and is 0.5"):
        stage(0.5, 4, resume=True)


def test_other_changes_that_are_named_go_on(tmp_path):
    """Averaging begun late, another optimizer, other data, another size of batch."""
    once(Plain(), checkpoint=tmp_path, epochs=1)
    model = Plain()
    history = once(model, checkpoint=tmp_path, epochs=1, resume=True, ema=0.9, changes=("averaged",))
    assert equal(weights(model), {n: t for n, t in history.averaged.state_dict().items()})
    fast = Plain(optimizer=lambda ps: AdamW(ps, 0.01))
    how = {"batch_size": 4, "changes": ("players", "sha256", "batch_size")}
    assert once(fast, DATA + 1, checkpoint=tmp_path, epochs=2, resume=True, **how).trained >= 2


def test_a_model_goes_on_from_its_own_checkpoint_though_flags_have_changed(tmp_path):
    model = Plain()
    for epochs in (1, 2, 3):
        assert once(model, checkpoint=tmp_path, epochs=epochs, resume=True).trained >= epochs
    assert model.seen and once(Plain(), checkpoint=tmp_path, epochs=4, resume=True).trained >= 4


def test_streams_in_another_order_are_another_run(tmp_path):
    both = {"x": DATA, "y": DATA + 1}
    once(Plain(), both, checkpoint=tmp_path, epochs=1)
    with pytest.raises(CheckpointError, match=r"order was \['x', 'y'\] and is \['y', 'x'\]"):
        once(Plain(), dict(reversed(both.items())), checkpoint=tmp_path, epochs=2, resume=True)


@pytest.mark.parametrize(("name", "value"), [("torch", "9.9"), ("lecturekit", "9.9"), ("device", "cuda")])
def test_another_version_or_device_is_said_and_goes_on(tmp_path, name, value):
    plain, first, again = Plain(), Plain(), Plain()
    once(plain, epochs=2)
    once(first, checkpoint=tmp_path, epochs=1)
    edit(tmp_path, ("standing", name), value)
    with pytest.warns(UserWarning, match=f"{name}: {value} when saved, .* the result may differ"):
        once(again, checkpoint=tmp_path, epochs=2, resume=True)
    assert torch.equal(plain.a.weight, again.a.weight)


def edit(folder, at, value, of="*"):
    for path in folder.glob(f"round-{of}"):
        facts = inner = json.loads((path / "facts.json").read_text())
        for name in at[:-1]:
            inner = inner[name]
        inner[at[-1]] = value
        (path / "facts.json").write_text(json.dumps(facts))


# --- altered files ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A folder with two checkpoints of a Rich model, the undisturbed one, its history, and the weights and history saved."""
    folder = tmp_path_factory.mktemp("two")
    torch.manual_seed(0)
    first = Rich()
    plain = copy.deepcopy(first)
    expected = run(plain, epochs=4)
    kept = run(first, epochs=4, checkpoint=folder / "c", callbacks=[interrupt_at(2)])
    return folder / "c", plain, expected, weights(first), kept


def flip(file, at):
    raw = bytearray(file.read_bytes())
    raw[at] ^= 1
    file.write_bytes(raw)


HARMS = {
    "a bit of a tensor": lambda new, old: flip(new / "rank0.safetensors", -30),
    "a bit of the random numbers": lambda new, old: flip(new / "rank0.safetensors", -2000),
    "the tensors of the one before": lambda new, old: shutil.copy(old / "rank0.safetensors", new),
    "no facts": lambda new, old: (new / "facts.json").unlink(),
    "empty facts": lambda new, old: (new / "facts.json").write_text(""),
    "facts that are a list": lambda new, old: (new / "facts.json").write_text("[]"),
    "deep facts": lambda new, old: (new / "facts.json").write_text("[" * 100000),
    "facts in another code": lambda new, old: (new / "facts.json").write_bytes(b"\xff\xfe{}"),
    "no tensors": lambda new, old: (new / "rank0.safetensors").unlink(),
    "empty tensors": lambda new, old: (new / "rank0.safetensors").write_bytes(b""),
    "a copy that is no round": lambda new, old: (shutil.copytree(old, old.with_name("round-old")), flip(new / "facts.json", 0)),
    "the end of the history": lambda new, old: flip(new.parent / "history.jsonl", -6),
} | {
    f"{'.'.join(at)} = {value!r}": lambda new, old, at=at, value=value: edit(new.parent, at, value, of=new.name[6:])
    for at, value in [
        (("standing", "rounds"), "3"), (("standing", "rounds"), -1), (("standing", "rounds"), 7),
        (("standing", "positions", "x"), -8), (("standing", "positions", "x"), 10**9), (("standing", "positions"), None),
        (("standing", "positions", "y"), 8), (("standing", "seconds"), -1), (("standing", "stopped"), 1.5),
        (("standing", "best"), [3, 1]), (("standing", "scalars"), {}), (("standing",), 5), (("sha256",), None),
        (("identity",), []), (("format",), "3"), (("history", "bytes"), 10), (("sha256", "rank0.safetensors"), ""),
    ]
}  # fmt: skip


@pytest.mark.parametrize("harm", HARMS)
def test_an_altered_checkpoint_is_noticed_and_the_one_before_is_taken(tmp_path, two, harm):
    folder = Path(shutil.copytree(two[0], tmp_path / "c"))
    old, new = sorted(folder.glob("round-0*"))
    HARMS[harm](new, old)
    model = Rich()
    with pytest.warns(UserWarning, match=f"{new.name} cannot be read .*trying the one before"):
        history = once(model, epochs=4, checkpoint=folder, resume=True)
    assert same(model, two[1]) and dict(history) == dict(two[2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        once(Rich(), epochs=4, checkpoint=folder, resume=True)


@pytest.mark.parametrize(("at", "value"), [
    (("standing", "rounds"), "3"), (("standing", "rounds"), -1), (("standing", "positions", "x"), -8),
    (("standing", "positions", "x"), 2.5), (("standing", "best"), None), (("standing", "seconds"), "1"), (("standing", "scalars"), {}), (("standing",), []),
])  # fmt: skip
def test_older_formats_notice_wrong_types(tmp_path, two, at, value):
    folder = Path(shutil.copytree(two[0], tmp_path / "c"))
    older(folder, version=2)
    edit(folder, at, value)
    model = Rich()
    before = weights(model)
    with pytest.warns(UserWarning), pytest.raises(CheckpointError, match=r"none of .*round-\d+ cannot be read"):
        once(model, epochs=4, checkpoint=folder, resume=True)
    assert equal(weights(model), before)


@pytest.mark.parametrize("version", [1, 2])
def test_older_formats_go_on_and_are_followed_by_ours(tmp_path, two, version):
    folder = Path(shutil.copytree(two[0], tmp_path / "c"))
    older(folder, version)
    model, fresh = Rich(), Rich()
    history = load(fresh, folder)
    assert equal(weights(fresh), two[3]) and history == two[4] and history.trained == two[4].trained
    history = once(model, epochs=4, checkpoint=folder, resume=True)
    assert same(model, two[1]) and dict(history) == dict(two[2])
    assert load(Rich(), folder) == history
    with pytest.raises(CheckpointError, match="another run.*seed"):
        once(Rich(), epochs=4, checkpoint=folder, resume=True, seed=9)


def test_a_newer_format_is_refused(tmp_path, two):
    folder = Path(shutil.copytree(two[0], tmp_path / "c"))
    edit(folder, ("format",), 4)
    with pytest.raises(CheckpointError, match="newer lecturekit: its format is 4"):
        once(Rich(), epochs=4, checkpoint=folder, resume=True)


def test_a_folder_that_holds_rounds_is_never_started_anew(tmp_path, two):
    folder = Path(shutil.copytree(two[0], tmp_path / "c"))
    for path in folder.glob("round-*"):
        (path / "facts.json").unlink()
    with pytest.warns(UserWarning), pytest.raises(CheckpointError, match="none of the checkpoints .*facts.json"):
        once(Rich(), epochs=4, checkpoint=folder, resume=True)
    with pytest.raises(CheckpointError, match="holds a checkpoint already"):
        once(Rich(), epochs=4, checkpoint=folder)


# --- the history ------------------------------------------------------------------------------------------------------


def test_the_history_is_written_once_and_each_checkpoint_knows_its_own(tmp_path):
    model, sizes = Plain(), []
    expected = run(Plain(), epochs=5)
    run(model, epochs=3, checkpoint=tmp_path, callbacks=[lambda m, h: sizes.append(len(h["p/loss"]))])
    lines = (tmp_path / "history.jsonl").read_bytes().splitlines(keepends=True)
    assert sum(len(json.loads(line)["p/loss"][1]) for line in lines) == sizes[-1] == 37
    old, new = (
        json.loads((p / "facts.json").read_text())["history"]["bytes"] for p in sorted(tmp_path.glob("round-*"))
    )
    assert old < new == sum(map(len, lines)) and not any("history" in n for n in tensors_of(tmp_path))
    with (tmp_path / "history.jsonl").open("ab") as file:
        file.write(b'{"p/loss": [[0.0], [7.')  # a kill between the history and the facts
    history = run(Plain(), epochs=5, checkpoint=tmp_path, resume=True)
    assert dict(history) == dict(expected) and history.epochs("p/loss") == expected.epochs("p/loss")
    assert load(Plain(), tmp_path) == history and history.since({}) == expected.since({})


def tensors_of(folder):
    return load_file(max(folder.glob("round-*")) / "rank0.safetensors")


def test_a_history_that_was_thrown_away_costs_the_history_alone(tmp_path):
    expected = Plain()
    once(expected, epochs=3)
    once(Plain(), epochs=1, checkpoint=tmp_path)
    (tmp_path / "history.jsonl").unlink()
    model = Plain()
    with pytest.warns(UserWarning, match="history.jsonl is missing: what had been logged is lost"):
        history = once(model, epochs=3, checkpoint=tmp_path, resume=True)
    assert torch.equal(model.a.weight, expected.a.weight)
    assert len(history["p/loss"]) == 24 and load(Plain(), tmp_path) == history


def test_a_history_that_is_cut_while_the_run_goes_on_is_written_anew(tmp_path):
    cut = lambda model, history: (tmp_path / "history.jsonl").write_bytes(b"") if history.trained == 3 else None
    history = run(Plain(), DATA[:96], epochs=4, checkpoint=tmp_path, callbacks=[cut])
    assert load(Plain(), tmp_path) == history and len(history["p/loss"]) == 48


def test_a_history_has_what_came_after():
    history = History()
    history.add("a", [0.0, 1.0], [5.0, 6.0])
    history.add("b", [2.0], [7.0])
    assert history.since({}) == {"a": ([0.0, 1.0], [5.0, 6.0]), "b": ([2.0], [7.0])}
    assert history.since({"a": 1, "b": 1}) == {"a": ([1.0], [6.0])} and history.since({"a": 2, "b": 1}) == {}
    assert history.since({"a": 2}) == {"b": ([2.0], [7.0])}


# --- the weights alone ------------------------------------------------------------------------------------------------


def test_load_takes_the_weights_without_data(tmp_path):
    score = iter([1.0, 3.0, 2.0, 0.0, 0.0, 0.0])
    at = []
    note = lambda model, history: at.append(weights(model))
    rule = {
        "validate": lambda m: {"elbo": next(score)},
        "early_stopping": EarlyStopping(patience=3),
        "callbacks": [note],
    }
    model = Plain(schedule=lambda p: 1.0)
    history = run(model, DATA[:96], checkpoint=tmp_path, epochs=6, ema=0.5, **rule)
    assert history.stopped and len(at) == 5
    fresh = {which: Plain(lr=7.0) for which in ("last", "averaged", "best")}
    for which, m in fresh.items():
        again = load(m.train(), tmp_path, weights=which)
        assert not m.training and again == history and again.stopped and again.trained == history.trained
        assert again.seconds > 0 and again.precision == "float32"
    assert equal(weights(fresh["last"]), weights(model))
    assert equal(weights(fresh["averaged"]), at[-1]) and not equal(at[-1], at[1])
    assert equal(weights(fresh["best"]), at[1])


@pytest.mark.parametrize(("model", "options", "words"), [
    (lambda: Plain(scale=3.0), {}, "another run: options.scale was 1.0 and is 3.0"),
    (lambda: Plain(mask=[True, False, False]), {}, "another run: buffers.mask"),
    (lambda: Plain().double(), {}, "tensors.a.weight.*float64"),
    (lambda: Rich(), {}, "model was 'Plain' and is 'Rich'"),
    (lambda: Plain(), {"weights": "averaged"}, "no averaged weights"),
    (lambda: Plain(), {"weights": "best"}, "no best weights"),
    (lambda: Plain(), {"weights": "bset"}, "unknown weights 'bset': did you mean 'best'"),
    (lambda: Plain(), {"weights": None}, "weights"),
    (lambda: Plain(), {"changes": "lr"}, "changes must be a sequence"),
    (lambda: Plain(), {"folder": "none"}, "there is no checkpoint in .*none"),
    (lambda: Plain, {}, "must be a GenerativeModel"),
    (lambda: nn.Linear(3, 3), {}, "must be a GenerativeModel"),
])  # fmt: skip
def test_load_refuses_and_leaves_the_model_alone(tmp_path, model, options, words):
    once(Plain(), checkpoint=tmp_path, epochs=1)
    model = model()
    before = weights(model) if isinstance(model, nn.Module) else {}
    if options.get("folder"):
        options = options | {"folder": tmp_path / options["folder"]}
    with pytest.raises((CheckpointError, ValueError, TypeError), match=words):
        inspect.unwrap(load)(model, **{"folder": tmp_path} | options)
    assert not before or equal(weights(model), before)


# --- folders ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", " ", "run\0x", 5, True, b"run", ["run"]])
def test_what_is_no_path_is_refused(path):
    with pytest.raises((TypeError, ValueError), match="checkpoint must be the path of a folder, not"):
        inspect.unwrap(Folder.__init__)(object.__new__(Folder), path, Ranks())


def test_a_folder_that_cannot_be_written_or_read_is_found_out_before_the_training(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "in", "/dev/null/c", tmp_path / ("x" * 300)):
        with pytest.raises(CheckpointError, match="cannot save a checkpoint in .*nothing had been|File name too long"):
            run(Rich(stop_at=1), checkpoint=path, resume=True)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with pytest.raises(CheckpointError, match="cannot save a checkpoint"):
            run(Rich(stop_at=1), checkpoint=tmp_path / "full")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    def denied(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", denied)
    with pytest.raises(CheckpointError, match="the folder .* cannot be read .*Permission denied"):
        run(Rich(stop_at=1), checkpoint=tmp_path / "locked", resume=True)


def test_two_writers(tmp_path):
    def other_process():
        pid = os.fork()
        if pid == 0:
            checkpoint.HELD.clear()  # its parent's, which another program would not have
            try:
                with Folder(tmp_path, Ranks()).held():
                    os._exit(0)
            except CheckpointError as error:
                os._exit(1 if "in use by another run" in str(error) else 2)
            finally:
                os._exit(3)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    training = rounds(Plain(), DATA, epochs=2, batch_size=8, seed=3, checkpoint=tmp_path, save_every=0)
    next(training)
    for where in (tmp_path, f"{tmp_path}/../{tmp_path.name}"):
        with pytest.raises(CheckpointError, match="in use by another run; give each run a folder"):
            once(Plain(), checkpoint=where, epochs=2, resume=True)
    assert other_process() == 1
    next(training)
    assert other_process() == 1  # refusing one did not give it up
    training.close()
    assert other_process() == 0
    once(Plain(), checkpoint=tmp_path, epochs=2, resume=True)


def test_rounds_are_sorted_as_numbers_and_the_newest_two_stay(tmp_path):
    folder = Folder(tmp_path, Ranks())
    for number in (9, 10, 10**9 - 1, 10**9):
        folder.save(number, {"n": torch.tensor(number)}, {"identity": {}})
    flip(folder.newest() / "rank0.safetensors", -1)
    again = Folder(tmp_path, Ranks())
    with pytest.warns(UserWarning, match="round-1000000000 cannot be read"):
        assert again.load()[0]["n"] == 10**9 - 1
    shutil.move(tmp_path / "round-999999999", tmp_path / "round-000000020")
    again.save(
        30, {"n": torch.tensor(30)}, {"identity": {}}
    )  # the damaged one makes room, though its number is the largest
    assert [p.name for p in again.saved()] == ["round-000000020", "round-000000030"]
    for number in (10**9 - 1, 10**9):
        folder.save(number, {"n": torch.tensor(number)}, {"identity": {}})
    (tmp_path / "round-x").mkdir()
    (tmp_path / "round-2000000000").write_text("a file")
    assert [p.name for p in folder.saved()] == ["round-999999999", "round-1000000000"]
    assert folder.newest().name == "round-1000000000" and folder.load()[0]["n"] == 10**9
    for name in ("round-9", "round-10"):
        (tmp_path / "d" / name).mkdir(parents=True)
    assert Folder(tmp_path / "d", Ranks()).newest().name == "round-10"


def test_what_is_interrupted_while_it_saves_leaves_two_whole_checkpoints(tmp_path, monkeypatch):
    """A second Ctrl-C in the last step, when the oldest is about to be deleted, and when it half is."""
    real = shutil.rmtree
    for moment in ("deleting", "flushing"):
        folder = tmp_path / moment
        run(Plain(), checkpoint=folder, epochs=3)

        def interrupted(path, *rest, folder=folder, moment=moment, **more):
            if moment == "flushing" or not (Path(path) / "rank0.safetensors").exists():
                return real(path, *rest, **more)
            (Path(path) / "facts.json").unlink()
            raise KeyboardInterrupt

        monkeypatch.setattr(shutil, "rmtree", interrupted)

        def flushed(path, folder=folder, to_disk=checkpoint._to_disk):
            if path == folder:
                raise KeyboardInterrupt
            to_disk(path)

        monkeypatch.setattr(checkpoint, "_to_disk", flushed if moment == "flushing" else checkpoint._to_disk)
        with pytest.raises(KeyboardInterrupt):
            run(Plain(), checkpoint=folder, epochs=5, resume=True)
        monkeypatch.undo()
        assert (
            all((p / "facts.json").exists() for p in folder.glob("round-*")) and len(list(folder.glob("round-*"))) == 2
        )
        assert run(Plain(), checkpoint=folder, epochs=5, resume=True).trained >= 5


def test_a_callback_that_changes_the_folder_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "else").mkdir()
    run(Plain(), checkpoint="run", epochs=2, callbacks=[lambda m, h: os.chdir(tmp_path / "else")])
    assert len(list((tmp_path / "run").glob("round-*"))) == 2 and not list((tmp_path / "else").iterdir())


# --- small things -----------------------------------------------------------------------------------------------------


def test_names_with_a_slash_are_refused_at_once():
    with pytest.raises(ValueError, match="player 'g/x': a name is a word.*without /"):
        once(Plain(name="g/x"))


@pytest.mark.parametrize("changes", ["lr", 5, None, [1]])
def test_changes_are_a_sequence_of_names(tmp_path, changes):
    with pytest.raises(TypeError, match="changes must be a sequence of words"):
        inspect.unwrap(fit)(Rich(stop_at=1), DATA, epochs=1, checkpoint=tmp_path, resume=True, changes=changes)


def test_a_buffer_may_be_infinite_but_a_broken_weight_is_named(tmp_path):
    model = Plain()
    model.register_buffer("causal", torch.tensor([0.0, -math.inf]))
    once(model, checkpoint=tmp_path, epochs=1)
    for name, value in (("a.bias", math.nan), ("a.bias", math.inf), ("causal", math.nan)):
        spoil = Plain(after=lambda: spoil.state_dict()[name].fill_(value))  # noqa: B023
        spoil.register_buffer("causal", torch.tensor([0.0, -math.inf]))
        with pytest.raises(Diverged, match=f": {name}"):
            once(spoil, checkpoint=tmp_path / "b", epochs=1, batch_size=97)


def test_digests_take_no_copy_of_the_data():
    x, y = torch.randn(3000, 700), torch.arange(3000)
    plain = lambda *tensors: hashlib.sha256(b"None" + b"".join(t.numpy().tobytes() for t in tensors)).hexdigest()
    stream = lambda data: Stream(data, 8, 0, 0, torch.device("cpu")).identity()["sha256"]
    assert stream((x, y)) == plain(x, y) and stream(x) == plain(x)
    odd = x.T[:, ::2]
    assert stream(odd) == plain(odd.contiguous()) != stream(odd.contiguous()[:-1])
    big = torch.zeros(3, 5_000_000)  # rows of 20 MB, each more than is hashed at once
    big[2, -1] = 1
    assert stream(big) == plain(big) != stream(torch.zeros_like(big))
    tracemalloc.start()
    stream(big)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6
    for t in (torch.tensor([True, False]), torch.ones(2, dtype=torch.bfloat16), torch.ones(2, dtype=torch.complex64)):
        assert stream(t) != stream(~t if t.dtype == torch.bool else -t)


def test_data_of_ones_own_say_what_they_are(tmp_path):
    class Own:
        def __len__(self):
            return len(DATA)

        def to(self, device):
            return self

        def batch(self, index):
            return DATA[index], None

    model = Rich(stop_at=1)
    before = weights(model)
    with pytest.raises(TypeError, match=r"data of your own need digest\(\) for a checkpoint"):
        once(model, Own(), checkpoint=tmp_path)
    assert equal(weights(model), before)
    Own.digest = lambda self: "mine"
    once(Plain(), Own(), checkpoint=tmp_path, epochs=1)
    once(Plain(), Own(), checkpoint=tmp_path, epochs=2, resume=True)


class Noisy(Plain):
    """Draws from a second generator, as models on a GPU do."""

    def __init__(self, second):
        super().__init__()
        self._second = second

    def players(self):
        def loss(batch):
            return {"loss": (self.a(batch.x) - torch.randn(3, generator=self._second)).square().mean()}

        return [Player(name="p", moves=self.a, loss=loss)]


def test_the_random_numbers_of_the_device_are_saved_and_another_device_begins_its_own(tmp_path, monkeypatch):
    def go(epochs=2, seed=7, **options):
        second = torch.Generator().manual_seed(seed)
        monkeypatch.setattr(state, "generators", lambda device: [torch.default_generator, second])
        model = Noisy(second)
        once(model, epochs=2, **options)
        return model.a.weight.detach()

    plain = go()
    go(checkpoint=tmp_path, callbacks=[interrupt_at(1)])
    assert torch.equal(go(seed=8, checkpoint=tmp_path, resume=True), plain)
    shutil.rmtree(tmp_path)
    go(checkpoint=tmp_path, callbacks=[interrupt_at(1)])
    edit(tmp_path, ("standing", "device"), "mps")
    with pytest.warns(UserWarning, match="device: mps when saved, cpu now; the result may differ in noise"):
        assert not torch.equal(go(seed=8, checkpoint=tmp_path, resume=True), plain)
