"""Plots show what the page shows, as PNG or SVG, with the same bytes each time."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from checks.methods.dispatch import run_check
from checks.output.page import Contents
from checks.output.plots import CELLS_COLOURS, plot
from tests.checks.problems import changed, network


def negated(gradient: dict[str, Any]) -> None:
    """One wrong weight."""
    gradient["W2"][3, 1] *= -1


@pytest.fixture(scope="module")
def failing() -> Contents:
    """With one wrong coordinate."""
    report = run_check(changed(network(), negated))
    return report.page_contents()


def red_share(data: bytes) -> float:
    """How much of a PNG has the colour of what is wrong."""
    image = np.asarray(Image.open(BytesIO(data)).convert("RGB")).astype(int)
    wrong = np.asarray([int(CELLS_COLOURS[1][k : k + 2], 16) for k in (1, 3, 5)])
    return float(np.mean(np.abs(image - wrong).max(axis=2) < 8))


def test_an_svg_says_what_is_wrong(failing: Contents) -> None:
    """The verdict above, a picture of each tensor, and the curves."""
    with mpl.rc_context({"svg.fonttype": "none"}):
        text = plot(failing, format_="svg", title="a & b").decode()
    for words in (failing.summary, "a &amp; b", "W2: 1 wrong of 15", "W1: 20", "Taylor test"):
        assert words in text


def test_a_png_is_red_where_something_is_wrong(failing: Contents) -> None:
    """More than that of a right gradient, whose curves alone have that colour."""
    right = run_check(network()).page_contents()
    data = plot(failing, format_="png")
    assert Image.open(BytesIO(data)).size[0] == 1650
    assert red_share(data) > 1.5 * red_share(plot(right, format_="png"))


@pytest.mark.parametrize("format_", ["png", "svg"])
def test_the_same_contents_give_the_same_bytes(failing: Contents, format_: str) -> None:
    """No date and no random names."""
    assert plot(failing, format_=format_) == plot(failing, format_=format_)


def test_a_dollar_in_a_name_is_no_formula(failing: Contents) -> None:
    """Users name tensors as they like."""
    coordinates = {"$x_{": failing.coordinates["W2"]}
    assert plot(replace(failing, coordinates=coordinates, summary="fail: $"), format_="svg")


def test_a_check_that_compared_nothing_has_a_plot_too(failing: Contents) -> None:
    """Of its verdict alone."""
    empty = replace(failing, coordinates={}, curves=type(failing.curves)())
    assert plot(empty, format_="png").startswith(b"\x89PNG")
