"""`backprop train --plot`: from a trained model and its data to the picture of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from backprop.plot_file import format_of, write_plot

if TYPE_CHECKING:
    from backprop.datasets.dataset import Dataset
    from backprop.training.model_file import Model

plot_option = click.option(
    "--plot",
    "plot_path",
    metavar="FILE",
    help="Draw how training went, what the units look for and what is taken for what, as FILE.png"
    " or FILE.svg, by matplotlib.",
)


def write_picture(path: str, model: Model, data: Dataset) -> None:
    """Draw the run of a model that has been trained on the data."""
    from backprop import plots
    from backprop.training.evaluation import evaluate
    from backprop.training.samples import split_samples

    samples, test = split_samples(model.net, data)
    scores = evaluate(model.net, test or samples)
    run = plots.Run(
        loss=[epoch.loss for epoch in model.history],
        accuracy=[epoch.test_accuracy for epoch in model.history],
        passed=[None if e.audit is None else e.audit.startswith("pass") for e in model.history],
        weights=model.net.weights[0],
        image_shape=data.image_shape,
        predicted=scores.predicted,
        expected=scores.expected,
        images=data.test_images,
        classes=model.net.shape[-1],
    )
    shape = "-".join(map(str, model.net.shape))
    title = f"{data.name}, {shape}, learning rate {model.learning_rate:g}"
    write_plot(path, plots.draw(run, format_=format_of(path), title=title))
