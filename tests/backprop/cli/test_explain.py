from pathlib import Path

import numpy as np
from PIL import Image

from backprop.datasets import idx, sources
from tests.backprop.cli.runs import bad, good


def test_explain_takes_a_shape_or_a_model(trained: Path, tmp_path: Path) -> None:
    """2-2-1 by default; widths in any spelling."""
    assert good("explain").stdout.startswith("A 2-2-1 gear train")
    assert good("explain", 3, 4, 2).stdout == good("explain", "3-4-2").stdout
    assert good("explain", trained).stdout.startswith("A 64-40-10 gear train")
    softmax = good("explain", "2-3", "--cost", "softmax-cross-entropy")
    assert "softmax" in softmax.stdout


def test_explain_takes_a_model_as_it_is(trained: Path) -> None:
    """Options that describe a network are refused beside one; the seed is the sample's."""
    for options in (["--activation", "tanh"], ["--cost", "quadratic", "--activation", "sigmoid"]):
        said = bad(2, "explain", trained, *options)
        assert f"{trained}: expected no options that describe a network, got --" in said
        for option in options:
            assert option in said
        assert said.endswith("; leave them out, or give a shape")
    assert good("explain", trained, "--seed", 1).stdout != good("explain", trained).stdout


def test_explain_follows_a_weight(trained: Path, tmp_path: Path) -> None:
    """With a shape or a model; drawn to a file or to standard output."""
    drawn = tmp_path / "train.svg"
    said = good("explain", 3, 2, 1, "--weight", "W1[0, 1]", "--svg", drawn).stdout
    assert "W1[0, 1] -> z1[1]" in said
    assert said == good("explain", "3-2-1", "--weight", "W1[0,1]").stdout
    svg = good("explain", "3-2-1", "--weight", "W1[0,1]", "--svg", "-").stdout
    assert drawn.read_text() == svg
    assert svg.startswith("<svg")
    wide = good("explain", "--model", trained, "--weight", "b1[7]").stdout
    assert "the other 5 paths add up to" in wide
    assert good("explain", trained, "--weight", "b1[7]").stdout == wide
    assert "from W1[" in good("explain", 3, 2, 1, "--svg", "-").stdout.lower().replace("w1", "W1")


def test_explain_takes_a_picture(trained: Path, tmp_path: Path) -> None:
    """One, of the size that the network takes; and the class that it shows."""
    pixels = sources.load("digits").test_images[3].reshape(8, 8)
    Image.fromarray((pixels * (255 / 16)).round().astype(np.uint8)).save(tmp_path / "seven.png")
    idx.write(tmp_path / "two.idx", np.zeros((2, 8, 8), np.uint8))
    of = ("explain", trained, "--image", tmp_path / "seven.png")
    assert good(*of).stdout != good("explain", trained).stdout
    assert "target      y = [0, 0, 1, 0" in good(*of, "--label", 2).stdout
    assert "--label: expected 0 to 9, one for each output, got 10" in bad(2, *of, "--label", 10)
    said = bad(2, "explain", trained, "--image", tmp_path / "two.idx")
    assert "--image: expected one picture, found 2 in" in said


def test_explain_names_the_option_that_does_not_fit(trained: Path, tmp_path: Path) -> None:
    """The weight, the model, the file."""
    said = bad(2, "explain", 3, 2, 1, "--weight", "W1[9, 9]")
    assert "Error: --weight: expected W1[0, 0] to W1[2, 1], counted from 0, got W1[9, 9]" in said
    said = bad(2, "explain", 3, 2, 1, "--weight", "W1[0,", "1]")
    assert "--weight: expected a name such as W1[0, 1], got 'W1[0,'; put it in quotes" in said
    said = bad(2, "explain", 3, 2, 1, "--model", trained)
    assert "--model: expected no MODEL or SHAPE beside it, got 3 2 1" in said
    said = bad(2, "explain", 3, 2, 1, "--svg", tmp_path / "none" / "a.svg")
    assert "--svg: expected a file that can be written" in said
    assert "none: expected" in bad(2, "explain", "--model", tmp_path / "none")
