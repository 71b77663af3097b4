"""`backprop train --plot` draws the run that it was, or says beforehand why it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backprop import plot_file, plots
from backprop.plots import Run
from backprop.training.model_file import load_model
from tests.backprop.cli.runs import DIGITS, bad, good


def test_the_picture_is_of_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All its epochs, those before a --resume too, their audits, and the network as it is."""
    drawn: list[Run] = []
    inner = plots.draw

    def draw(run: Run, **options: Any) -> bytes:
        drawn.append(run)
        return inner(run, **options)

    monkeypatch.setattr(plots, "draw", draw)
    model, picture = tmp_path / "m.safetensors", tmp_path / "run.png"
    good(*DIGITS, "--epochs", 1, "--save", model)
    good(*DIGITS, "--epochs", 2, "--save", model, "--resume", "--no-audit", "--plot", picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    (run,) = drawn
    kept = load_model(model)
    assert run.loss == [epoch.loss for epoch in kept.history]
    assert run.passed == [True, None]
    assert (run.classes, run.image_shape) == (10, (8, 8))
    np.testing.assert_array_equal(run.weights, kept.net.weights[0])
    right = float(np.mean(run.predicted == run.expected))
    assert right == pytest.approx(kept.history[-1].test_accuracy)
    assert len(run.images) == len(run.expected)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("run.jpg", "--plot: expected a file that ends in .png or .svg, got 'run.jpg'"),
        ("/nowhere/run.png", "--plot: expected a file that can be written, got"),
    ],
)
def test_what_cannot_be_drawn_is_told_before_training(path: str, said: str) -> None:
    """Nobody waits for it."""
    assert said in bad(2, *DIGITS, "--plot", path)


def test_without_matplotlib_nothing_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command to get it is told instead."""
    monkeypatch.setattr(plot_file, "find_spec", lambda name: None)
    assert 'pip install ".[plot]"' in bad(2, *DIGITS, "--plot", "run.png")
