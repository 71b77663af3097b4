"""Pictures from no data set, shown to the README's model: where GEARTRAIN_DATA names MNIST."""

import json
import os
from pathlib import Path

import pytest

from tests.backprop.cli.pictures import draw, ten
from tests.backprop.cli.runs import good

MNIST = os.environ.get("GEARTRAIN_DATA")


@pytest.mark.skipif(not MNIST, reason="GEARTRAIN_DATA does not name a folder with MNIST")
@pytest.mark.usefixtures("quick")
def test_ten_pictures_are_read_by_the_readmes_model(tmp_path: Path) -> None:
    """Nine of them at least; and forty, with pens from thin to thick, in the same share."""
    model, folder = tmp_path / "m", tmp_path / "pictures"
    good("train", "--dataset", "mnist", "--data-dir", MNIST, "--save", model)
    folder.mkdir()
    expected = []
    for digit, picture in ten():
        picture.save(folder / f"0-{digit}.png")
        expected.append(digit)
    for row, width in enumerate((0.02, 0.08, 0.16), start=1):
        for digit in range(10):
            draw(digit, width=width).save(folder / f"{row}-{digit}.png")
            expected.append(digit)
    found = json.loads(good("predict", model, folder, "--json", "-").stdout)
    right = [row["class"] == digit for row, digit in zip(found, expected, strict=True)]
    assert sum(right[:10]) >= 9
    assert sum(right) >= 36
