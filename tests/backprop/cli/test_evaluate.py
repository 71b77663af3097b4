import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backprop.cli import evaluate
from backprop.datasets import idx, idx_folder
from backprop.training import evaluation
from backprop.training.model_file import load_model, save_model
from tests.backprop.cli.runs import bad, good


def test_evaluate_says_the_accuracy_of_training(trained: Path, tmp_path: Path) -> None:
    """On the model's own data set, class by class, and as JSON."""
    last = load_model(trained).history[-1]
    result = good("evaluate", trained, "--json", tmp_path / "r")
    assert f"accuracy {last.test_accuracy:.2%}, cost {last.loss:.5f}" in result.stdout
    found = json.loads((tmp_path / "r").read_text())
    assert found["accuracy"] == last.test_accuracy
    assert found["cost"] == pytest.approx(last.loss)
    correct = sum(row["correct"] for row in found["classes"])
    assert correct / 360 == last.test_accuracy
    assert sum(row["images"] for row in found["classes"]) == found["images"] == 360
    alone = good("evaluate", trained, "--json", "-")
    assert json.loads(alone.stdout) == found


def test_evaluate_names_the_worst_mistake() -> None:
    """Per class: how many, how many right, and what the others are most taken for."""
    scores = evaluation.Scores(
        cost=0.0,
        accuracy=0.5,
        predicted=np.array([0, 2, 2, 1, 1]),
        expected=np.array([0, 0, 0, 0, 1]),
    )
    rows = evaluate._by_class(scores, 3)
    assert rows[0] == {"class": 0, "images": 4, "correct": 1, "accuracy": 0.25, "mistaken_for": 2}
    assert (rows[1]["accuracy"], rows[1]["mistaken_for"]) == (1.0, None)
    assert (rows[2]["images"], rows[2]["accuracy"]) == (0, None)
    assert "    2       0        0         -  -" in evaluate._class_table(rows)


def test_evaluate_on_data_of_another_size(trained: Path, tmp_path: Path) -> None:
    """Refused with both sizes, and without advice to give a shape, which it does not take."""
    for role, (name, *_) in idx_folder.FILES.items():
        shape = (2, 3, 3) if "images" in role else (2,)
        idx.write(tmp_path / name, np.ones(shape, np.uint8))
    message = bad(2, "evaluate", trained, "--data-dir", tmp_path)
    assert "expected images of 64 pixels, the network's inputs, got 9" in message
    assert "give a shape" not in message


def test_evaluate_a_model_of_unknown_data(trained: Path, tmp_path: Path) -> None:
    """Asks for the data instead of guessing."""
    save_model(tmp_path / "m", replace(load_model(trained), dataset="mine"))
    message = bad(2, "evaluate", tmp_path / "m")
    assert "trained on mine, which cannot be had by that name; give --data-dir" in message
