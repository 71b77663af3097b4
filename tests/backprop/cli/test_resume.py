import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from backprop.__main__ import gate
from backprop.cli import group, train
from backprop.datasets import idx, sources
from backprop.training.model_file import checkpoint_path, load_model
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


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    """By name, rather than started anew over it."""
    checkpoint_path(tmp_path / "m").write_bytes(b"damaged")
    message = bad(2, *DIGITS, "--save", tmp_path / "m", "--resume")
    assert f"{tmp_path / 'm'}.checkpoint: expected a model" in message


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
    assert f"interrupted; the same command with --resume goes on from {save}.checkpoint" in stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.checkpoint"]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("done", [1, 2])
def test_an_interrupt_right_after_a_checkpoint_was_written_knows_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    """Before anybody could have taken it down."""
    inner = train._save

    def save(path: str, model: Any) -> None:
        inner(path, model)
        if len(model.history) == done:
            raise KeyboardInterrupt

    monkeypatch.setattr(train, "_save", save)
    results = tmp_path / "r.json"
    options = ["--epochs", 5, "--save", tmp_path / "m", "--json", results]
    result = CliRunner().invoke(group.main, [str(word) for word in [*DIGITS, *options]], obj=gate)
    assert result.exit_code == 130
    assert "interrupted; the same command with --resume goes on from" in result.stderr
    found = json.loads(results.read_text())
    assert (found["epochs"], found["checkpoint"]) == (done, f"{tmp_path / 'm'}.checkpoint")
    assert len(load_model(found["checkpoint"]).history) == done


def test_interrupted_before_a_checkpoint() -> None:
    """The message does not promise what is not there."""
    for checkpoint in ("m", None):
        first = train._interrupted(0, checkpoint)
        assert first == "interrupted in the first epoch, before there was anything to keep"
    assert "after epoch 3; with --save M the model could" in train._interrupted(3, None)
