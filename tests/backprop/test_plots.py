"""The picture of a run shows its epochs, units and mistakes, with the same bytes each time."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from backprop import plots
from backprop.plots import Run, confusion_matrix, mosaic


def run(**changes: Any) -> Run:
    """Three epochs on pictures of 3 by 2, of which two are taken for something else."""
    rng = np.random.default_rng(0)
    made = Run(
        loss=[0.5, 0.3, 0.2],
        accuracy=[0.4, 0.6, 0.8],
        passed=[True, None, False],
        weights=rng.normal(size=(6, 5)),
        image_shape=(3, 2),
        predicted=np.asarray([0, 1, 2, 2, 1]),
        expected=np.asarray([0, 1, 2, 1, 0]),
        images=rng.integers(1, 255, size=(5, 6), dtype=np.uint8),
        classes=3,
    )
    return replace(made, **changes)


def svg(what: Run) -> str:
    """The picture, with its words as text."""
    with mpl.rc_context({"svg.fonttype": "none"}):
        return plots.draw(what, format_="svg", title="digits & $").decode()


def test_it_says_what_it_shows() -> None:
    """Audits are told apart, mistakes are counted and named."""
    text = svg(run())
    for words in (
        "digits &amp; $", "loss", "test accuracy", "audit: the gradient passes",
        "audit: undecided", "no audit", "Taken for what: 2 of 5 wrong", "all 5",
        "What it gets wrong: the first 2", "1 as 2", "0 as 1",
    ):  # fmt: skip
        assert words in text
    assert "2 as" not in text


def test_what_is_not_there_is_not_shown() -> None:
    """Without audits, without accuracy, without mistakes."""
    text = svg(run(passed=[None] * 3, accuracy=[None] * 3, predicted=run().expected))
    assert "the gradient passes" not in text
    assert "test accuracy" not in text
    assert "It gets none wrong" in text


def test_no_history_is_drawn_too() -> None:
    """A picture of what there is."""
    assert "How training went" in svg(run(loss=[], accuracy=[], passed=[]))


def test_units_of_something_else_than_the_image_are_left_out() -> None:
    """Weights that are no picture."""
    assert "What the units" not in svg(run(weights=np.ones((4, 5))))


def test_many_units_and_classes_are_cut() -> None:
    """The picture says so."""
    text = svg(run(weights=np.ones((6, 100)), classes=30))
    assert "the first 40 of 100" in text


@pytest.mark.parametrize("format_", ["png", "svg"])
def test_the_same_run_gives_the_same_bytes(format_: str) -> None:
    """No date, no random names."""
    assert plots.draw(run(), format_=format_) == plots.draw(run(), format_=format_)


def test_a_png_is_an_image_of_one_size() -> None:
    """Not empty."""
    image = Image.open(BytesIO(plots.draw(run(), format_="png")))
    assert image.size == (1320, 990)
    assert np.asarray(image).std() > 10


def test_a_confusion_matrix_counts() -> None:
    """Rows are what is, columns what it was taken for."""
    found = confusion_matrix(np.asarray([0, 0, 1, 2]), np.asarray([0, 1, 1, 0]), 3)
    assert found.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]


def test_a_mosaic_keeps_each_picture_whole() -> None:
    """A line between them, and what is left over stays empty."""
    found = mosaic([np.full((2, 2), k) for k in range(3)], 2, fill=9)
    assert found.tolist() == [
        [0, 0, 9, 1, 1],
        [0, 0, 9, 1, 1],
        [9, 9, 9, 9, 9],
        [2, 2, 9, 9, 9],
        [2, 2, 9, 9, 9],
    ]
