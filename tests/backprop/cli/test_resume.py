import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backprop.datasets import idx, sources
from backprop.system import signals
from backprop.training.model_file import before_path, checkpoint_path, load_model
from tests.backprop.cli.runs import DIGITS, bad, command, environment, good

# train


@pytest.mark.usefixtures("quick")
def test_resuming_ends_in_the_same_bits(tmp_path: Path) -> None:
    """As an uninterrupted run, history included."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    good(*DIGITS, "--epochs", 4, "--save", whole)
    good(*DIGITS, "--epochs", 2, "--save", parts)
    result = good(*DIGITS, "--epochs", 4, "--save", parts, "--resume", "--json", "-")
    assert "after epoch 2" in result.stderr
    assert "epoch 2/4" not in result.stderr
    assert len(json.loads(result.stdout)["test_accuracy"]) == 4
    one, other = load_model(whole), load_model(parts)
    for a, b in zip(
        one.net.weights + one.net.biases, other.net.weights + other.net.biases, strict=True
    ):
        assert a.tobytes() == b.tobytes()
    assert [e.loss for e in one.history] == [e.loss for e in other.history]


@pytest.mark.usefixtures("quick")
def test_resuming_without_a_checkpoint_starts_anew(tmp_path: Path) -> None:
    """And says so."""
    result = good(*DIGITS, "--epochs", 1, "--save", tmp_path / "m", "--resume")
    assert "no checkpoint there, starting anew" in " ".join(result.stdout.split())
    assert (tmp_path / "m").exists()


@pytest.mark.usefixtures("quick")
def test_the_rate_may_change_on_resuming(tmp_path: Path) -> None:
    """It is kept for each epoch, and taken up again where none is asked for."""
    save = ("--save", tmp_path / "m")
    good(*DIGITS, "--epochs", 1, *save)
    said = good(*DIGITS, "--epochs", 2, *save, "--resume", "--learning-rate", 2).stdout
    assert "at learning rate 2 instead of 5" in " ".join(said.split())
    result = good(*DIGITS, "--epochs", 3, *save, "--resume", "--json", "-")
    found = json.loads(result.stdout)
    assert (found["learning_rate"], found["learning_rates"]) == (2.0, [5.0, 2.0, 2.0])
    assert "instead of" not in result.stderr
    assert [e.learning_rate for e in load_model(tmp_path / "m").history] == [5.0, 2.0, 2.0]


@pytest.mark.usefixtures("quick")
def test_divergence_keeps_the_last_finite_checkpoint(tmp_path: Path) -> None:
    """It is named, and training goes on from it."""
    options = (*DIGITS, "--activation", "tanh,identity", "--save", tmp_path / "m", "--resume")
    good(*options, "--epochs", 1)
    before = checkpoint_path(tmp_path / "m").read_bytes()
    said = bad(1, *options, "--epochs", 3, "--learning-rate", 50)
    assert "NaN or infinity in epoch 2, minibatch" in said
    assert "m.checkpoint keeps epoch 1, all of it finite; go on from it with --resume" in said
    assert checkpoint_path(tmp_path / "m").read_bytes() == before
    good(*options, "--epochs", 2, "--learning-rate", 0.05)


@pytest.mark.usefixtures("quick")
def test_resuming_what_is_done_trains_no_more(tmp_path: Path) -> None:
    """The model is written from the checkpoint, which is said; the results are of all epochs."""
    good(*DIGITS, "--epochs", 2, "--save", tmp_path / "m")
    before = (tmp_path / "m").read_bytes()
    for asked in (2, 1):
        (tmp_path / "m").unlink()
        options = [
            "--epochs",
            asked,
            "--save",
            tmp_path / "m",
            "--resume",
            "--json",
            tmp_path / "r",
        ]
        said = " ".join(good(*DIGITS, *options).stdout.split())
        assert f"nothing to train: 2 epochs are done, and --epochs {asked} asks for no more" in said
        assert "epoch 1/" not in said
        assert (tmp_path / "m").read_bytes() == before
        found = json.loads((tmp_path / "r").read_text())
        assert found["epochs"] == len(found["loss"]) == 2


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seed", 1], "expected a checkpoint with seed 1, found 0"),
        (["--shape", "64-4-10"], "with shape 64-4-10, found 64-40-10"),
        (["--batch-size", 10], "with batch_size 10, found 20"),
        (["--cost", "cross-entropy"], "with cost cross-entropy, found quadratic"),
        (["--dtype", "float64"], "with dtype float64, found float32"),
    ],
)
def test_another_runs_checkpoint_is_refused(
    trained: Path, options: list[Any], message: str
) -> None:
    """With exit code 2, and without touching model or checkpoint."""
    before = trained.read_bytes(), checkpoint_path(trained).read_bytes()
    assert message in bad(2, *DIGITS, "--save", trained, "--resume", *options)
    assert (trained.read_bytes(), checkpoint_path(trained).read_bytes()) == before


@pytest.mark.usefixtures("quick")
def test_a_checkpoint_of_other_data_is_refused(tmp_path: Path) -> None:
    """Though their folder has the same name, and they have the same form."""
    digits = sources.load("digits")
    for parent in ("a", "b"):
        folder = tmp_path / parent / "own"
        folder.mkdir(parents=True)
        images = digits.train_images[:60] // (1 if parent == "a" else 2)
        for part, kept in (("train", slice(0, 40)), ("t10k", slice(40, 60))):
            pixels = images[kept].reshape(-1, 8, 8)
            idx.write(folder / f"{part}-images-idx3-ubyte", pixels)
            idx.write(folder / f"{part}-labels-idx1-ubyte", digits.train_labels[kept])
    train = ["train", "--epochs", 1, "--save", tmp_path / "m"]
    good(*train, "--data-dir", tmp_path / "a" / "own")
    more = [*train[:2], 2, *train[3:], "--resume"]
    message = bad(2, *more, "--data-dir", tmp_path / "b" / "own")
    assert "expected a checkpoint with data_checksum " in message
    assert "give the same options and data as before" in message
    good(*more, "--data-dir", tmp_path / "a" / "own")


@pytest.mark.usefixtures("quick")
def test_the_last_two_checkpoints_are_kept(tmp_path: Path) -> None:
    """Of a damaged one it is said, and the one before it is gone on from, to the same bits."""
    whole, save = tmp_path / "whole", tmp_path / "m"
    good(*DIGITS, "--epochs", 4, "--save", whole)
    good(*DIGITS, "--epochs", 3, "--save", save)
    last, before = checkpoint_path(save), before_path(checkpoint_path(save))
    assert [len(load_model(path).history) for path in (last, before)] == [3, 2]
    kept = last.read_bytes()
    for damaged in (kept[: len(kept) // 2], kept[:-1] + bytes([kept[-1] ^ 1]), b"", None):
        last.unlink()
        if damaged is not None:
            last.write_bytes(damaged)
        result = good(*DIGITS, "--epochs", 4, "--save", save, "--resume")
        said = " ".join(result.stdout.split())
        assert f"{last}: expected " in said
        assert f"going on from {before}, after epoch 2" in said
        assert save.read_bytes() == whole.read_bytes()
        assert [len(load_model(path).history) for path in (last, before)] == [4, 3]
        good(*DIGITS, "--epochs", 3, "--save", save, "--restart")


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    """By name, rather than started anew over it, where there is none before it that is whole."""
    last = checkpoint_path(tmp_path / "m")
    last.write_bytes(b"damaged")
    for _ in range(2):
        message = bad(2, *DIGITS, "--save", tmp_path / "m", "--resume")
        assert f"{last}: expected a model" in message
        before_path(last).write_bytes(b"damaged, too")
    assert last.read_bytes() == b"damaged"


@pytest.mark.usefixtures("quick")
def test_a_checkpoint_that_another_run_left_is_not_replaced_unasked(tmp_path: Path) -> None:
    """Nor the one before it; --restart asks for that."""
    save = tmp_path / "m"
    good(*DIGITS, "--epochs", 2, "--save", save)
    last, before = checkpoint_path(save), before_path(checkpoint_path(save))
    kept = last.read_bytes(), before.read_bytes()
    told = bad(2, *DIGITS, "--epochs", 1, "--save", save)
    assert f"--save: expected no checkpoint of an earlier run, found {last}; give --resume" in told
    assert (last.read_bytes(), before.read_bytes()) == kept
    good(*DIGITS, "--epochs", 1, "--save", save, "--restart")
    assert len(load_model(last).history) == 1
    last.unlink()
    assert f"found {before}; give --resume" in bad(2, *DIGITS, "--epochs", 1, "--save", save)
    for wrong in (["--restart"], ["--restart", "--resume", "--save", save]):
        assert "--restart: expected --save M, whose" in bad(2, *DIGITS, *wrong)


def test_ctrl_c_keeps_the_checkpoint(trained: Path, tmp_path: Path) -> None:
    """Exit code 130, a plain message, no model file, and a checkpoint that can be gone on from."""
    save = tmp_path / "m"
    options = ["--epochs", 100000, "--save", save]
    process = subprocess.Popen(
        command(*DIGITS, *options),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not checkpoint_path(save).exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert load_model(checkpoint_path(save)).history
    assert f"; the same command with --resume goes on from {save}.checkpoint" in stderr
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left in (["m.checkpoint"], ["m.checkpoint", "m.checkpoint.before"])


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there are no such signals here")
def test_a_signal_ends_a_run_after_its_minibatch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: int
) -> None:
    """What is kept is gone on from to the same bits, wherever in an epoch it came."""
    whole, results = tmp_path / "whole", tmp_path / "r.json"
    good(*DIGITS, "--epochs", 3, "--save", whole)
    inner, minibatches = signals.postponed, 0
    at = 0

    @contextlib.contextmanager
    def postponed() -> Iterator[Callable[[], None]]:
        with inner() as stop_if_asked:

            def counted() -> None:
                nonlocal minibatches
                minibatches += 1
                if minibatches == at:
                    signal.raise_signal(getattr(signal, name))
                stop_if_asked()

            yield counted

    monkeypatch.setattr(signals, "postponed", postponed)
    # In the first minibatch, within the first epoch, after its last minibatch, and later.
    for at, said in (
        (1, "epoch 0 and 20 samples of the next"),
        (40, "epoch 0 and 800 samples of the next"),
        (72, "epoch 1"),
        (73, "epoch 1 and 20 samples of the next"),
        (144, "epoch 2"),
    ):
        minibatches = 0
        save = tmp_path / f"m{at}"
        options = ["--epochs", 3, "--save", save, "--json", results]
        told = bad(code, *DIGITS, *options)
        assert f"interrupted after {said}; the same command with --resume goes on" in told
        found = json.loads(results.read_text())
        assert (found["model"], found["checkpoint"]) == (None, f"{save}.checkpoint")
        assert found["error"].startswith("interrupted after")
        assert not save.exists()
        good(*DIGITS, *options, "--resume")
        assert save.read_bytes() == whole.read_bytes()
    minibatches = 0
    assert "with --save M the model could have been kept" in bad(code, *DIGITS, "--epochs", 9**9)
    # An end within an epoch is no end of it.
    at, minibatches = 80, 0
    bad(code, *DIGITS, "--epochs", 3, "--save", tmp_path / "n")
    told = bad(2, *DIGITS, "--epochs", 1, "--save", tmp_path / "n", "--resume")
    assert "--epochs: expected 2 or more, for the checkpoint lies within that epoch, got 1" in told


def test_equal_runs_write_equal_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with a proof of its own."""
    for name in ("a", "b"):
        monkeypatch.setenv("GEARTRAIN_CACHE", str(tmp_path / f"cache {name}"))
        good(*DIGITS, "--epochs", 2, "--save", tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    checkpoints = [checkpoint_path(tmp_path / name).read_bytes() for name in ("a", "b")]
    assert checkpoints[0] == checkpoints[1]
