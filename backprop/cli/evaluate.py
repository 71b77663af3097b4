"""The command `backprop evaluate`: how well a trained model does, class by class."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from backprop.cli.common import (
    Say,
    data_dir_option,
    json_option,
    load_data,
    require_places,
    say_to_stdout,
    silent,
    usage_errors,
)
from backprop.system.json_output import write_json
from backprop.system.terminal import Command

if TYPE_CHECKING:
    from backprop.training.evaluation import Scores
    from backprop.training.model_file import Model


@click.command(cls=Command)
@click.argument("model_path", metavar="MODEL", type=click.Path())
@click.option("--dataset", metavar="NAME", help="mnist or digits.  [default: the model's own]")
@data_dir_option
@json_option
def evaluate(
    model_path: str, dataset: str | None, data_dir: str | None, json_path: str | None
) -> None:
    """Accuracy and cost of MODEL on the test images, class by class."""
    from backprop.training import evaluation
    from backprop.training.model_file import load_model
    from backprop.training.samples import Samples, split_samples

    require_places(None, json_path, resume=False)
    say: Say = silent if json_path == "-" else say_to_stdout
    model = load_model(model_path)
    data = load_data(dataset or _own_dataset(model, data_dir, model_path), data_dir, say)
    with usage_errors():
        split_samples(model.net, data)
    images = Samples(x=data.test_images, y=data.test_labels, peak=model.peak)
    scores = evaluation.evaluate(model.net, images)
    classes = _by_class(scores, model.net.shape[-1])
    accuracy = "-" if scores.accuracy is None else f"{scores.accuracy:.2%}"
    say(f"accuracy {accuracy}, cost {scores.cost:.5f}, on {len(images):,} test images")
    say(_class_table(classes))
    if json_path:
        head = {"model": model_path, "dataset": data.name, "source": data.source}
        totals = {"images": len(images), "accuracy": scores.accuracy, "cost": scores.cost}
        write_json(json_path, {**head, **totals, "classes": classes})


def _own_dataset(model: Model, data_dir: str | None, path: str) -> str:
    """The data set that the model was trained on, where it can be had by name."""
    if data_dir is not None:
        return "auto"
    if model.dataset not in ("mnist", "digits"):
        raise click.UsageError(
            f"{path}: trained on {model.dataset or 'data without a name'}, which cannot be had by"
            " that name; give --data-dir or --dataset"
        )
    return model.dataset


def _by_class(scores: Scores, classes: int) -> list[dict[str, Any]]:
    """For every class: how many images, how many right, and what it is most taken for."""
    import numpy as np

    rows = []
    for label in range(classes):
        said = scores.predicted[scores.expected == label]
        counts = np.bincount(said, minlength=classes)
        right, counts[label] = int(counts[label]), 0
        rows.append(
            {
                "class": label,
                "images": len(said),
                "correct": right,
                "accuracy": right / len(said) if len(said) else None,
                "mistaken_for": int(counts.argmax()) if counts.any() else None,
            }
        )
    return rows


def _class_table(classes: Iterable[dict[str, Any]]) -> str:
    lines = ["class  images  correct  accuracy  most often mistaken for"]
    for row in classes:
        accuracy = "-" if row["accuracy"] is None else f"{row['accuracy']:.2%}"
        mistaken = "-" if row["mistaken_for"] is None else row["mistaken_for"]
        counts = f"{row['class']:>5}  {row['images']:>6,}  {row['correct']:>7,}"
        lines.append(f"{counts}  {accuracy:>8}  {mistaken}")
    return "\n".join(lines)
