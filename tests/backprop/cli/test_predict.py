import json
from pathlib import Path

import numpy as np
from PIL import Image

from backprop.datasets import idx, sources
from tests.backprop.cli.runs import bad, good


def test_predict_takes_pictures_and_idx_alike(trained: Path, tmp_path: Path) -> None:
    """The same digit as PNG, deep, colour, as floats, as IDX and gzipped: the same answer."""
    data = sources.load("digits")
    pixels = data.test_images[3].reshape(8, 8)
    bright = np.round(pixels * (255 / 16)).astype(np.uint8)
    Image.fromarray(bright).save(tmp_path / "grey.png")
    Image.fromarray(np.dstack([bright] * 3)).save(tmp_path / "colour.png")
    Image.fromarray(bright.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    Image.fromarray((pixels / 16).astype(np.float32)).save(tmp_path / "float.pfm")
    idx.write(tmp_path / "one.idx", pixels)
    idx.write(tmp_path / "many.gz", data.test_images[:5].reshape(-1, 8, 8))
    names = ["grey.png", "colour.png", "deep.png", "float.pfm", "one.idx", "many.gz"]
    paths = [tmp_path / name for name in names]
    result = good("predict", trained, *paths, "--json", tmp_path / "r")
    found = json.loads((tmp_path / "r").read_text())
    assert [row["image"] for row in found] == [
        *map(str, paths[:5]),
        *(f"{paths[5]}[{i}]" for i in range(5)),
    ]
    same = [found[i] for i in (0, 1, 2, 3, 4, 8)]
    assert {row["class"] for row in same} == {int(data.test_labels[3])}
    for row in same:
        np.testing.assert_allclose(row["outputs"], found[8]["outputs"], atol=0.05)
    first = f"{paths[0]}: {found[0]['class']} (activation {max(found[0]['outputs']):.4f})"
    assert result.stdout.splitlines()[0] == first
    assert json.loads(good("predict", trained, *paths, "--json", "-").stdout) == found


def test_predict_refuses_what_it_cannot_take(trained: Path, tmp_path: Path) -> None:
    """Wrong size, no image, no file, no pixels: each by name."""
    Image.fromarray(np.zeros((28, 20), np.uint8)).save(tmp_path / "large.png")
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "cut.png").write_bytes((tmp_path / "large.png").read_bytes()[:40])
    idx.write(tmp_path / "large.idx", np.zeros((1, 28, 28), np.uint8))
    idx.write(tmp_path / "labels.idx", np.zeros(3, np.uint8))
    (tmp_path / "cut.idx").write_bytes(b"\x00\x00\x08")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "program.png", format="EPS")
    for name, brightest in {"bright.pfm": 255, "nan.pfm": np.nan, "dark.pfm": -1}.items():
        Image.fromarray(np.full((8, 8), brightest, np.float32)).save(tmp_path / name)
    for name, message in {
        "bright.pfm": "expected greys from 0, black, to 1, white, found 255 to 255; scale them",
        "nan.pfm": "expected greys from 0, black, to 1, white, found nan to nan",
        "dark.pfm": "expected greys from 0, black, to 1, white, found -1 to -1",
        "large.png": "expected 8 x 8 pixels (width x height), the size the model was trained on,"
        " found 20 x 28",
        "text.png": "a picture (PNG, JPEG, BMP, GIF, WebP, PGM) or an IDX file, found neither",
        "cut.png": "expected",
        "program.png": "or an IDX file, found neither (cannot identify image file",
        "large.idx": "found 28 x 28",
        "labels.idx": "expected images of bytes, (count, rows, columns), found shape (3,)",
        "cut.idx": "expected",
        "none.png": "expected an image, found: No such file or directory",
    }.items():
        found = bad(2, "predict", trained, tmp_path / name)
        assert f"Error: {tmp_path / name}: " in found or f"{tmp_path / name}" in found
        assert message in found
    assert "IMAGE" in bad(2, "predict", trained)
